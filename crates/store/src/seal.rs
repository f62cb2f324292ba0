//! Keys and sealing: what may hold a secret is written only through here.
//!
//! *Idea.* XChaCha20-Poly1305 with a random nonce. The envelope is `scheme ‖ key id ‖ nonce ‖ ciphertext`; the
//! associated data is table, column and row id, so that a sealed value cannot be moved elsewhere. Keys are derived
//! from the master key and the installation's salt. A random *root*, itself sealed, gives the key for digests and
//! fingerprints: it stays the same when the master key is replaced.
//!
//! *Guarantees.* A wrong master key is found out at once: key ids are derived from keys.

use std::{collections::BTreeMap, fmt};

use base64::Engine as _;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use strata_model::digest::DigestKey;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// First byte of every envelope; see rule 12 of the design.
const SCHEME: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEAD: usize = 1 + KEY_ID + NONCE;

type KeyId = [u8; KEY_ID];

/// The key of an installation: 32 bytes that the operator keeps. Never printed, wiped on drop.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(‹secret›)")
    }
}

/// A text that is no master key. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key must be 32 bytes, written as 64 hexadecimal digits or as base64")]
pub struct InvalidMasterKey;

impl MasterKey {
    /// Takes 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 64 hexadecimal digits, or base64 (with or without padding, either alphabet); white space around is fine.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidMasterKey> {
        use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

        let text = text.trim();
        let bytes = Zeroizing::new(if text.len() == 64 {
            let digits = text.as_bytes().chunks(2).map(|pair| {
                std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
            });
            digits.collect::<Option<Vec<u8>>>().ok_or(InvalidMasterKey)?
        } else {
            [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
                .iter()
                .find_map(|engine| engine.decode(text).ok())
                .ok_or(InvalidMasterKey)?
        });
        <[u8; 32]>::try_from(bytes.as_slice()).map(Self::new).map_err(|_| InvalidMasterKey)
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, StoreError> {
        random().map(Self::new)
    }

    /// 64 hexadecimal digits, to be kept by the operator.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(strata_model::digest::hex(&*self.0))
    }

    fn id(&self) -> KeyId {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&derive(&*self.0, &[b"strata master key id"])[..KEY_ID]);
        id
    }
}

/// The keys to seal and open with.
#[derive(Debug, Clone)]
pub struct SealKeys {
    active: MasterKey,
    retired: Vec<MasterKey>,
}

impl SealKeys {
    /// Seals and opens with one key.
    #[must_use]
    pub const fn new(active: MasterKey) -> Self {
        Self { active, retired: Vec::new() }
    }

    /// Also opens what was sealed with a former key.
    #[must_use]
    pub fn with_retired(mut self, key: MasterKey) -> Self {
        self.retired.push(key);
        self
    }

    /// Seals and opens for the installation with this salt.
    pub(crate) fn sealer(&self, salt: &[u8]) -> Sealer {
        let cipher = |key: &MasterKey| {
            let derived = Zeroizing::new(derive(&*key.0, &[b"strata seal key", salt]));
            (key.id(), XChaCha20Poly1305::new(&(*derived).into()))
        };
        let ciphers = std::iter::once(&self.active).chain(&self.retired).map(cipher).collect();
        Sealer { active: self.active.id(), ciphers }
    }
}

/// Where a sealed value stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The table.
    pub(crate) table: &'static str,
    /// The column.
    pub(crate) column: &'static str,
    /// The row, by its key.
    pub(crate) row: &'a str,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        format!("{}/{}/{}", self.table, self.column, self.row).into_bytes()
    }
}

/// Seals and opens values.
pub(crate) struct Sealer {
    active: KeyId,
    ciphers: BTreeMap<KeyId, XChaCha20Poly1305>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(‹secret›)")
    }
}

impl Sealer {
    /// Seals bytes for a place.
    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce = random::<NONCE>()?;
        let cipher = self.ciphers.get(&self.active).ok_or(StoreError::WrongKey)?;
        let associated = place.associated_data();
        let sealed = cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &associated })
            .map_err(|_| StoreError::corrupt(place.table, place.row, "too large to be sealed"))?;
        let mut envelope = Vec::with_capacity(HEAD + sealed.len());
        envelope.push(SCHEME);
        envelope.extend_from_slice(&self.active);
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&sealed);
        Ok(envelope)
    }

    /// Opens what was sealed for a place.
    pub(crate) fn open(&self, place: Place<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let broken = |reason: &str| StoreError::corrupt(place.table, place.row, reason);
        let (head, sealed) = envelope.split_at_checked(HEAD).ok_or_else(|| broken("cut short"))?;
        if head.first() != Some(&SCHEME) {
            return Err(broken("sealed by an unknown scheme"));
        }
        let key = KeyId::try_from(&head[1..=KEY_ID]).map_err(|_| broken("cut short"))?;
        let nonce = <[u8; NONCE]>::try_from(&head[1 + KEY_ID..]).map_err(|_| broken("cut short"))?;
        let cipher = self.ciphers.get(&key).ok_or(StoreError::WrongKey)?;
        let associated = place.associated_data();
        cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &associated })
            .map(Zeroizing::new)
            .map_err(|_| broken("it was tampered with or moved"))
    }

    /// Seals a document.
    pub(crate) fn seal_document<T: Serialize>(
        &self,
        place: Place<'_>,
        document: &T,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = Zeroizing::new(
            serde_json::to_vec(document)
                .map_err(|error| StoreError::corrupt(place.table, place.row, error))?,
        );
        self.seal(place, &plain)
    }

    /// Opens a document.
    pub(crate) fn open_document<T: DeserializeOwned>(
        &self,
        place: Place<'_>,
        envelope: &[u8],
    ) -> Result<T, StoreError> {
        let plain = self.open(place, envelope)?;
        // What a parser says may quote the document, which is secret: only the place is told.
        serde_json::from_slice(&plain).map_err(|error| {
            let at = format!("not of the expected form at line {} column {}", error.line(), error.column());
            StoreError::corrupt(place.table, place.row, at)
        })
    }

    /// Whether a value is sealed with another key than the active one.
    pub(crate) fn is_retired(&self, envelope: &[u8]) -> bool {
        envelope.get(1..=KEY_ID) != Some(self.active.as_slice())
    }
}

/// The key for digests and fingerprints that the installation's root gives.
pub(crate) fn digest_key(root: &[u8]) -> DigestKey {
    DigestKey::new(derive(root, &[b"strata digest key"]))
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable {
        reason: format!("the system gives no random numbers: {error}"),
    })?;
    Ok(bytes)
}

fn derive(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of the block's size makes the constructor infallible; all keys here are 32 bytes.
    let mut block = Zeroizing::new([0_u8; 64]);
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&(*block).into());
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { table: "t", column: "c", row: "1" };

    fn sealer(byte: u8) -> Sealer {
        SealKeys::new(MasterKey::new([byte; 32])).sealer(b"salt")
    }

    #[test]
    fn keys_are_read_in_hex_and_base64_and_refused_without_being_repeated() {
        let key = MasterKey::new([0xAB; 32]);
        let base64 = base64::engine::general_purpose::STANDARD.encode([0xAB; 32]);
        for text in [&*key.to_hex(), &base64, &format!("  {base64}\n"), &base64.replace('=', "")] {
            assert_eq!(MasterKey::parse(text).unwrap().0, key.0, "{text}");
        }
        for text in ["", "abc", &"ab".repeat(31), &"zz".repeat(32), "hunter2hunter2"] {
            let message = MasterKey::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !message.contains(text));
        }
    }

    #[test]
    fn a_value_opens_only_at_its_place_and_with_its_key() {
        let envelope = sealer(1).seal(PLACE, b"hunter2").unwrap();
        assert!(!envelope.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(&**sealer(1).open(PLACE, &envelope).unwrap(), b"hunter2");
        assert!(matches!(
            sealer(1).open(Place { row: "2", ..PLACE }, &envelope),
            Err(StoreError::Corrupt { .. })
        ));
        assert!(matches!(sealer(2).open(PLACE, &envelope), Err(StoreError::WrongKey)));
        for cut in [0, 5, HEAD, envelope.len() - 1] {
            assert!(sealer(1).open(PLACE, &envelope[..cut]).is_err());
        }
    }

    #[test]
    fn equal_values_are_sealed_differently() {
        assert_ne!(sealer(1).seal(PLACE, b"x").unwrap(), sealer(1).seal(PLACE, b"x").unwrap());
    }

    #[test]
    fn a_retired_key_still_opens() {
        let old = sealer(1).seal(PLACE, b"x").unwrap();
        let ring =
            SealKeys::new(MasterKey::new([2; 32])).with_retired(MasterKey::new([1; 32])).sealer(b"salt");
        assert_eq!(&**ring.open(PLACE, &old).unwrap(), b"x");
        assert!(ring.is_retired(&old) && !ring.is_retired(&ring.seal(PLACE, b"x").unwrap()));
    }
}

//! Digests: names for content that carry the scheme they were made by.
//!
//! *Idea.* Two kinds. A **content digest** (`sha256-v1:…`) names public content such as a pack. A **keyed digest**
//! (`hmac-v1:…`) names whatever may contain a secret: objects, compositions, plans. Its key belongs to the
//! installation, so that nobody can test guesses of a secret against it.
//!
//! *Guarantees.* JSON is hashed in a canonical form (keys sorted, no white space), so key order and re-serialisation
//! never matter. The scheme is part of the text: a new way of hashing is never mistaken for a change.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const CONTENT_SCHEME: &str = "sha256-v1";
const KEYED_SCHEME: &str = "hmac-v1";

/// A digest with its scheme, e.g. `sha256-v1:9f86…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// A text that is no digest of a known scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected `{CONTENT_SCHEME}:` or `{KEYED_SCHEME}:` and 64 hexadecimal digits")]
pub struct InvalidDigest(pub String);

impl Digest {
    /// The digest of public bytes.
    #[must_use]
    pub fn of_content(bytes: &[u8]) -> Self {
        Self(format!("{CONTENT_SCHEME}:{}", hex(&Sha256::digest(bytes))))
    }

    /// The digest of a public document, in canonical form.
    #[must_use]
    pub fn of_document(value: &serde_json::Value) -> Self {
        Self::of_content(canonical(value).as_bytes())
    }

    /// The whole text, scheme included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve hexadecimal digits: enough for a person to compare.
    #[must_use]
    pub fn short(&self) -> &str {
        let hex = self.0.split_once(':').map_or(self.0.as_str(), |(_, hex)| hex);
        hex.get(..12).unwrap_or(hex)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest(text.chars().take(100).collect());
        let (scheme, hex) = text.split_once(':').ok_or_else(invalid)?;
        let known = scheme == CONTENT_SCHEME || scheme == KEYED_SCHEME;
        let well_formed =
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if known && well_formed { Ok(Self(text.to_owned())) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The installation's key for keyed digests and secret fingerprints. Never printed, wiped on drop.
#[derive(Clone)]
pub struct DigestKey(Zeroizing<[u8; 32]>);

impl DigestKey {
    /// Takes 32 random bytes that belong to one installation.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The keyed digest of a document, in canonical form. `purpose` separates uses of the key.
    #[must_use]
    pub fn document(&self, purpose: &str, value: &serde_json::Value) -> Digest {
        self.bytes(purpose, canonical(value).as_bytes())
    }

    /// The keyed digest of bytes. `purpose` separates uses of the key.
    #[must_use]
    pub fn bytes(&self, purpose: &str, bytes: &[u8]) -> Digest {
        Digest(format!("{KEYED_SCHEME}:{}", hex(&self.mac(&[purpose.as_bytes(), b"\0", bytes]))))
    }

    /// 32 bytes derived from the key for these parts (each part is length-prefixed by its separator-free position).
    #[must_use]
    pub fn derive(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut framed: Vec<Vec<u8>> = Vec::with_capacity(parts.len());
        for part in parts {
            let mut frame = u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes().to_vec();
            frame.extend_from_slice(part);
            framed.push(frame);
        }
        let slices: Vec<&[u8]> = framed.iter().map(Vec::as_slice).collect();
        self.mac(&slices)
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // A key of the block's size makes the constructor infallible; HMAC pads shorter keys with zeros just so.
        let mut block = Zeroizing::new([0_u8; 64]);
        block[..32].copy_from_slice(&*self.0);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&(*block).into());
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(‹secret›)")
    }
}

/// JSON with sorted keys and no white space: the form that is hashed and compared.
#[must_use]
pub fn canonical(value: &serde_json::Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        // 1.0 and 1 are the same number to YAML authors and to Kubernetes.
        Value::Number(number) => match number.as_f64() {
            Some(float)
                if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 && float.abs() < 9e15 =>
            {
                out.push_str(&format!("{float:.0}"));
            }
            _ => out.push_str(&number.to_string()),
        },
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn key_order_does_not_matter() {
        assert_eq!(
            Digest::of_document(&json!({"a": 1, "b": 2})),
            Digest::of_document(&json!({"b": 2.0, "a": 1}))
        );
    }

    #[test]
    fn the_key_and_the_purpose_matter() {
        let (one, two) = (DigestKey::new([1; 32]), DigestKey::new([2; 32]));
        assert_ne!(one.bytes("object", b"x"), two.bytes("object", b"x"));
        assert_ne!(one.bytes("object", b"x"), one.bytes("plan", b"x"));
    }

    #[test]
    fn derived_parts_do_not_run_together() {
        let key = DigestKey::new([1; 32]);
        assert_ne!(key.derive(&[b"ab", b"c"]), key.derive(&[b"a", b"bc"]));
    }

    #[test]
    fn a_digest_is_read_back_or_refused() {
        let digest = Digest::of_content(b"pack");
        assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
        assert!("md5:00".parse::<Digest>().is_err());
        assert!("sha256-v1:XYZ".parse::<Digest>().is_err());
    }

    #[test]
    fn the_key_is_never_printed() {
        assert!(!format!("{:?}", DigestKey::new([65; 32])).contains("65"));
    }
}

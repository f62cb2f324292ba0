//! Private keys, and the PEM form of keys and certificates.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use p256::{SecretKey, pkcs8::DecodePrivateKey};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use x509_cert::der::{Any, Decode};

use crate::template::generator::Stream;

/// The size of RSA keys. sprig draws 4096 bits, which takes ten times as long and is no safer in practice.
const RSA_BITS: usize = 2048;

/// What precedes the 32 bytes of an Ed25519 key in PKCS#8.
const ED25519_HEADER: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A block of PEM.
pub(super) fn pem(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first block of PEM in a text: label and bytes.
pub(super) fn read_pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let encoded: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Some((label, STANDARD.decode(encoded).ok()?))
}

/// A key that can sign here.
pub(super) enum SigningKey {
    P256(SecretKey),
    Rsa(Box<rsa::PrivateKey>),
}

impl SigningKey {
    /// A key on the curve P-256, drawn.
    pub(super) fn p256(stream: &mut Stream<'_>) -> Option<Self> {
        // Almost every number of 256 bits is a key; several misses in a row do not happen.
        let drawn = (0..16).find_map(|_| {
            let mut bytes = [0; 32];
            bytes.fill_with(|| stream.byte());
            SecretKey::from_slice(&bytes).ok()
        });
        drawn.map(Self::P256)
    }

    /// An RSA key of [`RSA_BITS`], drawn: the search for its primes takes from a tenth of a second to seconds.
    pub(super) fn rsa(stream: &mut Stream<'_>) -> Option<Self> {
        rsa::PrivateKey::new(stream, RSA_BITS).ok().map(|key| Self::Rsa(Box::new(key)))
    }

    /// Reads a key that can sign here.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (label, bytes) = read_pem(text).ok_or("no PEM data in input")?;
        let rsa = |key: rsa::PrivateKey| Self::Rsa(Box::new(key));
        let read = match label {
            "EC PRIVATE KEY" => SecretKey::from_sec1_der(&bytes).ok().map(Self::P256),
            "RSA PRIVATE KEY" => rsa::PrivateKey::from_pkcs1_der(&bytes).ok().map(rsa),
            "PRIVATE KEY" => match SecretKey::from_pkcs8_der(&bytes) {
                Ok(key) => Some(Self::P256(key)),
                Err(_) => rsa::PrivateKey::from_pkcs8_der(&bytes).ok().map(rsa),
            },
            other if !other.ends_with(" PRIVATE KEY") => {
                return Err(format!("no private key data in PEM block of type {other}"));
            }
            _ => None,
        };
        read.ok_or_else(|| {
            "only RSA keys and keys on the curve P-256 can sign here (`genPrivateKey \"rsa\"` or `\"ecdsa\"`)"
                .to_owned()
        })
    }

    /// The key in the form that Go writes (`EC PRIVATE KEY`, `RSA PRIVATE KEY`).
    pub(super) fn written(&self) -> Option<String> {
        match self {
            Self::P256(key) => key.to_sec1_der().ok().map(|der| pem("EC PRIVATE KEY", &der)),
            Self::Rsa(key) => key.to_pkcs1_der().ok().map(|der| pem("RSA PRIVATE KEY", der.as_bytes())),
        }
    }
}

/// An Ed25519 key of 32 drawn bytes (`PRIVATE KEY`).
pub(super) fn ed25519(stream: &mut Stream<'_>) -> String {
    let mut bytes = ED25519_HEADER.to_vec();
    bytes.extend((0..32).map(|_| stream.byte()));
    pem("PRIVATE KEY", &bytes)
}

/// Whether a text holds a private key of any type.
pub(super) fn check(text: &str) -> Result<(), String> {
    let (label, bytes) = read_pem(text).ok_or("no PEM data in input")?;
    if !label.ends_with("PRIVATE KEY") {
        return Err(format!("no private key data in PEM block of type {label}"));
    }
    Any::from_der(&bytes).map(drop).map_err(|error| error.to_string())
}

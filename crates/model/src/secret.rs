//! Secrets: texts that cannot be printed or serialised, and the mask that stands for them in view.
//!
//! *Idea.* A secret in the clear lives only in a [`SecretText`], which implements neither `Serialize` nor a telling
//! `Debug`. Documents refer to it by its [`Fingerprint`], a keyed digest; the clear text is sealed in the store.
//! What a person sees is the mask `‹secret:fingerprint›`; that mask coming back in an edit means *unchanged*.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestKey};

/// What opens every mask.
pub const MASK_PREFIX: &str = "‹secret:";
/// What closes every mask.
pub const MASK_SUFFIX: &str = "›";

/// A secret in the clear. `Debug` prints a mask without fingerprint; there is no `Display` and no `Serialize`.
#[derive(Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    /// Takes a clear text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The clear text. Every call site is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The name of this secret under the installation's key.
    #[must_use]
    pub fn fingerprint(&self, key: &DigestKey) -> Fingerprint {
        Fingerprint(key.bytes("secret", self.expose().as_bytes()))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹secret›")
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretText {}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The keyed digest that stands for a secret in documents; equal secrets of one installation have equal fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Digest);

impl Fingerprint {
    /// `‹secret:0123456789ab›`, as shown to people.
    #[must_use]
    pub fn mask(&self) -> String {
        format!("{MASK_PREFIX}{}{MASK_SUFFIX}", self.0.short())
    }
}

/// Whether a whole text is one mask.
#[must_use]
pub fn is_mask(text: &str) -> bool {
    text.strip_prefix(MASK_PREFIX).and_then(|rest| rest.strip_suffix(MASK_SUFFIX)).is_some_and(
        |fingerprint| fingerprint.len() >= 8 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

/// The masks that stand in a text, each once.
#[must_use]
pub fn masks_in(text: &str) -> Vec<String> {
    let mut masks: Vec<String> = Vec::new();
    for part in text.split(MASK_PREFIX).skip(1) {
        let Some((fingerprint, _)) = part.split_once(MASK_SUFFIX) else { continue };
        let mask = format!("{MASK_PREFIX}{fingerprint}{MASK_SUFFIX}");
        if is_mask(&mask) && !masks.contains(&mask) {
            masks.push(mask);
        }
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", SecretText::new("hunter2")), "‹secret›");
    }

    #[test]
    fn a_mask_is_recognised() {
        let mask = SecretText::new("hunter2").fingerprint(&DigestKey::new([3; 32])).mask();
        assert!(is_mask(&mask), "{mask}");
        assert!(!is_mask("‹secret:›") && !is_mask("hunter2"));
    }
}

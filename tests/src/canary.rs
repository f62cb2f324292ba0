//! Secrets that nobody else knows, and the search for where they got to.
//!
//! A canary is looked for as it is, in base64 of both alphabets (padded or not, in the middle of a longer text), in
//! hexadecimal, and as what SHA-256, SHA-1 and MD5 make of it, each of those as bytes, in hexadecimal and in base64. What
//! was compressed or sealed is not found; that nothing is compressed without being sealed is for a review to see.

use std::fmt;

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use sha1::Digest as _;

/// How much of what stands around a find is shown, in bytes to each side.
const AROUND: usize = 120;

/// A secret with the name of the door that it comes in by.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The door.
    pub name: String,
    /// The secret.
    pub text: String,
    /// The bytes that the text stands for, where it does; none else.
    pub raw: Vec<u8>,
}

impl Canary {
    /// Something that stands nowhere else: letters and digits, 28 of them.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn draw(name: &str) -> Result<Self> {
        let mut bytes = [0; 28];
        getrandom::fill(&mut bytes)?;
        let letters = b"abcdefghijkmnopqrstuvwxyz23456789";
        let text = bytes.iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect();
        Ok(Self::given(name, text))
    }

    /// A secret that was there already.
    #[must_use]
    pub fn given(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text, raw: Vec::new() }
    }
}

/// A place where a canary was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Leak {
    /// The canary's name.
    pub canary: String,
    /// The form that it was found in.
    pub form: &'static str,
    /// Where.
    pub place: String,
    /// What stands around it.
    pub around: String,
}

impl fmt::Debug for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {} in {}: …{}…", self.canary, self.form, self.place, self.around)
    }
}

/// Looks for some canaries in all forms at once.
#[derive(Debug)]
pub struct Search {
    automaton: AhoCorasick,
    owners: Vec<(String, &'static str)>,
}

impl Search {
    /// Prepares a search.
    ///
    /// # Errors
    /// When there are too many canaries for one.
    pub fn new<'c>(canaries: impl IntoIterator<Item = &'c Canary>) -> Result<Self> {
        let (mut patterns, mut owners) = (Vec::new(), Vec::new());
        for canary in canaries {
            for secret in
                [canary.text.as_bytes(), &canary.raw].into_iter().filter(|secret| !secret.is_empty())
            {
                for (form, pattern) in forms(secret) {
                    patterns.push(pattern);
                    owners.push((canary.name.clone(), form));
                }
            }
        }
        Ok(Self { automaton: AhoCorasick::new(patterns)?, owners })
    }

    /// All finds in these bytes, each form of each canary once.
    #[must_use]
    pub fn find(&self, place: &str, bytes: &[u8]) -> Vec<Leak> {
        let mut seen = vec![false; self.owners.len()];
        let mut leaks = Vec::new();
        for found in self.automaton.find_overlapping_iter(bytes) {
            let index = found.pattern().as_usize();
            let Some((canary, form)) = self.owners.get(index) else { continue };
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let (from, to) = (found.start().saturating_sub(AROUND), (found.end() + AROUND).min(bytes.len()));
            let around = String::from_utf8_lossy(&bytes[from..to]).replace(['\n', '\0'], " ");
            leaks.push(Leak { canary: canary.clone(), form, place: place.to_owned(), around });
        }
        leaks
    }
}

/// The forms of a secret, with their names.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("itself", secret.to_vec())];
    forms.extend(encodings(secret, "base64", "hexadecimal"));
    let encoded = STANDARD.encode(secret);
    for (bytes, names) in [
        (sha2::Sha256::digest(secret).to_vec(), ["SHA-256", "SHA-256 in base64", "SHA-256 in hexadecimal"]),
        (sha1::Sha1::digest(secret).to_vec(), ["SHA-1", "SHA-1 in base64", "SHA-1 in hexadecimal"]),
        (md5::Md5::digest(secret).to_vec(), ["MD5", "MD5 in base64", "MD5 in hexadecimal"]),
        (
            sha2::Sha256::digest(&encoded).to_vec(),
            ["SHA-256 of base64", "SHA-256 of base64 in base64", "SHA-256 of base64 in hexadecimal"],
        ),
    ] {
        let [itself, base64, hexadecimal] = names;
        forms.extend(encodings(&bytes, base64, hexadecimal));
        forms.push((itself, bytes));
    }
    forms
}

fn encodings(bytes: &[u8], base64: &'static str, hexadecimal: &'static str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = Vec::new();
    let hex = bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    });
    forms.push((hexadecimal, hex.to_uppercase().into_bytes()));
    forms.push((hexadecimal, hex.into_bytes()));
    for offset in 0..3_usize {
        let mut framed = vec![0; offset];
        framed.extend_from_slice(bytes);
        // Six bits a character: what shares bits with neighbours is left off at both ends.
        let (skip, end) = ((offset * 8).div_ceil(6), framed.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&framed), URL_SAFE_NO_PAD.encode(&framed)] {
            if let Some(part) = encoded.get(skip..end) {
                forms.push((base64, part.as_bytes().to_vec()));
            }
        }
    }
    forms
}

/// The middle line of a PEM text: enough to know it by, wherever it is quoted.
///
/// # Errors
/// When it has none.
pub fn middle_line(pem: &str) -> Result<String> {
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok((*lines.get(lines.len() / 2).context("no line")?).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found() {
        let canary = Canary::draw("x").unwrap();
        let secret = canary.text.as_bytes();
        let search = Search::new([&canary]).unwrap();
        let framed = |before: &str| STANDARD.encode(format!("{before}{}tail", canary.text));
        let digest = sha2::Sha256::digest(secret);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        for hidden in [
            canary.text.clone(),
            format!("user:{}@host", canary.text),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            framed(""),
            framed("a"),
            framed("ab"),
            framed("password: "),
            secret.iter().map(|byte| format!("{byte:02X}")).collect(),
            hex.clone(),
            format!("sha256:{hex}"),
            STANDARD.encode(digest),
            md5::Md5::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect(),
            STANDARD.encode(sha1::Sha1::digest(secret)),
        ] {
            let text = format!("something {hidden} else");
            assert_eq!(search.find("here", text.as_bytes()).first().unwrap().canary, "x", "{text}");
        }
        let mut bytes = b"binary ".to_vec();
        bytes.extend_from_slice(&digest);
        assert_eq!(search.find("here", &bytes).len(), 1);
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let (one, other) = (Canary::draw("one").unwrap(), Canary::draw("other").unwrap());
        let search = Search::new([&one]).unwrap();
        let text = format!("{} {}", other.text, STANDARD.encode(&other.text));
        assert_eq!(search.find("here", text.as_bytes()), []);
    }
}

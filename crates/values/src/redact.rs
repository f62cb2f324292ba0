//! Keeping secrets out of what people see.
//!
//! *Idea.* A [`Redactor`] knows some secrets and finds every form in which one shows up: as it is, in base64 (both
//! alphabets, padded or not, also inside a longer encoded text), escaped for JSON or YAML, percent-encoded, and line by
//! line where it has several. Each is replaced by the mask `‹secret:fingerprint›` of `strata_model::secret`.
//!
//! *Guarantees.* Where occurrences overlap, all of it is masked. Masking twice changes nothing more. A mask that
//! comes back in an edit stands for the value that is there ([`Redactor::unmask`]); a mask that cannot have come from
//! that place is refused, so that a mask never carries a secret to where it was not.
//!
//! *Caveats.* A secret of fewer than [`SHORTEST_IN_TEXT`] bytes is masked only where it is a whole scalar; else half
//! of every text would be masked. Hexadecimal and compressed forms are not found.

use std::{collections::HashMap, fmt};

use aho_corasick::AhoCorasick;
use serde_json::{Map, Value};
use strata_model::{
    digest::DigestKey,
    secret::{MASK_PREFIX, MASK_SUFFIX, SecretText, is_mask},
    value_path::{Segment, ValuePath},
};

use crate::{
    keyed,
    secret_forms::{text_forms, whole_forms},
};

/// Fewest bytes of a secret that is searched for inside texts.
pub const SHORTEST_IN_TEXT: usize = 4;
/// Masks a set of secrets. Cheap to use, costly to build: build one for a task.
#[derive(Clone)]
pub struct Redactor {
    key: DigestKey,
    secrets: Vec<Known>,
    /// Every form of every secret that is searched for in texts, and whose it is.
    search: Option<(AhoCorasick, Vec<usize>)>,
    /// Whole scalars: the secrets and their encodings, of any length.
    whole: HashMap<String, usize>,
    by_mask: HashMap<String, usize>,
}

#[derive(Clone)]
struct Known {
    text: SecretText,
    mask: String,
}

/// A mask in an edit that cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mask at `{path}` does not stand for the value that is there; write the value, or leave the mask where it was"
)]
pub struct UnmaskError {
    /// Where the mask stands.
    pub path: ValuePath,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor of these secrets, whose fingerprints are made with the installation's key. Empty ones count for nothing.
    #[must_use]
    pub fn new(key: &DigestKey, secrets: impl IntoIterator<Item = SecretText>) -> Self {
        let mut redactor = Self {
            key: key.clone(),
            secrets: Vec::new(),
            search: None,
            whole: HashMap::new(),
            by_mask: HashMap::new(),
        };
        let mut forms: HashMap<String, usize> = HashMap::new();
        for secret in secrets {
            let mask = secret.fingerprint(key).mask();
            if secret.expose().is_empty() || redactor.by_mask.contains_key(&mask) {
                continue;
            }
            let index = redactor.secrets.len();
            for form in whole_forms(secret.expose()) {
                redactor.whole.entry(form).or_insert(index);
            }
            if secret.expose().len() >= SHORTEST_IN_TEXT {
                for form in text_forms(secret.expose()) {
                    forms.entry(form).or_insert(index);
                }
            }
            redactor.by_mask.insert(mask.clone(), index);
            redactor.secrets.push(Known { text: secret, mask });
        }
        // In a fixed order, so that equal input gives equal output.
        let mut forms: Vec<(String, usize)> = forms.into_iter().collect();
        forms.sort_unstable();
        let (patterns, owners): (Vec<String>, Vec<usize>) = forms.into_iter().unzip();
        // Fails only beyond 2³¹ patterns or states.
        redactor.search = (!patterns.is_empty())
            .then(|| AhoCorasick::new(&patterns).ok())
            .flatten()
            .map(|automaton| (automaton, owners));
        redactor
    }

    /// A redactor of these and more secrets.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = SecretText>) -> Self {
        let known = self.secrets.iter().map(|known| known.text.clone());
        Self::new(&self.key, known.chain(more))
    }

    /// Whether there is nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The mask of a text that is secret as a whole, known or not.
    #[must_use]
    pub fn mask_of(&self, secret: &str) -> String {
        SecretText::new(secret).fingerprint(&self.key).mask()
    }

    /// A text with every occurrence of every secret masked.
    #[must_use]
    pub fn mask_text(&self, text: &str) -> String {
        self.find(text).map_or_else(
            || text.to_owned(),
            |found| {
                let mut out = String::with_capacity(text.len());
                let mut end = 0;
                for hit in found {
                    out.push_str(text.get(end..hit.start).unwrap_or_default());
                    out.push_str(self.secrets.get(hit.owner).map_or("‹secret›", |known| known.mask.as_str()));
                    end = hit.end;
                }
                out.push_str(text.get(end..).unwrap_or_default());
                out
            },
        )
    }

    /// A value with every occurrence of every secret masked: in texts, in keys, and numbers that are a secret.
    #[must_use]
    pub fn mask_value(&self, value: &Value) -> Value {
        if self.is_empty() {
            return value.clone();
        }
        match value {
            Value::String(text) => Value::String(self.mask_scalar(text)),
            Value::Number(number) => {
                let text = number.to_string();
                match self.whole.get(&text).and_then(|index| self.secrets.get(*index)) {
                    Some(known) if text.len() >= SHORTEST_IN_TEXT => Value::String(known.mask.clone()),
                    _ => value.clone(),
                }
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.mask_value(item)).collect()),
            Value::Object(map) => {
                let mut masked = Map::new();
                for (key, value) in map {
                    let mut name = self.mask_text(key);
                    // Two keys that hold the same secret stay two.
                    while masked.contains_key(&name) {
                        name.push('\'');
                    }
                    masked.insert(name, self.mask_value(value));
                }
                Value::Object(masked)
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// One whole scalar.
    fn mask_scalar(&self, text: &str) -> String {
        match self.whole.get(text).and_then(|index| self.secrets.get(*index)) {
            Some(known) => known.mask.clone(),
            None => self.mask_text(text),
        }
    }

    /// What an edit of a masked view means: each mask stands for what is at its place in `current`, the value in the
    /// clear that was shown masked. Items of lists are found by key, else by position, else by what they look like.
    ///
    /// # Errors
    /// [`UnmaskError`] for a mask that does not occur at that place.
    pub fn unmask(&self, edited: &Value, current: &Value) -> Result<Value, UnmaskError> {
        self.unmask_at(&ValuePath::root(), edited, Some(current))
    }

    fn unmask_at(
        &self,
        path: &ValuePath,
        edited: &Value,
        current: Option<&Value>,
    ) -> Result<Value, UnmaskError> {
        match edited {
            Value::String(text) if holds_mask(text) => {
                self.unmask_text(text, current).ok_or_else(|| UnmaskError { path: path.clone() })
            }
            Value::Array(items) => {
                let old = current.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let masked: Vec<Value> = old.iter().map(|item| self.mask_value(item)).collect();
                let field = keyed::key_field(&[items, &masked]);
                let by_key = field.map(|field| keyed::positions(&masked, field)).unwrap_or_default();
                let by_look: HashMap<String, usize> = match field {
                    Some(_) => HashMap::new(),
                    None => {
                        masked.iter().enumerate().map(|(index, item)| (item.to_string(), index)).collect()
                    }
                };
                let restored = items.iter().enumerate().map(|(index, item)| {
                    let found = match field {
                        Some(field) => keyed::key_text(item, field)
                            .and_then(|text| by_key.get(&text).map(|(index, _)| *index)),
                        None if masked.get(index) == Some(item) => Some(index),
                        None => by_look.get(&item.to_string()).copied().or(Some(index)),
                    };
                    let keyed = field.and_then(|field| keyed::key_of(item, field));
                    let segment = keyed.map_or(Segment::Index(index), |key| key.segment());
                    self.unmask_at(&path.child(segment), item, found.and_then(|index| old.get(index)))
                });
                restored.collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(map) => {
                let old = current.and_then(Value::as_object);
                let mut restored = Map::new();
                for (key, value) in map {
                    let place = path.key(key);
                    let name = if holds_mask(key) {
                        old.and_then(|old| old.keys().find(|name| self.mask_text(name) == *key))
                            .ok_or_else(|| UnmaskError { path: place.clone() })?
                    } else {
                        key
                    };
                    let below = old.and_then(|old| old.get(name));
                    restored.insert(name.clone(), self.unmask_at(&place, value, below)?);
                }
                Ok(Value::Object(restored))
            }
            other => Ok(other.clone()),
        }
    }

    fn unmask_text(&self, text: &str, current: Option<&Value>) -> Option<Value> {
        let current = current?;
        let shown = self.mask_value(current);
        if shown.as_str() == Some(text) {
            return Some(current.clone());
        }
        // A mask of a value that is secret as a whole, though the redactor was not told of it.
        let whole = current.as_str()?;
        if is_mask(text) && self.mask_of(whole) == text {
            return Some(current.clone());
        }
        // The text around the masks was edited: each mask must have been in this text, and was in the clear there.
        let shown = shown.as_str()?;
        let mut clear = String::new();
        let mut rest = text;
        while let Some((before, mask, after)) = split_at_mask(rest) {
            let secret = self.by_mask.get(mask).and_then(|index| self.secrets.get(*index))?;
            if !shown.contains(mask) || !whole.contains(secret.text.expose()) {
                return None;
            }
            clear.push_str(before);
            clear.push_str(secret.text.expose());
            rest = after;
        }
        clear.push_str(rest);
        Some(Value::String(clear))
    }

    /// Where the secrets are, from left to right and apart from each other; `None` when nowhere.
    fn find(&self, text: &str) -> Option<Vec<Hit>> {
        let (automaton, owners) = self.search.as_ref()?;
        let masks = self.own_masks(text);
        let mut hits: Vec<Hit> = Vec::new();
        for found in automaton.find_overlapping_iter(text) {
            let owner = owners.get(found.pattern().as_usize()).copied()?;
            // Masks are in order and apart: only the last one that starts here or before can hold this.
            let before = masks.partition_point(|(start, _)| *start <= found.start());
            let mask = before.checked_sub(1).and_then(|index| masks.get(index));
            if mask.is_some_and(|(_, end)| found.end() <= *end) {
                continue;
            }
            let mut hit = Hit { start: found.start(), end: found.end(), widest: found.len(), owner };
            // Found in the order of their ends: only the last ones can overlap.
            while let Some(last) = hits.last().copied().filter(|last| last.end > hit.start) {
                hits.pop();
                if last.widest > hit.widest {
                    hit.widest = last.widest;
                    hit.owner = last.owner;
                }
                hit.start = hit.start.min(last.start);
                hit.end = hit.end.max(last.end);
            }
            hits.push(hit);
        }
        (!hits.is_empty()).then_some(hits)
    }

    /// Masks of known secrets that stand in the text already.
    fn own_masks(&self, text: &str) -> Vec<(usize, usize)> {
        text.match_indices(MASK_PREFIX)
            .filter_map(|(start, _)| {
                let rest = text.get(start..)?;
                let end = rest.find(MASK_SUFFIX)? + MASK_SUFFIX.len();
                self.by_mask.contains_key(rest.get(..end)?).then_some((start, start + end))
            })
            .collect()
    }
}

#[derive(Clone, Copy)]
struct Hit {
    start: usize,
    end: usize,
    /// Length of the longest form in this place, and whose it is.
    widest: usize,
    owner: usize,
}

fn holds_mask(text: &str) -> bool {
    split_at_mask(text).is_some()
}

/// The text before the first mask, the mask, and the text after it.
fn split_at_mask(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices(MASK_PREFIX).find_map(|(start, _)| {
        let end = start + text.get(start..)?.find(MASK_SUFFIX)? + MASK_SUFFIX.len();
        let mask = text.get(start..end)?;
        is_mask(mask).then_some((text.get(..start)?, mask, text.get(end..)?))
    })
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };
    use serde_json::json;

    use super::*;
    use crate::secret_forms::{json_escaped, percent_encoded};

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(&DigestKey::new([7; 32]), secrets.iter().map(|secret| SecretText::new(*secret)))
    }

    #[test]
    fn every_form_is_found() {
        let secret = "p@ss\"w<o>rd\\ü'1";
        let redactor = redactor(&[secret]);
        let mask = redactor.mask_of(secret);
        for form in [
            secret.to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            json_escaped(secret),
            json_escaped(&json_escaped(secret)),
            secret.replace('\'', "''"),
            percent_encoded(secret),
        ] {
            assert_eq!(redactor.mask_text(&format!("x {form} y")), format!("x {mask} y"));
        }
        for prefix in ["", "u", "us", "use"] {
            let encoded = STANDARD.encode(format!("{prefix}:{secret}:rest"));
            let masked = redactor.mask_text(&encoded);
            assert!(masked.contains(&mask), "{masked}");
        }
    }

    #[test]
    fn overlaps_leave_nothing_over() {
        let redactor = redactor(&["abcdef", "defghi", "cdef"]);
        let masked = redactor.mask_text("1abcdefghi2");
        assert!(
            masked.starts_with("1‹secret:") && masked.ends_with("›2") && masked.matches("‹").count() == 1,
            "{masked}"
        );
    }

    #[test]
    fn masking_twice_is_masking_once() {
        let secrets = ["secret", "hunter2hunter2"];
        let redactor = redactor(&secrets);
        let once = redactor.mask_text("my secret is hunter2hunter2");
        assert_eq!(redactor.mask_text(&once), once);
    }

    #[test]
    fn a_mask_does_not_shield_a_secret() {
        let redactor = redactor(&["deadbeefcafe"]);
        assert!(!redactor.mask_text("‹secret:deadbeefcafe›").contains("deadbeef"));
    }

    #[test]
    fn short_secrets_are_whole_scalars_only() {
        let redactor = redactor(&["abc", "12345"]);
        let masked =
            redactor.mask_value(&json!({"a": "abc", "b": "abcd", "c": 12345, "d": [123_456], "e": "YWJj"}));
        assert_eq!(
            masked,
            json!({"a": redactor.mask_of("abc"), "b": "abcd", "c": redactor.mask_of("12345"),
            "d": [123_456], "e": redactor.mask_of("abc")})
        );
    }

    #[test]
    fn lines_of_a_key_are_found_in_an_indented_block() {
        let pem =
            "-----BEGIN KEY-----\nMIIEvAIBADANBgkqhkiG9w0\nAQEFAASCBKYwggSiAgEAAoI\n-----END KEY-----\n";
        let text = crate::emit(&json!({"tls": {"key": pem}}));
        let masked = redactor(&[pem]).mask_text(&text);
        assert!(!masked.contains("MIIE") && !masked.contains("AQEF"), "{masked}");
    }

    #[test]
    fn a_mask_that_comes_back_means_unchanged() {
        let redactor = redactor(&["hunter22", "98765"]);
        let current = json!({"url": "postgres://u:hunter22@db", "pin": 98765, "n": 1,
            "env": [{"name": "A", "value": "hunter22"}, {"name": "B"}], "args": ["x", "--pw=hunter22"]});
        let mut edited = redactor.mask_value(&current);
        assert!(!edited.to_string().contains("hunter22"));
        assert_eq!(redactor.unmask(&edited, &current).unwrap(), current);
        edited["env"] = json!([{"name": "B"}, edited["env"][0].clone()]);
        edited["args"] = json!([edited["args"][1].clone(), "y"]);
        edited["n"] = json!(2);
        edited["url"] = json!(edited["url"].as_str().unwrap().replace("@db", "@other"));
        let restored = redactor.unmask(&edited, &current).unwrap();
        assert_eq!(
            restored,
            json!({"url": "postgres://u:hunter22@other", "pin": 98765, "n": 2,
            "env": [{"name": "B"}, {"name": "A", "value": "hunter22"}], "args": ["--pw=hunter22", "y"]})
        );
    }

    #[test]
    fn a_mask_cannot_carry_a_secret_elsewhere() {
        let redactor = redactor(&["hunter22"]);
        let current = json!({"a": "hunter22", "b": "public"});
        let mask = redactor.mask_of("hunter22");
        for edited in [json!({"a": 1, "b": mask}), json!({"c": mask}), json!({"b": format!("x{mask}")})] {
            let error = redactor.unmask(&edited, &current).unwrap_err();
            assert!(!error.to_string().contains("hunter22"));
        }
    }

    #[test]
    fn a_redactor_does_not_print_its_secrets() {
        assert_eq!(format!("{:?}", redactor(&["hunter22"])), "Redactor { secrets: 1, .. }");
    }
}

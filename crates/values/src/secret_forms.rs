//! The forms in which a secret shows up in texts.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::Value;

use crate::redact::SHORTEST_IN_TEXT;

/// Fewest characters of a line, or of the inside of an encoded form, that is searched for on its own.
const SHORTEST_PART: usize = 8;

/// The forms that count as a whole scalar, whatever their length.
pub(crate) fn whole_forms(secret: &str) -> Vec<String> {
    vec![
        secret.to_owned(),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ]
}

/// The forms that are searched for inside texts.
pub(crate) fn text_forms(secret: &str) -> Vec<String> {
    let json = json_escaped(secret);
    let mut forms = whole_forms(secret);
    forms.extend([
        // Go escapes these three in JSON.
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"),
        // JSON within JSON, as in the annotation that kubectl leaves.
        json_escaped(&json),
        secret.replace('\'', "''"),
        percent_encoded(secret),
        json,
    ]);
    let trimmed = secret.trim();
    if trimmed != secret {
        forms.push(trimmed.to_owned());
    }
    for offset in 0..3 {
        forms.extend(inside_base64(secret.as_bytes(), offset));
    }
    let parts: Vec<&str> = secret.lines().map(str::trim).collect();
    if parts.len() > 1 {
        // A block in YAML indents each line; the frame of a PEM is no secret.
        forms.extend(parts.iter().filter(|line| !line.starts_with("-----")).map(|line| (*line).to_owned()));
        forms.retain(|form| form == secret || form.len() >= SHORTEST_PART);
    }
    forms.retain(|form| form.len() >= SHORTEST_IN_TEXT);
    forms
}

/// The characters of a base64 text that depend on nothing but these bytes, when they begin `offset` bytes after a
/// multiple of three.
fn inside_base64(bytes: &[u8], offset: usize) -> Vec<String> {
    let mut framed = vec![0; offset];
    framed.extend_from_slice(bytes);
    // Six bits a character: the first ones share bits with what comes before, the last with what comes after.
    let (skip, end) = ((offset * 8).div_ceil(6), framed.len() * 8 / 6);
    [STANDARD_NO_PAD.encode(&framed), URL_SAFE_NO_PAD.encode(&framed)]
        .into_iter()
        .filter_map(|encoded| encoded.get(skip..end).map(str::to_owned))
        .filter(|part| part.len() >= SHORTEST_PART)
        .collect()
}

pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
        out
    })
}

//! Paths with `/`: `base`, `dir`, `clean`, `ext`, `isAbs`, and the same under the names for the system's paths.

use super::{Arguments, Function, Parameter::Text, fixed};
use crate::template::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("base", &[Text], |_, a| Ok(Value::from(base(&a.string(0))))),
    fixed("dir", &[Text], |_, a| Ok(Value::from(dir(&a.string(0))))),
    fixed("clean", &[Text], |_, a| Ok(Value::from(clean(&a.string(0))))),
    fixed("ext", &[Text], |_, a| Ok(Value::from(ext(&a.string(0))))),
    fixed("isAbs", &[Text], |_, a| Ok(Value::Bool(a.bytes(0).starts_with(b"/")))),
    fixed("osBase", &[Text], |_, a| Ok(Value::from(base(&a.string(0))))),
    fixed("osDir", &[Text], |_, a| Ok(Value::from(dir(&a.string(0))))),
    fixed("osClean", &[Text], |_, a| Ok(Value::from(clean(&a.string(0))))),
    fixed("osExt", &[Text], |_, a| Ok(Value::from(ext(&a.string(0))))),
    fixed("osIsAbs", &[Text], |_, a| Ok(Value::Bool(a.bytes(0).starts_with(b"/")))),
];

/// The last element of a path.
pub(super) fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some(last) if !last.is_empty() => last.to_owned(),
        _ => "/".to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or_default())
}

fn ext(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.rfind('.').and_then(|dot| last.get(dot..)).unwrap_or_default().to_owned()
}

/// The shortest path that means the same, by its text alone.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

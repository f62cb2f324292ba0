//! Objects side by side with those of Helm. What differs between two renders of Helm's is random and left aside.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One difference.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The object or the template.
    pub what: String,
    /// The first path or line that differs.
    pub path: String,
    /// Helm's.
    pub expected: String,
    /// Ours.
    pub got: String,
}

type Key = (String, String, String, String);

/// Group, kind, namespace and name.
fn key(object: &Value) -> Key {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = text("/apiVersion");
    let group = version.rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    (group, text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn describe((group, kind, namespace, name): &Key) -> String {
    [group.as_str(), kind, namespace, name]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

fn by_key(objects: &[Value]) -> BTreeMap<Key, Vec<&Value>> {
    let mut found: BTreeMap<Key, Vec<&Value>> = BTreeMap::new();
    for object in objects {
        found.entry(key(object)).or_default().push(object);
    }
    for same in found.values_mut() {
        same.sort_by_cached_key(|object| object.to_string());
    }
    found
}

/// The paths of leaves, or of whole branches, that differ.
fn differing(one: &Value, other: &Value, path: &mut Vec<String>, found: &mut BTreeSet<Vec<String>>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                path.push(name.clone());
                match (one.get(name), other.get(name)) {
                    (Some(one), Some(other)) => differing(one, other, path, found),
                    _ => {
                        found.insert(path.clone());
                    }
                }
                path.pop();
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                path.push(index.to_string());
                differing(one, other, path, found);
                path.pop();
            }
        }
        _ if same_leaf(one, other) => {}
        _ => {
            found.insert(path.clone());
        }
    }
}

/// Numbers are the same when they are the same number: JSON knows no other difference between 1 and 1.0.
fn same_leaf(one: &Value, other: &Value) -> bool {
    one == other
        || matches!((one, other), (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64()
            && one.as_i128().is_none_or(|one| other.as_i128().is_none_or(|other| one == other)))
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| match value {
        Value::Object(map) => map.get(name),
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A value, from a little before the place where it differs from another on.
fn shown(value: Option<&Value>, other: Option<&Value>) -> String {
    let [text, other] =
        [value, other].map(|value| value.map_or_else(|| "nothing".to_owned(), Value::to_string));
    let same = text.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    if same < 80 {
        return shorten(&text);
    }
    format!("…{}", shorten(&text.chars().skip(same - 40).collect::<String>()))
}

/// A text of at most 160 characters, for people.
#[must_use]
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

type Found<'a> = BTreeMap<Key, Vec<&'a Value>>;

/// Whether nobody can tell an object's name: Helm has another one each time, of the same group, kind and namespace.
fn is_random(key: &Key, first: &Found<'_>, second: &Found<'_>, ours: &Found<'_>) -> bool {
    let kind = |key: &Key| (key.0.clone(), key.1.clone(), key.2.clone());
    let varies = |one: &Found<'_>, other: &Found<'_>| {
        one.keys().any(|candidate| !other.contains_key(candidate) && kind(candidate) == kind(key))
    };
    let steady = first.contains_key(key) && second.contains_key(key);
    !steady && varies(first, second) && (first.contains_key(key) || ours.contains_key(key))
}

/// Of the objects with random names, only how many there are can be compared.
fn names(first: &Found<'_>, second: &Found<'_>, ours: &Found<'_>) -> Vec<Difference> {
    let count = |found: &Found<'_>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (key, objects) in found.iter().filter(|(key, _)| is_random(key, first, second, ours)) {
            *counts.entry(format!("{}/{}/{}", key.0, key.1, key.2)).or_default() += objects.len();
        }
        counts
    };
    let (expected, got) = (count(first), count(ours));
    let kinds = expected.keys().chain(got.keys()).collect::<BTreeSet<_>>();
    let differing = kinds.into_iter().filter(|kind| expected.get(*kind) != got.get(*kind));
    differing
        .map(|kind| Difference {
            what: format!("{kind} of random names"),
            path: String::new(),
            expected: format!("{} of them", expected.get(kind).unwrap_or(&0)),
            got: format!("{} of them", got.get(kind).unwrap_or(&0)),
        })
        .collect()
}

/// The first difference of each object of two renders of Helm's and one of ours. Their order does not count.
#[must_use]
pub fn objects(helm: [&[Value]; 2], ours: &[Value]) -> Vec<Difference> {
    let [first, second] = helm.map(by_key);
    let ours = by_key(ours);
    let mut differences = names(&first, &second, &ours);
    for key in first.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let none = Vec::new();
        if is_random(key, &first, &second, &ours) {
            continue;
        }
        let expected = first.get(key).unwrap_or(&none);
        let again = second.get(key).unwrap_or(&none);
        let got = ours.get(key).unwrap_or(&none);
        if expected.len() != got.len() {
            differences.push(Difference {
                what: describe(key),
                path: String::new(),
                expected: format!("{} of it", expected.len()),
                got: format!("{} of it", got.len()),
            });
            continue;
        }
        for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
            let mut random = BTreeSet::new();
            if let Some(again) = again.get(index) {
                differing(expected, again, &mut Vec::new(), &mut random);
            }
            let mut found = BTreeSet::new();
            differing(expected, got, &mut Vec::new(), &mut found);
            // What is random must be there all the same.
            let real = found.iter().find(|path| {
                !random.iter().any(|random| path.starts_with(random))
                    || at(expected, path).is_some() != at(got, path).is_some()
            });
            if let Some(path) = real {
                differences.push(Difference {
                    what: describe(key),
                    path: path.join("."),
                    expected: shown(at(expected, path), at(got, path)),
                    got: shown(at(got, path), at(expected, path)),
                });
            }
        }
    }
    differences
}

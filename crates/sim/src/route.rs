//! Paths and queries of the Kubernetes API.

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Version,
    Health,
    /// `/metrics`
    Figures,
    /// `/api`
    Core,
    /// `/apis`
    Groups,
    /// `/apis/<group>`
    Group(String),
    /// `/api/v1`, `/apis/<group>/<version>`
    GroupVersion(String, String),
    Resource(Target),
    Unknown,
}

/// A collection or an object in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Route {
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["version"] => Self::Version,
            ["metrics"] => Self::Figures,
            ["healthz" | "readyz" | "livez", ..] => Self::Health,
            ["api"] => Self::Core,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => Self::GroupVersion(String::new(), (*version).to_owned()),
            ["apis", group, version] => Self::GroupVersion((*group).to_owned(), (*version).to_owned()),
            ["api", version, rest @ ..] => Self::resource("", version, rest),
            ["apis", group, version, rest @ ..] => Self::resource(group, version, rest),
            _ => Self::Unknown,
        }
    }

    fn resource(group: &str, version: &str, rest: &[&str]) -> Self {
        let target = |namespace: Option<&str>, plural: &str, name: Option<&str>, sub: Option<&str>| {
            Self::Resource(Target {
                group: group.to_owned(),
                version: version.to_owned(),
                namespace: namespace.map(str::to_owned),
                plural: plural.to_owned(),
                name: name.map(str::to_owned),
                subresource: sub.map(str::to_owned),
            })
        };
        match rest {
            ["namespaces"] => target(None, "namespaces", None, None),
            ["namespaces", name] => target(None, "namespaces", Some(name), None),
            ["namespaces", name, sub @ ("status" | "finalize")] => {
                target(None, "namespaces", Some(name), Some(sub))
            }
            ["namespaces", namespace, plural] => target(Some(namespace), plural, None, None),
            ["namespaces", namespace, plural, name] => target(Some(namespace), plural, Some(name), None),
            ["namespaces", namespace, plural, name, sub] => {
                target(Some(namespace), plural, Some(name), Some(sub))
            }
            [plural] => target(None, plural, None, None),
            [plural, name] => target(None, plural, Some(name), None),
            [plural, name, sub] => target(None, plural, Some(name), Some(sub)),
            _ => Self::Unknown,
        }
    }
}

/// The parameters after `?`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Self(
            query
                .unwrap_or_default()
                .split('&')
                .filter(|part| !part.is_empty())
                .map(|part| {
                    let (key, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
                })
                .collect(),
        )
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        match self.0.iter().find(|(name, _)| name == key) {
            Some((_, value)) => !matches!(value.as_str(), "false" | "0"),
            None => false,
        }
    }
}

fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_collections_objects_and_subresources() {
        let Route::Resource(target) = Route::parse("/apis/apps/v1/namespaces/d/deployments/x/scale") else {
            panic!()
        };
        assert_eq!(
            (
                target.group.as_str(),
                target.plural.as_str(),
                target.namespace.as_deref(),
                target.subresource.as_deref()
            ),
            ("apps", "deployments", Some("d"), Some("scale"))
        );
        let Route::Resource(target) = Route::parse("/api/v1/namespaces/d") else { panic!() };
        assert_eq!((target.plural.as_str(), target.name.as_deref()), ("namespaces", Some("d")));
        let query = Query::parse(Some("labelSelector=a%3Db%2Cc&watch&limit=5"));
        assert_eq!(query.get("labelSelector"), Some("a=b,c"));
        assert!(query.flag("watch"));
    }
}

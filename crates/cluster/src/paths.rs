//! Paths and queries of the Kubernetes API.

use std::fmt::Write as _;

use crate::discovery::KindInfo;

/// Percent-encodes a path segment or a query value. Names of RBAC objects may hold anything.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Appends `?a=b&c=d`.
pub(crate) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut whole = path.to_owned();
    for (index, (name, value)) in parameters.iter().enumerate() {
        whole.push(if index == 0 { '?' } else { '&' });
        whole.push_str(name);
        whole.push('=');
        whole.push_str(&encode(value));
    }
    whole
}

impl KindInfo {
    /// The path of the collection; of all namespaces when none is given.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if self.namespaced
            && let Some(namespace) = namespace
        {
            path.push_str("/namespaces/");
            path.push_str(&encode(namespace));
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }

    /// The path of an object. A namespaced one without a namespace is in `default`, as for kubectl.
    pub(crate) fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.collection(Some(namespace.unwrap_or("default"))), encode(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_all_shapes() {
        let kind = |group: &str, plural: &str, namespaced| KindInfo {
            group: group.into(),
            version: "v1".into(),
            kind: "X".into(),
            plural: plural.into(),
            namespaced,
            verbs: vec![],
            subresources: vec![],
        };
        assert_eq!(kind("", "pods", true).object(Some("a"), "b"), "/api/v1/namespaces/a/pods/b");
        assert_eq!(kind("", "pods", true).object(None, "b"), "/api/v1/namespaces/default/pods/b");
        assert_eq!(kind("", "pods", true).collection(None), "/api/v1/pods");
        assert_eq!(
            kind("rbac.authorization.k8s.io", "clusterroles", false).object(Some("ignored"), "system:a/b?c"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb%3Fc"
        );
        assert_eq!(with_query("/x", &[("a", "b=c"), ("d", "e,f")]), "/x?a=b%3Dc&d=e%2Cf");
    }
}

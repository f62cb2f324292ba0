//! Scalars and the small types that everything uses.

use std::collections::BTreeMap;

use async_graphql::{
    InputObject, InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value,
};
use strata_model::{Timestamp, object::ObjectKey, ports::to_microseconds};

/// An instant, RFC 3339, in UTC, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// An instant, RFC 3339, in UTC, to the microsecond.
#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(to_microseconds(text.parse()?))),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<Timestamp> for DateTime {
    fn from(instant: Timestamp) -> Self {
        Self(instant)
    }
}

macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident = $scalar:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub String);

        $(#[$doc])*
        #[Scalar(name = $scalar)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => Ok(Self(text)),
                    _ => Err(InputValueError::expected_type(value)),
                }
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }

        impl<T: std::fmt::Display> From<&T> for $name {
            fn from(value: &T) -> Self { Self(value.to_string()) }
        }
    };
}

text_scalar!(
    /// A digest with its scheme, e.g. `hmac-v1:` and 64 hexadecimal digits.
    DigestText = "Digest"
);
text_scalar!(
    /// A SemVer 2.0 version. What is no such version is refused by the verb, with the reason.
    SemVerText = "SemVer"
);

/// A label, an attribute.
#[derive(Debug, Clone, SimpleObject, InputObject)]
#[graphql(input_name = "KeyValueInput")]
pub struct KeyValue {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl KeyValue {
    /// As a mapping; of a key that comes twice the last one counts.
    #[must_use]
    pub fn map(pairs: Option<Vec<Self>>) -> BTreeMap<String, String> {
        pairs.unwrap_or_default().into_iter().map(|pair| (pair.key, pair.value)).collect()
    }
}

/// Pairs of a mapping, in its order.
pub fn key_values<'a>(map: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<KeyValue> {
    map.into_iter().map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() }).collect()
}

/// How many of a kind.
#[derive(Debug, Clone, SimpleObject)]
pub struct Count {
    /// The kind.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// A Kubernetes object, whatever API version it is read in.
#[derive(Debug, Clone, SimpleObject)]
pub struct KubernetesObject {
    /// API group, empty for the core one.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, for namespaced kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl From<&ObjectKey> for KubernetesObject {
    fn from(key: &ObjectKey) -> Self {
        Self {
            group: key.group.clone(),
            kind: key.kind.clone(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        }
    }
}

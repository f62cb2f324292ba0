//! What the API server knows about the shape of an object, as far as server-side apply needs it: which lists are keyed,
//! which maps are one value, and which keys are declared fields.

mod builtin;
mod walk;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

pub(crate) use builtin::builtin;
pub(crate) use builtin::metadata as metadata_schema;

/// The shape of one place in an object.
#[derive(Debug, Clone)]
pub(crate) enum Schema {
    /// Taken or left as a whole, whatever it holds.
    Atomic,
    /// A built-in type not described further: objects are structs, lists are atomic.
    Auto,
    /// Content without any schema: objects are maps, lists are atomic.
    Deduced,
    /// A struct with declared fields; `rest` says how other keys are taken.
    Struct { fields: BTreeMap<Box<str>, Arc<Self>>, rest: Rest },
    /// A list of objects told apart by some of their fields.
    Keyed { keys: Vec<Key>, item: Arc<Self> },
    /// A list of scalars without order.
    Set,
}

/// A field that tells list items apart.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: Box<str>,
    pub(crate) default: Option<Value>,
}

/// How keys that are not declared are taken.
#[derive(Debug, Clone)]
pub(crate) enum Rest {
    /// As declared fields of an undescribed built-in type.
    Declared,
    /// As entries of a map.
    Map(Arc<Schema>),
}

static AUTO: Schema = Schema::Auto;
static DEDUCED: Schema = Schema::Deduced;

/// How a value at a place is walked.
pub(crate) enum Shape<'a> {
    Leaf,
    Map,
    Keyed(&'a [Key], &'a Schema),
    Set,
}

impl Schema {
    /// How `value` is walked here; null counts as what the schema says.
    pub(crate) fn shape<'a>(&'a self, value: &Value) -> Shape<'a> {
        match (self, value) {
            (Self::Auto | Self::Deduced | Self::Struct { .. }, Value::Object(_)) => Shape::Map,
            (Self::Struct { .. }, Value::Null) => Shape::Map,
            (Self::Keyed { keys, item }, Value::Array(_) | Value::Null) => Shape::Keyed(keys, item),
            (Self::Set, Value::Array(_) | Value::Null) => Shape::Set,
            _ => Shape::Leaf,
        }
    }

    /// The schema of a key and whether it is a declared field.
    pub(crate) fn child(&self, key: &str) -> (&Self, bool) {
        match self {
            Self::Auto => (&AUTO, true),
            Self::Struct { fields, rest } => match (fields.get(key), rest) {
                (Some(schema), _) => (schema, true),
                (None, Rest::Declared) => (&AUTO, true),
                (None, Rest::Map(item)) => (item, false),
            },
            _ => (&DEDUCED, false),
        }
    }

    /// The schema of an item of a keyed list.
    pub(crate) fn item(&self) -> &Self {
        match self {
            Self::Keyed { item, .. } => item,
            Self::Auto => &AUTO,
            _ => &DEDUCED,
        }
    }

    /// The fields that tell items apart, for a keyed list.
    pub(crate) fn keys(&self) -> Option<&[Key]> {
        match self {
            Self::Keyed { keys, .. } => Some(keys),
            _ => None,
        }
    }
}

/// The path element of an item of a keyed list.
pub(crate) fn item_element(keys: &[Key], item: &Value) -> Box<str> {
    let mut map = Map::new();
    for key in keys {
        if let Some(value) = item.get(&*key.name).or(key.default.as_ref()) {
            map.insert(key.name.to_string(), value.clone());
        }
    }
    format!("k:{}", Value::Object(map)).into_boxed_str()
}

/// The path element of an entry of a set.
pub(crate) fn set_element(value: &Value) -> Box<str> {
    format!("v:{value}").into_boxed_str()
}

#[cfg(test)]
mod tests;

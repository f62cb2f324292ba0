//! One place of a schema, without what only people read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What may stand at one place.
#[derive(Debug, Default, Clone)]
pub(super) struct Node {
    pub(super) shape: Shape,
    /// What an API server fills in where it is left out.
    pub(super) default: Option<Value>,
    pub(super) limits: Option<Box<Limits>>,
}

#[derive(Debug, Default, Clone)]
pub(super) enum Shape {
    /// Whatever there is.
    #[default]
    Any,
    /// As the component of this name.
    Like(Box<str>),
    /// A struct. `open` keeps fields that are not declared; `embedded` is an object with API version, kind and metadata.
    Struct { fields: BTreeMap<Box<str>, Node>, required: Vec<Box<str>>, open: bool, embedded: bool },
    /// Keys that are anybody's, each with such a value.
    Map(Box<Node>),
    /// A list.
    List(Box<Node>, ListKind),
    /// A scalar of one of these types.
    Scalar(Scalars),
}

/// What tells items of a list apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListKind {
    /// Nothing: the list is one value.
    Atomic,
    /// Themselves.
    Set,
    /// These fields.
    Keyed(Vec<Box<str>>),
}

/// Types that a scalar may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scalars {
    pub(super) text: bool,
    pub(super) boolean: bool,
    pub(super) integer: bool,
    /// Any number; what is an integer is one too.
    pub(super) number: bool,
    /// An integer of 32 bits.
    pub(super) short: bool,
    /// A text in base64.
    pub(super) base64: bool,
}

/// What else is asked of a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) words: Vec<Value>,
    pub(super) pattern: Option<String>,
    pub(super) smallest: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) largest: Option<f64>,
    pub(super) below: Option<f64>,
    /// Of a text in characters, a list in items.
    pub(super) shortest: Option<u64>,
    pub(super) longest: Option<u64>,
}

/// A schema as OpenAPI v3 and definitions of custom kinds write it: what of it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Written {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    r#type: Option<String>,
    format: Option<String>,
    properties: BTreeMap<Box<str>, Self>,
    additional_properties: Option<Additional>,
    items: Option<Box<Self>>,
    required: Vec<Box<str>>,
    r#enum: Vec<Value>,
    default: Option<Value>,
    all_of: Vec<Self>,
    any_of: Vec<Self>,
    one_of: Vec<Self>,
    pattern: Option<String>,
    minimum: Option<f64>,
    exclusive_minimum: bool,
    maximum: Option<f64>,
    exclusive_maximum: bool,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    #[serde(rename = "x-kubernetes-int-or-string")]
    int_or_string: bool,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    preserve: bool,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    embedded: bool,
    #[serde(rename = "x-kubernetes-list-type")]
    list_type: Option<String>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    list_map_keys: Vec<Box<str>>,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    pub(super) kinds: Vec<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Additional {
    Whether(bool),
    Schema(Box<Written>),
}

/// A kind that a component describes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

impl Node {
    /// How many nodes it is.
    pub(super) fn places(&self) -> usize {
        1 + match &self.shape {
            Shape::Struct { fields, .. } => fields.values().map(Self::places).sum(),
            Shape::Map(node) | Shape::List(node, _) => node.places(),
            Shape::Any | Shape::Like(_) | Shape::Scalar(_) => 0,
        }
    }
}

impl Written {
    /// Leaves out what only people read.
    pub(super) fn into_node(self) -> Node {
        let limits = self.limits();
        Node { default: self.default.clone(), limits, shape: self.into_shape() }
    }

    fn limits(&self) -> Option<Box<Limits>> {
        let (smallest, above) =
            if self.exclusive_minimum { (None, self.minimum) } else { (self.minimum, None) };
        let (largest, below) =
            if self.exclusive_maximum { (None, self.maximum) } else { (self.maximum, None) };
        let limits = Limits {
            words: self.r#enum.clone(),
            pattern: self.pattern.clone(),
            smallest,
            above,
            largest,
            below,
            shortest: self.min_length.or(self.min_items),
            longest: self.max_length.or(self.max_items),
        };
        (limits != Limits::default()).then(|| Box::new(limits))
    }

    fn into_shape(mut self) -> Shape {
        if let Some(reference) = &self.reference {
            return Shape::Like(component(reference));
        }
        // How a reference with a default or a description beside it is written.
        if let [one] = self.all_of.as_slice()
            && let Some(reference) = &one.reference
        {
            return Shape::Like(component(reference));
        }
        if self.int_or_string || self.format.as_deref() == Some("int-or-string") {
            return Shape::Scalar(Scalars { text: true, integer: true, ..Scalars::default() });
        }
        let Some(kind) = &self.r#type else {
            if self.properties.is_empty() {
                // A quantity is written as a choice of two types.
                let choices = if self.one_of.is_empty() { &self.any_of } else { &self.one_of };
                return Scalars::of_choices(choices).map_or(Shape::Any, Shape::Scalar);
            }
            return self.into_struct();
        };
        if let Some(scalars) = Scalars::of(kind, self.format.as_deref()) {
            return Shape::Scalar(scalars);
        }
        match kind.as_str() {
            "array" => {
                let kind = match self.list_type.as_deref() {
                    Some("set") => ListKind::Set,
                    Some("map") => ListKind::Keyed(std::mem::take(&mut self.list_map_keys)),
                    _ => ListKind::Atomic,
                };
                let item = self.items.map(|items| items.into_node()).unwrap_or_default();
                Shape::List(Box::new(item), kind)
            }
            "object" => self.into_struct(),
            _ => Shape::Any,
        }
    }

    fn into_struct(self) -> Shape {
        match self.additional_properties {
            Some(Additional::Schema(schema)) if self.properties.is_empty() => {
                return Shape::Map(Box::new(schema.into_node()));
            }
            Some(Additional::Whether(true) | Additional::Schema(_)) => return Shape::Any,
            _ => {}
        }
        // Without fields it says nothing of what may be in it.
        if self.properties.is_empty() && !self.embedded {
            return Shape::Any;
        }
        Shape::Struct {
            fields: self.properties.into_iter().map(|(name, written)| (name, written.into_node())).collect(),
            required: self.required,
            open: self.preserve,
            embedded: self.embedded,
        }
    }
}

impl Scalars {
    fn of(kind: &str, format: Option<&str>) -> Option<Self> {
        let none = Self::default();
        Some(match kind {
            "string" => Self { text: true, base64: format == Some("byte"), ..none },
            "boolean" => Self { boolean: true, ..none },
            "integer" => Self { integer: true, short: format == Some("int32"), ..none },
            "number" => Self { number: true, integer: true, ..none },
            _ => return None,
        })
    }

    fn of_choices(choices: &[Written]) -> Option<Self> {
        let mut all = Self::default();
        for choice in choices {
            let one = Self::of(choice.r#type.as_deref()?, None)?;
            all.text |= one.text;
            all.boolean |= one.boolean;
            all.integer |= one.integer;
            all.number |= one.number;
        }
        (!choices.is_empty()).then_some(all)
    }
}

/// The name in `#/components/schemas/NAME`.
fn component(reference: &str) -> Box<str> {
    reference.rsplit('/').next().unwrap_or(reference).into()
}

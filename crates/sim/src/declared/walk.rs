//! A deserializer that reads any value into any type: where a field is undeclared or a value has another form, it notes that
//! and goes on, with nothing in the value's place.

use std::{cell::RefCell, fmt};

use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
    value::{MapDeserializer, SeqDeserializer, StrDeserializer},
};
use serde_json::{Map, Value};

use super::{Finding, Findings, Form, Problem, Step};

/// Reads `object` as a `T` and answers what did not fit.
pub(super) fn look<T: de::DeserializeOwned>(object: &Value) -> Findings {
    let walk = Walk::default();
    let outcome = T::deserialize(Place { value: object, walk: &walk, owner: "" });
    Findings { list: walk.findings.into_inner(), unreadable: outcome.err().map(|error| error.0) }
}

/// What the type's own visitor refused.
#[derive(Debug)]
pub(super) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[derive(Default)]
struct Walk {
    path: RefCell<Vec<Step>>,
    findings: RefCell<Vec<Finding>>,
}

impl Walk {
    fn note(&self, problem: Problem) {
        let path = self.path.borrow().clone();
        self.findings.borrow_mut().push(Finding { path, problem });
    }

    /// Does something one step further down.
    fn below<T>(&self, step: Step, act: impl FnOnce() -> T) -> T {
        self.path.borrow_mut().push(step);
        let out = act();
        self.path.borrow_mut().pop();
        out
    }
}

/// A value, where it is.
#[derive(Clone, Copy)]
struct Place<'a> {
    value: &'a Value,
    walk: &'a Walk,
    /// The struct that declares the field this is in.
    owner: &'static str,
}

impl Place<'_> {
    /// Notes that the value is not of this form; null is of any.
    fn mistyped(&self, expected: Form) {
        if !self.value.is_null() {
            self.walk.note(Problem::Mistyped { expected, owner: self.owner });
        }
    }

    fn number<'de, V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        match self.value {
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => visitor.visit_i64(number),
                (None, Some(number)) => visitor.visit_u64(number),
                (None, None) if name == "float64" => visitor.visit_f64(number.as_f64().unwrap_or_default()),
                (None, None) => Err(Unreadable(format!("cannot convert float64 to {name}"))),
            },
            _ => {
                self.mistyped(Form::Number(name));
                visitor.visit_i64(0)
            }
        }
    }
}

macro_rules! numbers {
    ($($method:ident $name:literal),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            self.number($name, visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Unreadable;

    numbers! {
        deserialize_i8 "int8", deserialize_i16 "int16", deserialize_i32 "int32", deserialize_i64 "int64",
        deserialize_u8 "uint8", deserialize_u16 "uint16", deserialize_u32 "uint32", deserialize_u64 "uint64",
        deserialize_f32 "float64", deserialize_f64 "float64",
    }

    /// Types that take several forms say themselves what they cannot read.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(_) => self.number("float64", visitor),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let value = self.value.as_bool().unwrap_or_else(|| {
            self.mistyped(Form::Boolean);
            false
        });
        visitor.visit_bool(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let text = self.value.as_str().unwrap_or_else(|| {
            self.mistyped(Form::String);
            ""
        });
        visitor.visit_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    /// A time that is no string is noted here, so that only its text is left to its type to refuse.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        const EPOCH: &str = "1970-01-01T00:00:00Z";
        if matches!(name, "Time" | "MicroTime") && !self.value.is_string() {
            self.mistyped(Form::String);
            return visitor.visit_newtype_struct(StrDeserializer::new(EPOCH));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.value {
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter().enumerate(), place: self }),
            _ => {
                self.mistyped(Form::List);
                visitor.visit_seq(SeqDeserializer::<std::iter::Empty<bool>, _>::new(std::iter::empty()))
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        entries(self, self.owner, None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        entries(self, name, Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }
}

fn entries<'de, V: Visitor<'de>>(
    place: Place<'_>,
    owner: &'static str,
    fields: Option<&'static [&'static str]>,
    visitor: V,
) -> Result<V::Value, Unreadable> {
    let Value::Object(map) = place.value else {
        place.mistyped(Form::Map);
        let nothing = std::iter::empty::<(&str, bool)>();
        return visitor.visit_map(MapDeserializer::new(nothing));
    };
    visitor.visit_map(Entries { entries: map.iter(), place, owner, fields, current: None })
}

struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    place: Place<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
        let Some((index, value)) = self.items.next() else { return Ok(None) };
        let place = Place { value, ..self.place };
        place.walk.below(Step::Item(index), || seed.deserialize(place)).map(Some)
    }
}

struct Entries<'a> {
    entries: <&'a Map<String, Value> as IntoIterator>::IntoIter,
    place: Place<'a>,
    owner: &'static str,
    fields: Option<&'static [&'static str]>,
    current: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        for (key, value) in self.entries.by_ref() {
            // Which type an object is of was settled before.
            let top = self.place.walk.path.borrow().is_empty();
            if top && matches!(key.as_str(), "apiVersion" | "kind") {
                continue;
            }
            if self.fields.is_some_and(|fields| !fields.contains(&key.as_str())) {
                let step = Step::Field(key.as_str().into());
                self.place.walk.below(step, || self.place.walk.note(Problem::Undeclared));
                continue;
            }
            self.current = Some((key, value));
            return seed.deserialize(key.as_str().into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unreadable> {
        let (key, value) = self.current.take().unwrap_or(("", &Value::Null));
        let step = if self.fields.is_some() { Step::Field(key.into()) } else { Step::Entry(key.into()) };
        let place = Place { value, walk: self.place.walk, owner: self.owner };
        place.walk.below(step, || seed.deserialize(place))
    }
}

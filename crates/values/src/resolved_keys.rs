//! Values whose keys are read as Go reads them: a plain key is a scalar first and becomes a text by what it means.
//!
//! *Caveats.* Truths in mixed case, such as `nO`, are read as truths, which Go does not. In a large mapping, a quoted key
//! and a plain one of the same text may count as one, of which the last wins.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// A value with such keys.
pub(crate) struct Resolved(Value);

impl From<Resolved> for Value {
    fn from(resolved: Resolved) -> Self {
        resolved.0
    }
}

impl<'de> Deserialize<'de> for Resolved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values).map(Self)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        float(&number.to_string())
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        float(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Resolved(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Key(key), Resolved(value))) = entries.next_entry()? {
            // Of keys that mean the same the last one counts.
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// An integer beyond 64 bits is a float, as in Go.
fn float<E: Error>(digits: &str) -> Result<Value, E> {
    let number = digits.parse::<f64>().ok().and_then(Number::from_f64);
    number.map(Value::Number).ok_or_else(|| E::custom("the number is not finite"))
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keys).map(Self)
    }
}

struct Keys;

impl Visitor<'_> for Keys {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a text, a number or a truth")
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Err(E::custom("a key is null"))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<String, E> {
        Ok(truth.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Ok(short(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }
}

/// A float as Go writes one that is a key: the shortest digits that single precision tells apart, with an exponent for
/// very large and very small ones.
fn short(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "Go writes keys in single precision")]
    let single = number as f32;
    let scientific = format!("{single:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(power) if (-4..6).contains(&power) => single.to_string(),
        Ok(power) => format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs()),
        Err(_) => scientific,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{ParseOptions, parse::parse_with};

    #[test]
    fn plain_keys_become_texts_by_what_they_mean() {
        let text = "on: 1\n'off': 2\n010: a\n1.10: b\n0x10: c\n1e3: d\n1_000: f\n2020-01-01: g\n12:30:45: h\n\
            .5: i\n-1: j\n1.0: l\n12345678.5: m\n1e30: 4\n\"on\": x\nlist: [{y: 1}]\n";
        let options = ParseOptions { resolve_keys: true, ..ParseOptions::VALUES };
        let expected = json!({"true": 1, "off": 2, "8": "a", "1.1": "b", "16": "c", "1000": "f", "2020-01-01": "g",
            "12:30:45": "h", "0.5": "i", "-1": "j", "1": "l", "1.2345678e+07": "m", "1e+30": 4, "on": "x",
            "list": [{"true": 1}]});
        assert_eq!(parse_with(text, "v", &options), Ok(expected));
        let quoted = json!({"1.0": "k", "1": "l"});
        assert_eq!(parse_with("'1.0': k\n1.0: l\n", "v", &options), Ok(quoted));
        assert!(parse_with("~: 1\n", "v", &options).is_err());
    }
}

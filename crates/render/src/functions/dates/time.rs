//! The object that a time is for templates.

use std::rc::Rc;

use jiff::{Timestamp, Zoned, civil, tz::TimeZone};

use super::layout::format;
use crate::{
    functions::Arguments,
    template::{IntType, Object, Value},
};

pub(super) fn zero() -> Zoned {
    let date = civil::date(1, 1, 1).at(0, 0, 0, 0);
    date.to_zoned(TimeZone::UTC).unwrap_or_else(|_| Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
}

pub(super) fn time(at: Zoned) -> Value {
    Value::Object(Rc::new(Time(at)))
}

/// `time.Time`
#[derive(Debug)]
struct Time(Zoned);

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn call_method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let at = &self.0;
        let int = |number: i64| Ok(Value::int(number));
        Some(match name {
            "Format" => Ok(Value::from(format(at, &arguments.string(0)))),
            "String" => Ok(Value::from(self.text())),
            "Unix" => Ok(Value::int64(at.timestamp().as_second())),
            "UnixMilli" => Ok(Value::int64(at.timestamp().as_millisecond())),
            "UnixMicro" => Ok(Value::int64(at.timestamp().as_microsecond())),
            "UnixNano" => Ok(Value::int64(i64::try_from(at.timestamp().as_nanosecond()).unwrap_or(i64::MAX))),
            "UTC" => Ok(time(at.with_time_zone(TimeZone::UTC))),
            "Year" => int(i64::from(at.year())),
            "Month" => Ok(Value::Int(IntType::Int, i64::from(at.month()))),
            "Day" => int(i64::from(at.day())),
            "Hour" => int(i64::from(at.hour())),
            "Minute" => int(i64::from(at.minute())),
            "Second" => int(i64::from(at.second())),
            "Nanosecond" => int(i64::from(at.subsec_nanosecond())),
            "YearDay" => int(i64::from(at.day_of_year())),
            "IsZero" => Ok(Value::Bool(*at == zero())),
            "AddDate" => {
                let part = |index: usize| arguments.integer(index);
                let span = jiff::Span::new()
                    .try_years(part(0))
                    .and_then(|span| span.try_months(part(1)))
                    .and_then(|span| span.try_days(part(2)));
                span.and_then(|span| at.checked_add(span)).map(time).map_err(|error| error.to_string())
            }
            "Before" | "After" | "Equal" => match arguments {
                [Value::Object(other)] => match other.as_time() {
                    Some(other) => Ok(Value::Bool(match name {
                        "Before" => *at < other,
                        "After" => *at > other,
                        _ => *at == other,
                    })),
                    None => Err("wrong type for value; expected time.Time".to_owned()),
                },
                _ => Err(format!("wrong number of args for {name}: want 1 got {}", arguments.len())),
            },
            _ => return None,
        })
    }

    fn text(&self) -> String {
        format(&self.0, "2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn encoded(&self) -> Value {
        Value::from(format(&self.0, "2006-01-02T15:04:05.999999999Z07:00"))
    }

    fn as_time(&self) -> Option<Zoned> {
        Some(self.0.clone())
    }
}

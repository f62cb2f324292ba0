//! Times: Go's layouts (`2006-01-02`) for writing and reading.
//!
//! *Idea.* `now` is the caller's instant (see [`crate::template::Generator`]) in UTC; no zone of the machine matters.
//!
//! *Caveats.* Zones by name are those of the tz database that is linked in; where there is none, only `UTC` and offsets.

mod duration;
mod layout;
mod reading;
mod time;

use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Any, Text},
    convert::to_text,
    fixed,
};
use crate::template::{FunctionError, IntType, Value, number::parse_decimal};
use duration::{duration, parse_duration, rounded};
use layout::format;
use reading::parse;
use time::{time, zero};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("now", &[], |call, _| Ok(time(now(call)))),
    fixed("date", &[Text, Any], |call, a| {
        let at = moment(call, a.at(1));
        Ok(Value::from(format(&at, &a.string(0))))
    }),
    fixed("date_in_zone", &[Text, Any, Text], in_zone),
    fixed("dateInZone", &[Text, Any, Text], in_zone),
    fixed("htmlDate", &[Any], |call, a| Ok(Value::from(format(&moment(call, a.at(0)), "2006-01-02")))),
    fixed("htmlDateInZone", &[Any, Text], |call, a| {
        in_zone(call, &[Value::from("2006-01-02"), a.at(0).clone(), a.at(1).clone()])
    }),
    fixed("unixEpoch", &[super::Parameter::Time], |call, a| {
        Ok(Value::from(moment(call, a.at(0)).timestamp().as_second().to_string()))
    }),
    fixed("toDate", &[Text, Text], |_, a| {
        // A text that does not fit reads as the zero time.
        Ok(time(parse(&a.string(0), &a.string(1)).unwrap_or_else(zero)))
    }),
    fixed("mustToDate", &[Text, Text], |_, a| {
        let text = a.string(1);
        Ok(time(parse(&a.string(0), &text).ok_or_else(|| format!("parsing time {text:?}"))?))
    }),
    fixed("dateModify", &[Text, super::Parameter::Time], modify),
    fixed("date_modify", &[Text, super::Parameter::Time], modify),
    fixed("mustDateModify", &[Text, super::Parameter::Time], must_modify),
    fixed("must_date_modify", &[Text, super::Parameter::Time], must_modify),
    fixed("ago", &[Any], |call, a| {
        let passed = now(call).timestamp().duration_since(moment(call, a.at(0)).timestamp());
        Ok(Value::from(duration(i128::from(passed.as_secs()) * 1_000_000_000)))
    }),
    fixed("duration", &[Any], |_, a| Ok(Value::from(duration(seconds(a.at(0)) * 1_000_000_000)))),
    fixed("durationRound", &[Any], |call, a| {
        let nanoseconds = match a.at(0) {
            Value::Text(text) => parse_duration(&text.to_str()).unwrap_or(0),
            Value::Int(IntType::Int64, nanoseconds) => i128::from(*nanoseconds),
            Value::Object(_) => {
                now(call).timestamp().duration_since(moment(call, a.at(0)).timestamp()).as_nanos()
            }
            _ => 0,
        };
        Ok(Value::from(rounded(nanoseconds)))
    }),
];

/// Sprig takes seconds as a text or an `int64`; any other type counts as none.
fn seconds(value: &Value) -> i128 {
    match value {
        Value::Text(text) => i128::from(parse_decimal(&text.to_str()).unwrap_or(0)),
        Value::Int(IntType::Int64, seconds) => i128::from(*seconds),
        _ => 0,
    }
}

/// The moment in a text with a zone, as TOML writes it.
pub(super) fn read(text: &str) -> Option<Value> {
    let moment: Timestamp = text.parse().ok()?;
    Some(time::time(moment.to_zoned(TimeZone::UTC)))
}

fn now(call: &Call<'_>) -> Zoned {
    call.execution.context.generator.now().to_zoned(TimeZone::UTC)
}

/// A time, or seconds since 1970; anything else is now.
fn moment(call: &Call<'_>, value: &Value) -> Zoned {
    match value {
        Value::Object(object) => object.as_time().unwrap_or_else(|| now(call)),
        Value::Int(_, seconds) => {
            Timestamp::from_second(*seconds).map_or_else(|_| now(call), |at| at.to_zoned(TimeZone::UTC))
        }
        _ => now(call),
    }
}

fn in_zone(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let zone = TimeZone::get(&arguments.string(2)).unwrap_or(TimeZone::UTC);
    let at = moment(call, arguments.at(1)).with_time_zone(zone);
    Ok(Value::from(format(&at, &arguments.string(0))))
}

fn modify(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    match must_modify(call, arguments) {
        Err(FunctionError::Refused(_)) => Ok(arguments.at(1).clone()),
        other => other,
    }
}

fn must_modify(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let text = to_text(call, arguments.at(0))?;
    let text = text.to_str();
    let shift = parse_duration(&text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
    let shift = jiff::SignedDuration::from_nanos_i128(shift);
    let at = moment(call, arguments.at(1)).checked_add(shift).map_err(|error| error.to_string())?;
    Ok(time(at))
}

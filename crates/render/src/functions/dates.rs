//! Times: Go's layouts (`2006-01-02`) for writing and reading.
//!
//! *Idea.* `now` is the caller's instant (see [`crate::template::Generator`]) in UTC; no zone of the machine matters.
//!
//! *Caveats.* Zones by name are those of the tz database that is linked in; where there is none, only `UTC` and offsets.

use std::rc::Rc;

use jiff::{
    Timestamp, Zoned, civil,
    tz::{Offset, TimeZone},
};

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Any, Text},
    convert::to_text,
    fixed,
};
use crate::template::{FunctionError, IntType, Object, Value, number::parse_decimal};

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

fn now(call: &Call<'_>) -> Zoned {
    call.execution.context.generator.now().to_zoned(TimeZone::UTC)
}

fn zero() -> Zoned {
    let date = civil::date(1, 1, 1).at(0, 0, 0, 0);
    date.to_zoned(TimeZone::UTC).unwrap_or_else(|_| Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
}

fn time(at: Zoned) -> Value {
    Value::Object(Rc::new(Time(at)))
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

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The elements of a layout, longest first where one begins another.
const ELEMENTS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "-07:00:00",
    "-07:00",
    "-070000",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z07:00",
    "Z070000",
    "Z0700",
    "Z07",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "__2",
    "_2",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// The next element of a layout: the text before it, the element, the rest.
fn next_element(layout: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = layout.get(at..)?;
        let fraction = rest.starts_with(['.', ',']).then(|| {
            let digit = rest.get(1..2).filter(|digit| *digit == "0" || *digit == "9")?;
            let run = rest.get(1..)?.chars().take_while(|c| digit.starts_with(*c)).count();
            let after = rest.as_bytes().get(1 + run);
            (!after.is_some_and(u8::is_ascii_digit)).then_some(run + 1)
        });
        let length = match fraction.flatten() {
            Some(length) => Some(length),
            None => ELEMENTS
                .iter()
                .find(|element| {
                    rest.starts_with(**element)
                        // "Jan" is no element when it begins another word in small letters.
                        && !(matches!(**element, "Jan" | "Mon") && rest.as_bytes().get(3).is_some_and(u8::is_ascii_lowercase))
                })
                .map(|element| element.len()),
        };
        if let Some(length) = length {
            return Some((layout.get(..at)?, rest.get(..length)?, rest.get(length..)?));
        }
    }
    None
}

fn format(at: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, element, after)) = next_element(rest) {
        out.push_str(before);
        out.push_str(&element_text(at, element));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn named(names: &'static [&'static str], index: i8) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

fn element_text(at: &Zoned, element: &str) -> String {
    let weekday = named(&DAYS, at.weekday().to_sunday_zero_offset());
    let month = named(&MONTHS, at.month() - 1);
    let hour12 = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    match element {
        "January" => month.to_owned(),
        "Jan" => month.get(..3).unwrap_or_default().to_owned(),
        "Monday" => weekday.to_owned(),
        "Mon" => weekday.get(..3).unwrap_or_default().to_owned(),
        "2006" => format!("{:04}", at.year()),
        "06" => format!("{:02}", at.year().rem_euclid(100)),
        "01" => format!("{:02}", at.month()),
        "1" => at.month().to_string(),
        "02" => format!("{:02}", at.day()),
        "_2" => format!("{:2}", at.day()),
        "2" => at.day().to_string(),
        "002" => format!("{:03}", at.day_of_year()),
        "__2" => format!("{:3}", at.day_of_year()),
        "15" => format!("{:02}", at.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", at.minute()),
        "4" => at.minute().to_string(),
        "05" => format!("{:02}", at.second()),
        "5" => at.second().to_string(),
        "PM" => if at.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if at.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        "MST" => match at.time_zone().to_offset_info(at.timestamp()).abbreviation() {
            abbreviation if !abbreviation.is_empty() => abbreviation.to_owned(),
            _ => "UTC".to_owned(),
        },
        _ if element.starts_with(['.', ',']) => {
            let digits = element.len() - 1;
            let all = format!("{:09}", at.subsec_nanosecond());
            let kept = all.get(..digits.min(9)).unwrap_or(&all);
            let kept = if element.contains('9') { kept.trim_end_matches('0') } else { kept };
            if kept.is_empty() { String::new() } else { format!("{}{kept}", element.get(..1).unwrap_or(".")) }
        }
        _ => offset_text(at.offset().seconds(), element),
    }
}

fn offset_text(seconds: i32, element: &str) -> String {
    if element.starts_with('Z') && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match element.get(1..).unwrap_or_default() {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        "070000" => format!("{sign}{hours:02}{minutes:02}{rest:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// Reads a time by a layout; `None` if it does not fit.
fn parse(layout: &str, text: &str) -> Option<Zoned> {
    let (mut year, mut month, mut day) = (0_i16, 1_i8, 1_i8);
    let (mut hour, mut minute, mut second, mut nanosecond) = (0_i8, 0_i8, 0_i8, 0_i32);
    let mut afternoon = None;
    let mut offset = 0_i32;
    let mut rest = text;
    let mut layout = layout;
    while let Some((before, element, after)) = next_element(layout) {
        rest = rest.strip_prefix(before)?;
        layout = after;
        let mut digits = |least: usize, most: usize| {
            let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let number: i16 = (count >= least).then(|| rest.get(..count)).flatten()?.parse().ok()?;
            rest = rest.get(count..)?;
            Some(number)
        };
        let small = |number: i16| i8::try_from(number).ok();
        match element {
            "2006" => year = digits(4, 4)?,
            "06" => year = digits(2, 2).map(|short| if short >= 69 { 1900 + short } else { 2000 + short })?,
            "01" => month = small(digits(2, 2)?)?,
            "1" => month = small(digits(1, 2)?)?,
            "02" => day = small(digits(2, 2)?)?,
            "2" => day = small(digits(1, 2)?)?,
            "_2" => {
                rest = rest.trim_start_matches(' ');
                let count = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
                day = rest.get(..count)?.parse().ok()?;
                rest = rest.get(count..)?;
            }
            "15" => hour = small(digits(2, 2)?)?,
            "03" => hour = small(digits(2, 2)?)?,
            "3" => hour = small(digits(1, 2)?)?,
            "04" => minute = small(digits(2, 2)?)?,
            "4" => minute = small(digits(1, 2)?)?,
            "05" | "5" => {
                second = small(digits(if element == "05" { 2 } else { 1 }, 2)?)?;
                // A fraction may follow although the layout has none.
                if let Some(fraction) = rest.strip_prefix('.').filter(|tail| {
                    !after.starts_with(['.', ',']) && tail.starts_with(|c: char| c.is_ascii_digit())
                }) {
                    let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
                    nanosecond = nanoseconds(fraction.get(..count)?)?;
                    rest = fraction.get(count..)?;
                }
            }
            "January" | "Jan" => {
                let at = MONTHS.iter().position(|name| {
                    let name = if element == "Jan" { name.get(..3).unwrap_or(name) } else { name };
                    rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
                })?;
                month = i8::try_from(at + 1).ok()?;
                rest = rest.get(if element == "Jan" { 3 } else { MONTHS.get(at)?.len() }..)?;
            }
            "Monday" | "Mon" => {
                let name = DAYS
                    .iter()
                    .map(|name| if element == "Mon" { name.get(..3).unwrap_or(name) } else { *name });
                let name = name.into_iter().find(|name| {
                    rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
                })?;
                rest = rest.get(name.len()..)?;
            }
            "PM" | "pm" => {
                afternoon = Some(rest.get(..2)?.eq_ignore_ascii_case("pm"));
                rest = rest.get(2..)?;
            }
            "MST" => rest = rest.strip_prefix("UTC").or_else(|| rest.strip_prefix("GMT"))?,
            _ if element.starts_with(['.', ',']) => {
                if let Some(fraction) = rest.strip_prefix(['.', ',']) {
                    let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
                    nanosecond = nanoseconds(fraction.get(..count)?)?;
                    rest = fraction.get(count..)?;
                } else if element.contains('0') {
                    return None;
                }
            }
            _ if element.starts_with('Z') && rest.starts_with('Z') => rest = rest.get(1..)?,
            _ => {
                let sign = match rest.chars().next()? {
                    '+' => 1,
                    '-' => -1,
                    _ => return None,
                };
                let shape = element.get(1..)?;
                let written = rest.get(1..=shape.len())?;
                let same_shape = written.bytes().zip(shape.bytes()).all(|(a, b)| (a == b':') == (b == b':'));
                let numbers: String = written.chars().filter(char::is_ascii_digit).collect();
                if !same_shape || numbers.len() != shape.bytes().filter(|byte| *byte != b':').count() {
                    return None;
                }
                let part = |index: usize| {
                    numbers.get(index..index + 2).and_then(|part| part.parse::<i32>().ok()).unwrap_or(0)
                };
                offset = sign * (part(0) * 3600 + part(2) * 60 + part(4));
                rest = rest.get(shape.len() + 1..)?;
            }
        }
    }
    if rest != layout {
        return None;
    }
    match afternoon {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let at = civil::DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()?;
    let zone = if offset == 0 { TimeZone::UTC } else { TimeZone::fixed(Offset::from_seconds(offset).ok()?) };
    at.to_zoned(zone).ok()
}

fn nanoseconds(digits: &str) -> Option<i32> {
    format!("{digits:0<9}").get(..9)?.parse().ok()
}

/// Nanoseconds of a text such as `1h30m` or `-1.5s`.
fn parse_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    let mut parts = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|length| *length > 0)?;
        let (digits, tail) = rest.split_at_checked(number)?;
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.into() };
        let fraction: String = fraction.chars().take(15).collect();
        let parsed: i128 = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()?.into() };
        let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        total = total.checked_add(whole.checked_mul(scale)?.checked_add(parsed * scale / divisor)?)?;
        rest = tail;
        parts += 1;
    }
    (parts > 0 && total <= i128::from(i64::MAX)).then_some(if negative { -total } else { total })
}

/// `1h30m0s`, as Go writes durations.
fn duration(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let fraction = |value: u128, unit: u128| {
        let rest = value % unit;
        if rest == 0 {
            return (value / unit).to_string();
        }
        let width = unit.ilog10();
        let digits = format!("{rest:0width$}", width = usize::try_from(width).unwrap_or(0));
        format!("{}.{}", value / unit, digits.trim_end_matches('0'))
    };
    if all == 0 {
        return "0s".to_owned();
    }
    let body = match all {
        0..1_000 => format!("{all}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(all, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(all, 1_000_000)),
        _ => {
            let seconds = fraction(all % 60_000_000_000, 1_000_000_000);
            let minutes = all / 60_000_000_000;
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

/// The largest unit alone: `2h`, `3d`, `1y`.
fn rounded(nanoseconds: i128) -> String {
    const SECOND: u128 = 1_000_000_000;
    let all = nanoseconds.unsigned_abs();
    let units: [(u128, &str); 6] = [
        (31_536_000 * SECOND, "y"),
        (2_592_000 * SECOND, "mo"),
        (86_400 * SECOND, "d"),
        (3_600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    match units.iter().find(|(unit, _)| all > *unit) {
        Some((unit, letter)) => format!("{}{letter}", all / unit),
        None => "0s".to_owned(),
    }
}

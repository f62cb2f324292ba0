//! Times read by a layout.

use jiff::{
    Zoned, civil,
    tz::{Offset, TimeZone},
};

use super::layout::{DAYS, MONTHS, next_element};

/// Reads a time by a layout; `None` if it does not fit.
pub(super) fn parse(layout: &str, text: &str) -> Option<Zoned> {
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

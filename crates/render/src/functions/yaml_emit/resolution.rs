//! What an unquoted text means: numbers, booleans, times and nulls of YAML 1.1 are no texts.

use crate::template::number;

/// Whether YAML 1.1, as Go's reader has it, reads an unquoted text as a text.
pub(super) fn reads_as_text(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "y", "Y", "yes",
        "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", ".nan", ".NaN",
        ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ];
    if WORDS.contains(&text) {
        return false;
    }
    let Some(first) = text.bytes().next() else { return false };
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return true;
    }
    !(is_integer(text) || is_float(text) || is_base_60(text) || is_timestamp(text))
}

fn is_integer(text: &str) -> bool {
    let plain = text.replace('_', "");
    if number::parse_int(&plain, false).is_some() {
        return true;
    }
    // Beyond the largest signed number, an unsigned one is still an integer.
    let radix = |prefix: &str, radix: u32| {
        plain.strip_prefix(prefix).is_some_and(|digits| u64::from_str_radix(digits, radix).is_ok())
    };
    plain.parse::<u64>().is_ok() || radix("0x", 16) || radix("0b", 2) || radix("0o", 8)
}

fn is_float(text: &str) -> bool {
    let plain = text.replace('_', "");
    let body = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    // A number out of range stays a text.
    mantissa_fits && exponent_fits && plain.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Numbers to base 60 (`12:30:45`), which other readers of YAML 1.1 know.
fn is_base_60(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (body, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut parts = body.split(':');
    let head = parts.next().unwrap_or_default();
    let head_fits = head.starts_with(|c: char| c.is_ascii_digit())
        && head.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut count = 0;
    let tail_fits = parts.all(|part| {
        count += 1;
        match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        }
    });
    head_fits && tail_fits && count > 0 && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// `2001-02-03` and instants, in the forms that Go's reader takes for times.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !(bytes.len() > 4 && bytes.iter().take(4).all(u8::is_ascii_digit) && bytes.get(4) == Some(&b'-')) {
        return false;
    }
    let rest = text.get(5..).unwrap_or_default();
    let Some((month, rest)) =
        small_number(rest, 1, 12).and_then(|(n, rest)| Some((n, rest.strip_prefix('-')?)))
    else {
        return false;
    };
    let Some((day, rest)) = small_number(rest, 1, 31) else { return false };
    let year: i16 = text.get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else { return false };
    if jiff::civil::Date::new(year, month, day).is_err() {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let Some(mut rest) = rest.strip_prefix(['T', 't', ' ']) else { return false };
    let spaced = text.get(..text.len() - rest.len()).is_some_and(|head| head.ends_with(' '));
    for (index, most) in [23, 59, 59].into_iter().enumerate() {
        let Some((_, tail)) = small_number(rest, 0, most) else { return false };
        rest = tail;
        if index < 2 {
            match rest.strip_prefix(':') {
                Some(tail) => rest = tail,
                None => return false,
            }
        }
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or_default();
    }
    if spaced {
        return rest.is_empty();
    }
    if rest == "Z" {
        return true;
    }
    let Some(zone) = rest.strip_prefix(['+', '-']) else { return false };
    matches!(zone.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
}

/// A number of one or two digits within bounds, and what follows.
fn small_number(text: &str, least: u32, most: u32) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let number = text.get(..digits)?.parse().ok()?;
    (least..=most).contains(&number).then_some((number, text.get(digits..)?))
}

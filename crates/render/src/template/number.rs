//! Numbers as Go reads and writes them.

/// Go's integers: base by prefix (`0x`, `0o`, `0b`, a leading `0` is octal), underscores between digits if allowed.
pub(crate) fn parse_int(text: &str, underscores: bool) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, body, prefixed) = if let Some(body) = lower.strip_prefix("0x") {
        (16, body, true)
    } else if let Some(body) = lower.strip_prefix("0b") {
        (2, body, true)
    } else if let Some(body) = lower.strip_prefix("0o") {
        (8, body, true)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?, true)
    } else {
        (10, lower.as_str(), false)
    };
    let body = if body.contains('_') {
        if !underscores || !well_spaced(body, prefixed) {
            return None;
        }
        body.replace('_', "")
    } else {
        body.to_owned()
    };
    if body.is_empty() || body.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(&body, base).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Underscores only between digits, or between a prefix and a digit.
fn well_spaced(body: &str, prefixed: bool) -> bool {
    !body.ends_with('_') && !body.contains("__") && (prefixed || !body.starts_with('_'))
}

/// Go's decimal integers: no prefix, no underscores.
pub(crate) fn parse_decimal(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Go's floats: decimal, or hexadecimal with a binary exponent; `inf`, `infinity` and `nan` in any case.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (sign, magnitude) = match text.as_bytes().first()? {
        b'-' => (-1.0, text.get(1..)?),
        b'+' => (1.0, text.get(1..)?),
        _ => (1.0, text),
    };
    let lower = magnitude.to_ascii_lowercase();
    if let Some(hexadecimal) = lower.strip_prefix("0x") {
        return hexadecimal_float(&hexadecimal.replace('_', "")).map(|value| sign * value);
    }
    match lower.as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let first_is_numeric = lower.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value: f64 = if first_is_numeric { lower.parse().ok()? } else { return None };
    // Out of range is an error in Go.
    if value.is_infinite() { None } else { Some(sign * value) }
}

fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value.mul_add(16.0, f64::from(digit.to_digit(16)?));
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2.0_f64.powi(shift))
}

/// Digits and decimal exponent of a finite number's shortest exact text: `1.5e3` is (`15`, 3).
fn shortest(number: f64) -> (String, i32) {
    split_exponent(&format!("{:e}", number.abs()))
}

fn split_exponent(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn special(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number.is_infinite() {
        Some(if number > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

fn with_exponent(digits: &str, exponent: i32, letter: char) -> String {
    let (first, rest) = digits.split_at_checked(1).unwrap_or(("0", ""));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}{letter}{sign}{:02}", exponent.unsigned_abs())
}

fn plain(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    }
    let whole = usize::try_from(exponent + 1).unwrap_or(1);
    if digits.len() <= whole {
        return format!("{digits}{}", "0".repeat(whole - digits.len()));
    }
    let (front, back) = digits.split_at_checked(whole).unwrap_or((digits, ""));
    format!("{front}.{back}")
}

fn signed(number: f64, magnitude: &str) -> String {
    if number.is_sign_negative() { format!("-{magnitude}") } else { magnitude.to_owned() }
}

/// The shortest exact form of a float, with an exponent where it is below -4 or large.
///
/// `largest` is the first decimal exponent that is written with `e`; the smallest is -5.
fn general(number: f64, largest: i32) -> String {
    if let Some(text) = special(number) {
        return text.to_owned();
    }
    let (digits, exponent) = shortest(number);
    if number != 0.0 && (exponent < -4 || exponent >= largest) {
        signed(number, &with_exponent(&digits, exponent, 'e'))
    } else {
        signed(number, &plain(&digits, if number == 0.0 { 0 } else { exponent }))
    }
}

/// Go's printing of a float by `{{ }}`, `print` and `%v`: 100000 is plain, 1e+06 is not.
pub(crate) fn print(number: f64) -> String {
    general(number, PRINT_EXPONENT)
}

/// First decimal exponent that printing writes as `e`.
const PRINT_EXPONENT: i32 = 6;

/// A float in JSON, as Go writes it; `None` for what JSON cannot say.
pub(crate) fn json(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let (digits, exponent) = shortest(number);
    if number != 0.0 && (number.abs() < 1e-6 || number.abs() >= 1e21) {
        let text = with_exponent(&digits, exponent, 'e');
        // JSON drops the zero of a negative two-digit exponent: 1e-07 is 1e-7.
        let text = match text.split_once("e-0") {
            Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
            None => text,
        };
        return Some(signed(number, &text));
    }
    Some(signed(number, &plain(&digits, if number == 0.0 { 0 } else { exponent })))
}

/// More digits than any float has: what follows is zeros, and Rust writes no more than 65,535 of them.
const EXACT_DIGITS: usize = 1_100;

/// The digits, one and then so many, and the exponent.
fn exponential(magnitude: f64, precision: usize) -> (String, i32) {
    let exact = precision.min(EXACT_DIGITS);
    let (mut digits, exponent) = split_exponent(&format!("{magnitude:.exact$e}"));
    digits.extend(std::iter::repeat_n('0', precision - exact));
    (digits, exponent)
}

/// `%e`, `%f` and `%g` of a float with a precision, or the shortest form without one. `alternate` keeps trailing zeros
/// of `%g`. The sign is part of the text only when negative.
pub(crate) fn formatted(number: f64, verb: char, precision: Option<usize>, alternate: bool) -> String {
    if let Some(text) = special(number) {
        return text.to_owned();
    }
    let magnitude = number.abs();
    let letter = if verb.is_ascii_uppercase() { 'E' } else { 'e' };
    let text = match verb.to_ascii_lowercase() {
        'e' => {
            let (digits, exponent) = match precision {
                Some(precision) => exponential(magnitude, precision),
                None => shortest(magnitude),
            };
            with_exponent(&digits, exponent, letter)
        }
        'f' => match precision {
            Some(precision) => {
                let exact = precision.min(EXACT_DIGITS);
                let mut text = format!("{magnitude:.exact$}");
                text.extend(std::iter::repeat_n('0', precision - exact));
                text
            }
            None => {
                let (digits, exponent) = shortest(magnitude);
                plain(&digits, exponent)
            }
        },
        _ => {
            let (digits, exponent, threshold) = match precision {
                Some(precision) => {
                    let wanted = precision.max(1);
                    let (digits, exponent) = exponential(magnitude, wanted - 1);
                    let trimmed = if alternate { digits.as_str() } else { digits.trim_end_matches('0') };
                    let trimmed = if trimmed.is_empty() { "0" } else { trimmed };
                    (trimmed.to_owned(), exponent, i32::try_from(wanted).unwrap_or(i32::MAX))
                }
                None => {
                    let (digits, exponent) = shortest(magnitude);
                    (digits, exponent, PRINT_EXPONENT)
                }
            };
            if magnitude != 0.0 && (exponent < -4 || exponent >= threshold) {
                with_exponent(&digits, exponent, letter)
            } else {
                plain(&digits, exponent)
            }
        }
    };
    signed(number, &text)
}

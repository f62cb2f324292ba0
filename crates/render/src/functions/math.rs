//! Numbers: sprig's arithmetic is on `int64`, with a second set on floats.

use super::{
    Answer, Arguments, Function,
    Parameter::{Any, Int},
    convert::{to_float64, to_int64},
    fixed, open,
};
use crate::template::{FunctionError, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    open("add", &[], Any, |_, a| Ok(Value::int64(a.iter().map(to_int64).fold(0, i64::wrapping_add)))),
    fixed("add1", &[Any], |_, a| Ok(Value::int64(to_int64(a.at(0)).wrapping_add(1)))),
    fixed("sub", &[Any, Any], |_, a| Ok(Value::int64(to_int64(a.at(0)).wrapping_sub(to_int64(a.at(1)))))),
    open("mul", &[Any], Any, |_, a| Ok(Value::int64(a.iter().map(to_int64).fold(1, i64::wrapping_mul)))),
    fixed("div", &[Any, Any], |_, a| divide(a, i64::wrapping_div)),
    fixed("mod", &[Any, Any], |_, a| divide(a, i64::wrapping_rem)),
    open("max", &[Any], Any, |_, a| Ok(Value::int64(a.iter().map(to_int64).max().unwrap_or(0)))),
    open("biggest", &[Any], Any, |_, a| Ok(Value::int64(a.iter().map(to_int64).max().unwrap_or(0)))),
    open("min", &[Any], Any, |_, a| Ok(Value::int64(a.iter().map(to_int64).min().unwrap_or(0)))),
    open("maxf", &[Any], Any, |_, a| Ok(float(a.iter().map(to_float64).fold(f64::NEG_INFINITY, f64::max)))),
    open("minf", &[Any], Any, |_, a| Ok(float(a.iter().map(to_float64).fold(f64::INFINITY, f64::min)))),
    fixed("add1f", &[Any], |_, a| Ok(float(decimal(to_float64(a.at(0)) + 1.0)))),
    open("addf", &[], Any, |_, a| Ok(float(a.iter().map(to_float64).fold(0.0, |x, y| decimal(x + y))))),
    open("subf", &[Any], Any, |_, a| Ok(fold(a, |x, y| decimal(x - y)))),
    open("mulf", &[Any], Any, |_, a| Ok(fold(a, |x, y| decimal(x * y)))),
    open("divf", &[Any], Any, |_, a| {
        if a.after(1).iter().any(|value| to_float64(value) == 0.0) {
            return Err("decimal division by 0".into());
        }
        Ok(fold(a, quotient))
    }),
    fixed("ceil", &[Any], |_, a| Ok(float(to_float64(a.at(0)).ceil()))),
    fixed("floor", &[Any], |_, a| Ok(float(to_float64(a.at(0)).floor()))),
    open("round", &[Any, Int], Any, |_, a| {
        if let Some(on) = a.get(2).filter(|on| !matches!(on, Value::Float(_) | Value::Int(..))) {
            return Err(format!("wrong type for value; expected float64; got {}", on.type_name()).into());
        }
        Ok(float(round(to_float64(a.at(0)), a.integer(1), a.get(2).map_or(0.5, to_float64))))
    }),
];

fn float(number: f64) -> Value {
    Value::Float(number)
}

fn fold(arguments: &[Value], step: impl Fn(f64, f64) -> f64) -> Value {
    let mut numbers = arguments.iter().map(to_float64);
    let first = numbers.next().unwrap_or(0.0);
    float(numbers.fold(first, step))
}

/// Sprig adds floats as decimals: 0.1 + 0.2 is 0.3. Fifteen digits hold every sum of two short decimals.
fn decimal(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

/// Sprig divides decimals, to sixteen places, halves away from zero.
fn quotient(dividend: f64, divisor: f64) -> f64 {
    exact_quotient(dividend, divisor).unwrap_or(dividend / divisor)
}

fn exact_quotient(dividend: f64, divisor: f64) -> Option<f64> {
    // 1.25 is 125 and -2.
    let parts = |number: f64| -> Option<(i128, i32)> {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e')?;
        let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let whole: i128 = digits.replace('.', "").parse().ok()?;
        Some((whole, exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(places).ok()?)?))
    };
    let ((mut above, up), (mut below, down)) = (parts(dividend)?, parts(divisor)?);
    let shift = up.checked_sub(down)?.checked_add(16)?;
    let factor = 10_i128.checked_pow(shift.unsigned_abs())?;
    let side = if shift < 0 { &mut below } else { &mut above };
    *side = side.checked_mul(factor)?;
    let (whole, rest) = (above.checked_div(below)?, above.checked_rem(below)?);
    let away = if (above < 0) == (below < 0) { 1 } else { -1 };
    let rounded =
        if rest.checked_abs()?.checked_mul(2)? >= below.checked_abs()? { whole + away } else { whole };
    format!("{rounded}e-16").parse().ok()
}

fn divide(arguments: &[Value], step: fn(i64, i64) -> i64) -> Answer {
    let divisor = to_int64(arguments.at(1));
    if divisor == 0 {
        return Err(FunctionError::from("runtime error: integer divide by zero"));
    }
    Ok(Value::int64(step(to_int64(arguments.at(0)), divisor)))
}

/// Rounds at a decimal place; a rest of at least `on` goes up.
fn round(number: f64, places: i64, on: f64) -> f64 {
    let factor = 10_f64.powi(i32::try_from(places.clamp(-400, 400)).unwrap_or(0));
    let digit = factor * number;
    (if digit.fract() >= on { digit.ceil() } else { digit.floor() }) / factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_add_as_people_expect() {
        assert_eq!(decimal(0.1 + 0.2).to_bits(), 0.3_f64.to_bits());
    }
}

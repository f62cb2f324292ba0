//! Kubernetes quantities: `250m`, `1.5Gi`, `2e3`.
//!
//! *Idea.* A quantity is a number with a suffix, and the same number can be written in many ways: `0.5` is `500m`, `1Gi` is
//! `1073741824`. Here it is a whole number of billionths, so that comparing and adding are exact.
//!
//! *Guarantees.* The grammar is that of Kubernetes, with what its code reads beyond the page (`n` and `u`):
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>. As there, what is finer than a billionth
//! is rounded up, away from zero, and what is larger than 2⁶³−1 is taken for that. What is shown reads back as the same number.
//!
//! *Caveats.* Equal is what has the same value, however it is written. Kubernetes rounds a number with a binary suffix up to a
//! whole one when it shows it; here it is shown as it is, with a decimal suffix.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    iter::Sum,
    ops::{Add, Sub},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Billionths of one.
const ONE: i128 = 1_000_000_000;
/// The largest quantity: 2⁶³−1.
const MOST: i128 = 9_223_372_036_854_775_807 * ONE;
/// How many digits are taken at a time: ten of them times the largest suffix fit with room.
const CHUNK: usize = 10;
/// Ten to the power of [`CHUNK`].
const CHUNKS: i128 = 10_000_000_000;

/// The family of suffixes that a quantity is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `n u m k M G T P E`, and none.
    Decimal,
    /// `Ki Mi Gi Ti Pi Ei`.
    Binary,
    /// `e3`.
    Exponent,
}

/// An amount as Kubernetes writes it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity {
    billionths: i128,
    format: Format,
}

/// A text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no quantity like 250m or 1.5Gi")]
pub struct InvalidQuantity {
    /// The text as given.
    pub text: String,
}

impl Quantity {
    /// Nothing of it.
    pub const ZERO: Self = Self { billionths: 0, format: Format::Decimal };

    /// A whole number.
    #[must_use]
    pub fn of(whole: u64) -> Self {
        Self { billionths: capped(i128::from(whole) * ONE), format: Format::Decimal }
    }

    /// As it stands in an object: a text or a number. `None` for anything else.
    #[must_use]
    pub fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        }
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        let product = self.billionths.checked_mul(i128::from(count));
        let most = if self.billionths < 0 { -MOST } else { MOST };
        Self { billionths: capped(product.unwrap_or(most)), ..self }
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.billionths == 0
    }
}

fn capped(billionths: i128) -> i128 {
    billionths.clamp(-MOST, MOST)
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        read(text).ok_or_else(|| InvalidQuantity { text: text.to_owned() })
    }
}

fn read(text: &str) -> Option<Quantity> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = digits(rest);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (factor, exponent, format) = unit(suffix)?;
    let (whole, fraction) = shifted(whole, fraction, exponent);
    let amount = amount(&whole, &fraction, factor.checked_mul(ONE)?);
    Some(Quantity { billionths: if negative { -amount } else { amount }, format })
}

/// The digits at the beginning, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len())
}

/// What a suffix stands for: a factor and a power of ten.
fn unit(suffix: &str) -> Option<(i128, i32, Format)> {
    let decimal = |exponent| Some((1, exponent, Format::Decimal));
    let binary = |power: u32| Some((1_i128 << (10 * power), 0, Format::Binary));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i8 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some((1, i32::from(exponent), Format::Exponent))
        }
    }
}

/// The digits with the point moved to the right, or to the left.
fn shifted(whole: &str, fraction: &str, by: i32) -> (String, String) {
    let places = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by >= 0 {
        let (moved, stay) = fraction.split_at(places.min(fraction.len()));
        let filled = format!("{whole}{moved}{}", "0".repeat(places - moved.len()));
        (filled, stay.to_owned())
    } else {
        let (stay, moved) = whole.split_at(whole.len().saturating_sub(places));
        (stay.to_owned(), format!("{}{moved}{fraction}", "0".repeat(places - moved.len())))
    }
}

/// A number times a factor, rounded up.
fn amount(whole: &str, fraction: &str, factor: i128) -> i128 {
    let whole = whole.trim_start_matches('0');
    // More digits than the largest quantity has.
    if whole.len() > 19 {
        return MOST;
    }
    let whole: i128 = whole.bytes().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    // From the last digits to the first, so that each part is whole and what is left over is only known to be there.
    let (mut part, mut left_over) = (0_i128, false);
    for chunk in fraction.as_bytes().chunks(CHUNK).rev() {
        let padded = chunk.iter().copied().chain(std::iter::repeat(b'0')).take(CHUNK);
        let number: i128 = padded.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let sum = number * factor + part;
        left_over |= sum % CHUNKS != 0;
        part = sum / CHUNKS;
    }
    let sum = whole.checked_mul(factor).and_then(|whole| whole.checked_add(part + i128::from(left_over)));
    capped(sum.unwrap_or(MOST))
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.billionths == other.billionths
    }
}

impl Eq for Quantity {}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.billionths.hash(state);
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.billionths.cmp(&other.billionths)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // As in Kubernetes: nothing takes the form of what is added to it.
        let format = if self.is_zero() { other.format } else { self.format };
        Self { billionths: capped(self.billionths + other.billionths), format }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { billionths: -other.billionths, ..other }
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, Add::add)
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ZERO
    }
}

/// In canonical form: no fraction, and the largest suffix that allows for it.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.billionths % ONE == 0;
        // As Kubernetes does: what is below 1Ki has no binary suffix.
        if self.format == Format::Binary && whole && self.billionths.abs() >= 1024 * ONE {
            let (number, power) = reduced(self.billionths / ONE, 1024, 6);
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(power).copied().unwrap_or_default();
            return write!(f, "{number}{suffix}");
        }
        let (number, power) = reduced(self.billionths, 1000, 9);
        if self.format == Format::Exponent {
            return match power {
                3 => write!(f, "{number}"),
                power => {
                    let exponent =
                        i32::try_from(power).unwrap_or(i32::MAX).saturating_sub(3).saturating_mul(3);
                    write!(f, "{number}e{exponent}")
                }
            };
        }
        let suffix =
            ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].get(power).copied().unwrap_or_default();
        write!(f, "{number}{suffix}")
    }
}

/// Divides as often as nothing is left over, but not more than `most` times. Of nothing there is no larger unit than one.
fn reduced(mut number: i128, base: i128, most: usize) -> (i128, usize) {
    if number == 0 {
        return (0, if base == 1000 { 3 } else { 0 });
    }
    let mut power = 0;
    while power < most && number % base == 0 {
        number /= base;
        power += 1;
    }
    (number, power)
}

impl TryFrom<String> for Quantity {
    type Error = InvalidQuantity;

    fn try_from(text: String) -> Result<Self, InvalidQuantity> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_amount_is_written_in_many_ways() {
        for (one, other) in [
            ("0.5", "500m"),
            ("1Gi", "1073741824"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("1E", "1e18"),
            ("1.", "+1"),
            (".1", "100m"),
            ("12e-3", "12m"),
            ("-0.25", "-250m"),
            ("0.1n", "1n"),
            ("-0.1n", "-1n"),
            ("100000000000000000000", "9223372036854775807"),
            ("9e127", "9223372036854775807"),
            ("-8Ei", "-9223372036854775807"),
            ("0.00000000000000000000000000000000001Ei", "1n"),
        ] {
            assert_eq!(quantity(one), quantity(other), "{one} {other}");
        }
        assert!(quantity("1G") < quantity("1Gi"));
        assert!(quantity("999m") < quantity("1"));
    }

    #[test]
    fn the_canonical_form_is_that_of_kubernetes() {
        for (written, shown) in [
            ("0", "0"),
            ("0Gi", "0"),
            ("1.5", "1500m"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1500000", "1500k"),
            ("1024Ki", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1536Ki", "1536Ki"),
            ("1000000e-3", "1e3"),
            ("1.5e3", "1500"),
            ("100e0", "100"),
            ("123u", "123u"),
            ("-1.5Ki", "-1536"),
            ("-2Ki", "-2Ki"),
        ] {
            assert_eq!(quantity(written).to_string(), shown, "{written}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "", ".", "-", "1x", "1 Gi", "1K", "1ki", "1e", "1e1.5", "1e200", "0x1", "1.2.3", "Gi", "--1",
            "1mi",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
        assert_eq!(Quantity::of_value(&serde_json::json!(2)), Some(quantity("2")));
        assert_eq!(Quantity::of_value(&serde_json::json!(0.5)), Some(quantity("500m")));
        assert_eq!(Quantity::of_value(&serde_json::json!(null)), None);
    }

    #[test]
    fn sums_take_the_form_of_the_first() {
        let sum: Quantity = ["1Gi", "512Mi", "1000"].into_iter().map(quantity).sum();
        assert_eq!(sum, quantity("1610613736"));
        assert_eq!((quantity("1Gi") - quantity("512Mi")).to_string(), "512Mi");
        assert_eq!(quantity("250m").times(5).to_string(), "1250m");
        assert_eq!(quantity("8E").times(u64::MAX), quantity("9223372036854775807"));
        assert_eq!(quantity("-8E").times(u64::MAX), quantity("-9223372036854775807"));
    }

    fn written() -> impl Strategy<Value = String> {
        let suffix = prop::sample::select(vec![
            "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-4",
            "e0",
        ]);
        (any::<bool>(), 0..1_000_000_u64, prop::option::of(0..100_000_u32), suffix).prop_map(
            |(negative, whole, fraction, suffix)| {
                let sign = if negative { "-" } else { "" };
                let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
                format!("{sign}{whole}{fraction}{suffix}")
            },
        )
    }

    proptest! {
        /// What is shown reads back as the same amount, and is shown the same again.
        #[test]
        fn shown_is_read(text in written()) {
            let first = quantity(&text);
            let again = quantity(&first.to_string());
            prop_assert_eq!(first, again);
            prop_assert_eq!(first.to_string(), again.to_string());
        }

        /// Adding and taking away again changes nothing, whatever the suffixes; order is kept by adding.
        #[test]
        fn sums_are_exact(one in written(), other in written(), third in written()) {
            let (one, other, third) = (quantity(&one), quantity(&other), quantity(&third));
            let most = quantity("9223372036854775807");
            // What is capped is not exact any more.
            prop_assume!([one, other, third].iter().all(|it| *it < quantity("1E") && *it > quantity("-1E")));
            prop_assert!(one < most);
            prop_assert_eq!(one + other - other, one);
            prop_assert_eq!(one + other, other + one);
            prop_assert_eq!((one + other) + third, one + (other + third));
            prop_assert_eq!((one + third).cmp(&(other + third)), one.cmp(&other));
            prop_assert_eq!(one.times(3), one + one + one);
        }

        /// Any text is read or refused.
        #[test]
        fn any_text_is_survived(text in "[-+0-9.eEinumkKMGTP]{0,60}") {
            let _ = text.parse::<Quantity>();
        }
    }
}

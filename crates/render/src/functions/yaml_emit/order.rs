//! The order of keys.

use std::cmp::Ordering;

/// Digits within texts compare as numbers; what is no letter comes before letters.
pub(super) fn natural_order(a: &str, b: &str) -> Ordering {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    let (Some(&x), Some(&y)) = (a.get(at), b.get(at)) else { return Ordering::Equal };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Zeros within a number count, leading ones do not: a digit before them that is not zero says which they are.
    let within =
        (x == '0' || y == '0') && a.iter().take(at).rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
    let run = |characters: &[char]| {
        let digits: Vec<u64> =
            characters.iter().skip(at).map_while(|c| c.to_digit(10)).map(u64::from).collect();
        let start = u64::from(within);
        (
            digits.iter().fold(start, |number, digit| number.wrapping_mul(10).wrapping_add(*digit)),
            digits.len(),
        )
    };
    run(&a).cmp(&run(&b)).then(x.cmp(&y))
}

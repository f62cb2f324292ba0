//! The order of keys.
//!
//! *Caveats.* The order is that of Go's YAML writer, and it is none in the strict sense: there are keys of which each comes
//! before the next and the last before the first. There Go gives one order or another; here it is always the same.

use std::{borrow::Cow, cmp::Ordering, collections::VecDeque};

/// Entries in the order of their keys. A merge sort of our own: that of the standard library panics where keys come in a
/// circle.
pub(super) fn in_natural_order<T>(mut entries: Vec<T>, key: fn(&T) -> Cow<'_, str>) -> Vec<T> {
    if entries.len() < 2 {
        return entries;
    }
    let second = entries.split_off(entries.len() / 2);
    let mut first = VecDeque::from(in_natural_order(entries, key));
    let mut second = VecDeque::from(in_natural_order(second, key));
    let mut merged = Vec::with_capacity(first.len() + second.len());
    while let (Some(a), Some(b)) = (first.front(), second.front()) {
        let later = natural_order(&key(a), &key(b)) == Ordering::Greater;
        merged.extend(if later { second.pop_front() } else { first.pop_front() });
    }
    merged.extend(first);
    merged.extend(second);
    merged
}

/// Digits within texts compare as numbers; what is no letter comes before letters.
fn natural_order(a: &str, b: &str) -> Ordering {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(keys: &[&str]) -> Vec<String> {
        in_natural_order(keys.iter().map(|key| (*key).to_owned()).collect(), |key| {
            Cow::Borrowed(key.as_str())
        })
    }

    #[test]
    fn numbers_in_keys_count_as_numbers() {
        assert_eq!(sorted(&["b", "a10", "a9", "a", "-", "A"]), ["-", "A", "a", "a9", "a10", "b"]);
    }

    /// Found by fuzzing: the sort of the standard library panicked.
    #[test]
    fn keys_in_a_circle_come_in_some_order() {
        let keys = [
            "02",
            "1",
            "00",
            "010",
            "0",
            "10",
            "1.",
            ".5",
            "08",
            "09.5",
            "0__0",
            "0x",
            "16",
            "1e40",
            "2020-1-1",
            "020-1",
            "0020-13-01",
            "09x",
            "1__0",
            "1e400",
            "2020-13-01",
            "1po",
            "0e0",
            "00.1",
        ];
        for turn in 0..keys.len() {
            let mut keys = keys;
            keys.rotate_left(turn);
            let mut all = sorted(&keys);
            all.sort_unstable();
            let mut expected = keys.map(str::to_owned);
            expected.sort_unstable();
            assert_eq!(all, expected);
        }
    }
}

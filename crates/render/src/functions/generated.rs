//! Random texts and numbers, all drawn from the caller's [`crate::template::Generator`].

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Int, Text},
    fixed,
};
use crate::template::{FunctionError, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("randAlphaNum", &[Int], |call, a| characters(call, a, &|c| c.is_ascii_alphanumeric())),
    fixed("randAlpha", &[Int], |call, a| characters(call, a, &|c| c.is_ascii_alphabetic())),
    fixed("randNumeric", &[Int], |call, a| characters(call, a, &|c| c.is_ascii_digit())),
    fixed("randAscii", &[Int], |call, a| characters(call, a, &|c| (' '..='~').contains(&c))),
    fixed("randBytes", &[Int], |call, a| {
        let count = count(call, a)?;
        let bytes: Vec<u8> = call.stream(a, |stream| (0..count).map(|_| stream.byte()).collect())?;
        Ok(Value::from(STANDARD.encode(bytes)))
    }),
    fixed("randInt", &[Int, Int], |call, a| {
        let (low, high) = (a.integer(0), a.integer(1));
        let Some(span) =
            high.checked_sub(low).and_then(|span| u64::try_from(span).ok()).filter(|span| *span > 0)
        else {
            return Err("invalid argument to Intn".into());
        };
        let number = call.stream(a, |stream| stream.below(span))?;
        Ok(Value::int(low.saturating_add(i64::try_from(number).unwrap_or(i64::MAX))))
    }),
    fixed("uuidv4", &[], |call, a| {
        let mut bytes: Vec<u8> = call.stream(a, |stream| (0..16).map(|_| stream.byte()).collect())?;
        for (index, keep, fixed) in [(6, 0x0f, 0x40), (8, 0x3f, 0x80)] {
            if let Some(byte) = bytes.get_mut(index) {
                *byte = *byte & keep | fixed;
            }
        }
        let hex = super::digests::hex(&bytes);
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        Ok(Value::from([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")))
    }),
    fixed("shuffle", &[Text], |call, a| {
        let mut characters: Vec<char> = a.string(0).chars().collect();
        call.stream(a, |stream| {
            for index in (1..characters.len()).rev() {
                let bound = u64::try_from(index + 1).unwrap_or(u64::MAX);
                characters.swap(index, usize::try_from(stream.below(bound)).unwrap_or(0));
            }
        })?;
        Ok(Value::from(characters.into_iter().collect::<String>()))
    }),
];

fn count(call: &Call<'_>, arguments: &[Value]) -> Result<usize, FunctionError> {
    let count = usize::try_from(arguments.integer(0)).unwrap_or(0);
    call.charge(count.saturating_mul(4))?;
    call.meter().step(u64::try_from(count / 16).unwrap_or(u64::MAX))?;
    Ok(count)
}

fn characters(call: &Call<'_>, arguments: &[Value], is_allowed: &dyn Fn(char) -> bool) -> Answer {
    let count = count(call, arguments)?;
    let alphabet: Vec<char> = (' '..='~').filter(|character| is_allowed(*character)).collect();
    let bound = u64::try_from(alphabet.len()).unwrap_or(1);
    let text = call.stream(arguments, |stream| {
        (0..count)
            .filter_map(|_| usize::try_from(stream.below(bound)).ok().and_then(|index| alphabet.get(index)))
            .collect::<String>()
    })?;
    Ok(Value::from(text))
}

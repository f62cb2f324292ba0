//! Hashed and derived passwords.
//!
//! *Guarantees.* The salt of a hash is drawn like any generated value, so that it stays the same from render to render.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Int, Text},
    fixed,
};
use crate::template::{FunctionError, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("bcrypt", &[Text], |call, a| Ok(Value::from(hashed(call, a, a.bytes(0))?))),
    fixed("htpasswd", &[Text, Text], |call, a| {
        let user = a.string(0);
        if user.contains(':') {
            return Ok(Value::from(format!("invalid username: {user}")));
        }
        Ok(Value::from(format!("{user}:{}", hashed(call, a, a.bytes(1))?)))
    }),
    fixed("derivePassword", &[Int, Text, Text, Text, Text], derive),
];

/// What hashing costs, in steps of the budget: a hundred hashes use it up.
const HASH_STEPS: u64 = 200_000;
/// What deriving costs, in steps of the budget.
const DERIVE_STEPS: u64 = 500_000;
/// Go's default.
const COST: u32 = 10;

fn hashed(call: &Call<'_>, arguments: &[Value], password: &[u8]) -> Result<String, FunctionError> {
    call.meter().step(HASH_STEPS)?;
    let mut salt = [0; 16];
    call.stream(arguments, |stream| salt.fill_with(|| stream.byte()))?;
    // A password that cannot be hashed answers with the problem, as in sprig.
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned()
        );
    }
    Ok(match bcrypt::hash_with_salt(password, COST, salt) {
        Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    })
}

/// The name that the algorithm gives to its derivations.
const PURPOSE: &[u8] = b"com.lyndir.masterpassword";

/// Shapes of a kind of password: each letter names a set of characters.
fn shapes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(letter: char) -> &'static [u8] {
    match letter {
        'V' => b"AEIOU",
        'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        'v' => b"aeiou",
        'c' => b"bcdfghjklmnpqrstvwxyz",
        'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        'n' => b"0123456789",
        'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// One of a row, chosen by a byte.
fn chosen<T: Copy>(row: &[T], by: u8) -> Option<T> {
    row.get(usize::from(by).checked_rem(row.len())?).copied()
}

/// The password of a user at a site, from a master password: scrypt makes a key, HMAC picks shape and characters.
fn derive(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let (kind, password, user, site) =
        (arguments.string(1), arguments.bytes(2), arguments.bytes(3), arguments.bytes(4));
    let counter = u32::try_from(arguments.integer(0))
        .map_err(|_| FunctionError::from("the counter must be a number of 32 bits"))?;
    let Some(shapes) = shapes(&kind) else {
        return Ok(Value::from(format!("cannot find password template {kind}")));
    };
    call.meter().step(DERIVE_STEPS)?;
    let failed = |problem: String| FunctionError::from(format!("failed to derive password: {problem}"));
    let length = |text: &[u8]| {
        u32::try_from(text.len()).map(u32::to_be_bytes).map_err(|_| failed("a text is too long".to_owned()))
    };
    let salt = [PURPOSE, &length(user)?, user].concat();
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|error| failed(error.to_string()))?;
    let mut key = [0; 64];
    scrypt::scrypt(password, &salt, &parameters, &mut key).map_err(|error| failed(error.to_string()))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| failed(error.to_string()))?;
    for part in [PURPOSE, &length(site)?, site, &counter.to_be_bytes()] {
        mac.update(part);
    }
    let seed = mac.finalize().into_bytes();
    let mut seed = seed.iter().copied();
    let shape = seed.next().and_then(|first| chosen(shapes, first)).unwrap_or_default();
    let derived: String = shape
        .chars()
        .zip(seed)
        .filter_map(|(letter, by)| chosen(characters(letter), by))
        .map(char::from)
        .collect();
    Ok(Value::from(derived))
}

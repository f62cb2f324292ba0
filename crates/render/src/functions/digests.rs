//! Hash sums.

use sha2::{Digest, Sha256, Sha512};

use super::{Arguments, Function, Parameter::Text, fixed};
use crate::template::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("sha256sum", &[Text], |_, a| Ok(Value::from(hex(&Sha256::digest(a.bytes(0)))))),
    fixed("sha512sum", &[Text], |_, a| Ok(Value::from(hex(&Sha512::digest(a.bytes(0)))))),
    fixed("sha1sum", &[Text], |_, a| Ok(Value::from(hex(&sha1::Sha1::digest(a.bytes(0)))))),
    fixed("adler32sum", &[Text], |_, a| Ok(Value::from(adler32(a.bytes(0)).to_string()))),
];

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

//! Encryption of texts: AES-256 in CBC mode, the key being the password itself, cut or filled up with zeros.
//!
//! *Caveats.* This is what charts know under these names, not what one would choose: nothing proves that a text was not
//! changed. The initial vector is drawn like any generated value.

use aes::Aes256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::{
    Decryptor, Encryptor,
    cipher::{
        BlockModeDecrypt, BlockModeEncrypt, KeyIvInit,
        block_padding::{NoPadding, Pkcs7},
    },
};

use super::{Answer, Arguments, Call, Function, Parameter::Text, fixed};
use crate::template::{FunctionError, Value};

pub(super) const FUNCTIONS: &[Function] =
    &[fixed("encryptAES", &[Text, Text], encrypt), fixed("decryptAES", &[Text, Text], decrypt)];

/// Bytes of a block and of the initial vector.
const BLOCK: usize = 16;

fn key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (slot, byte) in key.iter_mut().zip(password) {
        *slot = *byte;
    }
    key
}

fn encrypt(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let (password, text) = (arguments.bytes(0), arguments.bytes(1));
    if text.is_empty() {
        return Ok(Value::from(""));
    }
    call.charge(text.len().saturating_mul(3))?;
    let mut vector = [0; BLOCK];
    call.stream(arguments, |stream| vector.fill_with(|| stream.byte()))?;
    let sealed =
        Encryptor::<Aes256>::new(&key(password).into(), &vector.into()).encrypt_padded_vec::<Pkcs7>(text);
    Ok(Value::from(STANDARD.encode([&vector[..], &sealed].concat())))
}

fn decrypt(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let (password, text) = (arguments.bytes(0), arguments.bytes(1));
    if text.is_empty() {
        return Ok(Value::from(""));
    }
    call.charge(text.len())?;
    let sealed = STANDARD.decode(text).map_err(|_| FunctionError::from("illegal base64 data"))?;
    let Some((vector, sealed)) = sealed.split_first_chunk::<BLOCK>() else {
        return Err("the text is shorter than its initial vector".into());
    };
    let mut open = Decryptor::<Aes256>::new(&key(password).into(), &(*vector).into())
        .decrypt_padded_vec::<NoPadding>(sealed)
        .map_err(|_| FunctionError::from("crypto/cipher: input not full blocks"))?;
    // The last byte says how long the padding is; with a wrong password it may say anything.
    let padding = open.last().map_or(0, |last| usize::from(*last));
    let Some(length) = open.len().checked_sub(padding) else {
        return Err("the password does not fit the text".into());
    };
    open.truncate(length);
    Ok(Value::Text(open.into()))
}

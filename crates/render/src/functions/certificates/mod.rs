//! Certificates and private keys.
//!
//! *Idea.* Keys and serial numbers are drawn like any generated value, times begin at the instant stored with the seed,
//! and signatures are the deterministic ones of RFC 6979: the same composition renders the same certificates again.
//!
//! *Caveats.* Where sprig makes RSA keys for certificates, keys here are on the curve P-256: finding RSA primes takes up
//! to seconds, at each render, and a render draws its keys each time anew. Who asks for `genPrivateKey "rsa"` gets one
//! all the same (2048 bits where sprig draws 4096), and it may sign. DSA, which nothing accepts any more, is refused.

mod issue;
mod keys;

use std::{net::IpAddr, rc::Rc};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Certificate, Int, List, Text},
    fixed,
};
use crate::template::{FunctionError, Object, Value};
use issue::{Issuer, Request};
use keys::SigningKey;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("genPrivateKey", &[Text], private_key),
    fixed("genCA", &[Text, Int], |call, a| authority(call, a, None)),
    fixed("genCAWithKey", &[Text, Int, Text], |call, a| authority(call, a, Some(a.at(2)))),
    fixed("genSelfSignedCert", &[Text, List, List, Int], |call, a| leaf(call, a, None, None)),
    fixed("genSelfSignedCertWithKey", &[Text, List, List, Int, Text], |call, a| {
        leaf(call, a, None, Some(a.at(4)))
    }),
    fixed("genSignedCert", &[Text, List, List, Int, Certificate], |call, a| {
        leaf(call, a, Some(a.at(4)), None)
    }),
    fixed("genSignedCertWithKey", &[Text, List, List, Int, Certificate, Text], |call, a| {
        leaf(call, a, Some(a.at(4)), Some(a.at(5)))
    }),
    fixed("buildCustomCert", &[Text, Text], |_, a| custom(&a.string(0), &a.string(1))),
];

/// What a key or a certificate costs, in steps of the budget: a thousand of them use it up.
const STEPS: u64 = 20_000;

/// What an RSA key costs: three of them in one layer are what there is time for.
const RSA_STEPS: u64 = 6_000_000;

/// Go's name of the type, by which parameters know it.
pub(super) const TYPE_NAME: &str = "sprig.certificate";

/// A certificate with its key, both in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        TYPE_NAME
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(Value::from(self.certificate.as_str())),
            "Key" => Some(Value::from(self.key.as_str())),
            _ => None,
        }
    }

    fn text(&self) -> String {
        format!("{{{} {}}}", self.certificate, self.key)
    }

    fn encoded(&self) -> Value {
        Value::map([
            ("Cert", Value::from(self.certificate.as_str())),
            ("Key", Value::from(self.key.as_str())),
        ])
    }
}

fn pair(certificate: String, key: String) -> Value {
    Value::Object(Rc::new(Pair { certificate, key }))
}

fn private_key(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    call.meter().step(STEPS)?;
    let key = match &*arguments.string(0) {
        "" | "rsa" => {
            call.meter().step(RSA_STEPS)?;
            call.stream(arguments, SigningKey::rsa)?
        }
        "ecdsa" => call.stream(arguments, SigningKey::p256)?,
        "ed25519" => return Ok(Value::from(call.stream(arguments, keys::ed25519)?)),
        "dsa" => return Err("DSA keys are not made any more: take \"rsa\", \"ecdsa\" or \"ed25519\"".into()),
        other => return Ok(Value::from(format!("Unknown type {other}"))),
    };
    let written = key.as_ref().and_then(SigningKey::written).ok_or("failed to generate private key")?;
    Ok(Value::from(written))
}

fn authority(call: &Call<'_>, arguments: &[Value], own: Option<&Value>) -> Answer {
    let request = Request {
        common_name: arguments.string(0).into_owned(),
        addresses: Vec::new(),
        names: Vec::new(),
        from: now(call),
        days: arguments.integer(1),
        serial: [0; 16],
        authority: true,
    };
    made(call, arguments, request, None, own)
}

fn leaf(call: &Call<'_>, arguments: &[Value], issuer: Option<&Value>, own: Option<&Value>) -> Answer {
    let issuer = match issuer {
        Some(authority) => Some(issuer_of(authority)?),
        None => None,
    };
    let request = Request {
        common_name: arguments.string(0).into_owned(),
        addresses: addresses(call, arguments.at(1))?,
        names: names(call, arguments.at(2))?,
        from: now(call),
        days: arguments.integer(3),
        serial: [0; 16],
        authority: false,
    };
    made(call, arguments, request, issuer.as_ref(), own)
}

fn made(
    call: &Call<'_>,
    arguments: &[Value],
    mut request: Request,
    issuer: Option<&Issuer>,
    own: Option<&Value>,
) -> Answer {
    call.meter().step(STEPS)?;
    let (drawn, serial) = call.stream(arguments, |stream| {
        let mut serial = [0; 16];
        serial.fill_with(|| stream.byte());
        (SigningKey::p256(stream), serial)
    })?;
    request.serial = serial;
    let key = match own.and_then(Value::as_text) {
        Some(text) => {
            SigningKey::read(&text.to_str()).map_err(|problem| format!("parsing private key: {problem}"))?
        }
        None => drawn.ok_or("error generating key")?,
    };
    let certificate = issue::issue(&request, &key, issuer)?;
    let key = key.written().ok_or("error encoding key")?;
    Ok(pair(certificate, key))
}

fn now(call: &Call<'_>) -> i64 {
    call.execution.context.generator.now().as_second()
}

fn issuer_of(authority: &Value) -> Result<Issuer, FunctionError> {
    let Value::Object(object) = authority else { return Err("the authority is missing".into()) };
    let part = |name: &str| object.field(name).and_then(|value| value.as_text().cloned());
    match (part("Cert"), part("Key")) {
        (Some(certificate), Some(key)) => Ok(Issuer::read(&certificate.to_str(), &key.to_str())?),
        _ => Err("the authority has no certificate".into()),
    }
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(list) => list.items(),
        _ => &[],
    }
}

fn addresses(call: &Call<'_>, value: &Value) -> Result<Vec<IpAddr>, FunctionError> {
    items(value)
        .iter()
        .map(|item| match item.as_text() {
            Some(text) => {
                let text = text.to_str();
                text.parse().map_err(|_| FunctionError::from(format!("error parsing ip: {text}")))
            }
            None => {
                let shown = call.display(item)?;
                Err(format!("error parsing ip: {} is not a string", String::from_utf8_lossy(&shown)).into())
            }
        })
        .collect()
}

fn names(call: &Call<'_>, value: &Value) -> Result<Vec<String>, FunctionError> {
    items(value)
        .iter()
        .map(|item| match item.as_text() {
            Some(text) => Ok(text.to_str().into_owned()),
            None => {
                let shown = call.display(item)?;
                let shown = String::from_utf8_lossy(&shown);
                Err(format!("error processing alternate dns name: {shown} is not a string").into())
            }
        })
        .collect()
}

fn custom(certificate: &str, key: &str) -> Answer {
    let decode = |text: &str, noun: &str| {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.ok_or_else(|| FunctionError::from(format!("unable to decode base64 {noun}")))
    };
    let (certificate, key) = (decode(certificate, "certificate")?, decode(key, "private key")?);
    issue::parse(&certificate)?;
    keys::check(&key).map_err(|problem| format!("error parsing private key: {problem}"))?;
    Ok(pair(certificate, key))
}

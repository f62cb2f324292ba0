//! URLs: escaping, taking apart, putting together.

use super::{
    Answer, Arguments, Function,
    Parameter::{Map as AMap, Text},
    fixed,
};
use crate::template::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("urlParse", &[Text], |_, a| parse(&a.string(0))),
    fixed("urlJoin", &[AMap], |_, a| join(a)),
    // As without Helm's `--enable-dns`.
    fixed("getHostByName", &[Text], |_, _| Ok(Value::from(""))),
];

/// Escapes a text for a query: spaces become `+`.
pub(super) fn query_escape(text: &[u8]) -> String {
    escape(text, |byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)).replace("%20", "+")
}

fn escape(text: &[u8], stays: impl Fn(u8) -> bool) -> String {
    text.iter()
        .map(|byte| if stays(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn parse(text: &str) -> Answer {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, rest) = match rest.split_once(':') {
        Some(("", _)) => {
            return Err(format!("unable to parse url: parse {text:?}: missing protocol scheme").into());
        }
        Some((scheme, rest))
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) =>
        {
            (scheme.to_ascii_lowercase(), rest)
        }
        _ => (String::new(), rest),
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut authority, mut path, mut opaque) = ("", rest, "");
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find('/').unwrap_or(after.len());
        (authority, path) = after.split_at_checked(end).unwrap_or((after, ""));
    } else if !scheme.is_empty() && !rest.starts_with('/') {
        (path, opaque) = ("", rest);
    }
    let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    // What Go allows in a host and what is escaped.
    let refused = |byte: u8| byte < 0x21 || byte == 0x7f || b"\\^`{|}".contains(&byte);
    if let Some(byte) = host.bytes().find(|byte| refused(*byte)) {
        let problem = format!("invalid character {:?} in host name", char::from(byte).to_string());
        return Err(format!("unable to parse url: parse {text:?}: {problem}").into());
    }
    let hostname = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    Ok(Value::map([
        ("scheme", Value::from(scheme)),
        ("host", Value::from(host)),
        ("hostname", Value::from(hostname)),
        ("path", Value::from(decode(path))),
        ("query", Value::from(query)),
        ("opaque", Value::from(opaque)),
        ("fragment", Value::from(decode(fragment))),
        ("userinfo", Value::from(userinfo)),
    ]))
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn join(arguments: &[Value]) -> Answer {
    let part = |name: &str| {
        let value = arguments.at(0).as_map().and_then(|map| map.get(name.as_bytes()));
        value.and_then(|value| value.as_text().map(|text| text.to_str().into_owned())).unwrap_or_default()
    };
    let path_stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
    let mut out = String::new();
    let (scheme, opaque, host, path) = (part("scheme"), part("opaque"), part("host"), part("path"));
    if !scheme.is_empty() {
        out.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        let userinfo = part("userinfo");
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            if !host.is_empty() || !path.is_empty() || !userinfo.is_empty() {
                out.push_str("//");
            }
            if !userinfo.is_empty() {
                out.push_str(&format!("{userinfo}@"));
            }
            out.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&escape(path.as_bytes(), path_stays));
    } else {
        out.push_str(&opaque);
    }
    for (name, sign) in [("query", '?'), ("fragment", '#')] {
        let text = part(name);
        if !text.is_empty() {
            out.push(sign);
            out.push_str(&text);
        }
    }
    Ok(Value::from(out))
}

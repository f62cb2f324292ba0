//! Bearer tokens: taken from a header, or from the first message of a WebSocket.

use http::{HeaderMap, header};
use strata_model::secret::SecretText;

/// The token of `Authorization: Bearer …`, if there is one.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<SecretText> {
    of_text(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// The token of the payload of `connection_init`: `{ "Authorization": "Bearer …" }`.
pub(super) fn of_payload(payload: &serde_json::Value) -> Option<SecretText> {
    let map = payload.as_object()?;
    let entry = map.iter().find(|(key, _)| key.eq_ignore_ascii_case("authorization"))?;
    of_text(entry.1.as_str()?)
}

fn of_text(text: &str) -> Option<SecretText> {
    let (scheme, token) = text.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= 512)
        .then(|| SecretText::new(token))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_found() {
        assert_eq!(of_text("Bearer abc").unwrap().expose(), "abc");
        assert_eq!(of_text(" bearer  abc ").unwrap().expose(), "abc");
        assert_eq!(of_payload(&json!({ "authorization": "Bearer x" })).unwrap().expose(), "x");
        for text in ["", "Bearer", "Bearer ", "Basic abc", "abc"] {
            assert!(of_text(text).is_none(), "{text}");
        }
        assert!(of_text(&format!("Bearer {}", "x".repeat(513))).is_none());
        assert!(of_payload(&json!({ "token": "Bearer x" })).is_none() && of_payload(&json!(null)).is_none());
    }
}

//! Global ids: opaque to clients, a noun and a UUID inside.

use async_graphql::ID;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use strata_model::error::{Refusal, RefusalCode};
use uuid::Uuid;

/// The global id of a thing.
#[must_use]
pub fn encode(noun: &str, uuid: Uuid) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{noun}/{uuid}")))
}

/// The noun and UUID of a global id.
#[must_use]
pub fn decode(id: &str) -> Option<(String, Uuid)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (noun, uuid) = text.split_once('/')?;
    Some((noun.to_owned(), uuid.parse().ok()?))
}

/// A place in the event log as a cursor of subscriptions and histories.
#[must_use]
pub fn encode_position(position: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("event/{position}"))
}

/// The place in the event log that a cursor names.
///
/// # Errors
/// A refusal for what is no such cursor.
pub fn decode_position(cursor: &str) -> Result<i64, Refusal> {
    let position = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        text.strip_prefix("event/")?.parse().ok().filter(|position| *position >= 0)
    };
    position().ok_or_else(|| {
        let shown: String = cursor.chars().take(60).collect();
        Refusal::new(
            RefusalCode::InvalidInput,
            format!("`{shown}` is not a cursor of this list"),
            "take `cursor` or `endCursor` of the answer before as it is",
        )
        .at("after")
    })
}

/// The UUID of a global id that must name such a thing. A bare UUID is accepted as well: it is what logs show.
///
/// # Errors
/// A refusal that names what was expected.
pub fn expect(noun: &str, id: &str) -> Result<Uuid, Refusal> {
    if let Ok(uuid) = id.parse::<Uuid>() {
        return Ok(uuid);
    }
    match decode(id) {
        Some((found, uuid)) if found == noun => Ok(uuid),
        _ => Err(Refusal::new(
            RefusalCode::InvalidInput,
            format!("`{}` is not the id of a {noun}", id.chars().take(100).collect::<String>()),
            "take the id from an answer of this API, as it is",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_name_their_noun() {
        let id = encode("change", Uuid::from_u128(7));
        assert_eq!(decode(&id), Some(("change".to_owned(), Uuid::from_u128(7))));
        assert_eq!(expect("change", &id).unwrap(), Uuid::from_u128(7));
        assert!(expect("cluster", &id).is_err() && expect("change", "x").is_err());
        assert_eq!(expect("change", &Uuid::from_u128(7).to_string()).unwrap(), Uuid::from_u128(7));
    }

    #[test]
    fn positions_round_trip_and_nonsense_is_refused() {
        assert_eq!(decode_position(&encode_position(42)).unwrap(), 42);
        for text in ["", "42", &encode_position(-1), &encode("change", Uuid::nil())] {
            assert!(decode_position(text).is_err(), "{text}");
        }
    }
}

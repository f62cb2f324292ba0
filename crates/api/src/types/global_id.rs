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

/// The UUID of a global id that must name such a thing. A bare UUID is accepted as well: it is what logs show.
///
/// # Errors
/// A refusal that names what was expected.
pub fn expect(noun: &str, id: &str) -> Result<Uuid, Refusal> {
    match decode(id) {
        Some((found, uuid)) if found == noun => Ok(uuid),
        None if id.parse::<Uuid>().is_ok() => Ok(id.parse().unwrap_or_default()),
        _ => Err(Refusal::new(
            RefusalCode::InvalidInput,
            format!("`{id}` is not the id of a {noun}"),
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
    }
}

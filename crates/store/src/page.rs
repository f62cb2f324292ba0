//! Pages of lists: keyset paging, so that a page stays where it is when rows come and go.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::StoreError;

/// The most items that one page holds.
pub const PAGE_LIMIT: u32 = 100;

/// How many ids one statement names: below what SQLite binds (32,766).
pub(crate) const ID_BATCH: usize = 10_000;

/// A place in a list, opaque to callers. Valid for the same list in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Takes a text that a client sends back; it is checked when it is used.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to hand to a client.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place of a row with this sort key and id.
    pub(crate) fn of(key: impl Into<Value>, id: Uuid) -> Self {
        let text = Value::Array(vec![key.into(), Value::String(id.to_string())]).to_string();
        Self(URL_SAFE_NO_PAD.encode(text))
    }

    fn parts(&self) -> Result<(Value, Uuid), StoreError> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| StoreError::InvalidCursor)?;
        let (key, id): (Value, String) =
            serde_json::from_slice(&bytes).map_err(|_| StoreError::InvalidCursor)?;
        Ok((key, id.parse().map_err(|_| StoreError::InvalidCursor)?))
    }

    /// The sort key as text, and the id.
    pub(crate) fn text_and_id(&self) -> Result<(String, Uuid), StoreError> {
        match self.parts()? {
            (Value::String(key), id) => Ok((key, id)),
            _ => Err(StoreError::InvalidCursor),
        }
    }

    /// The sort key as number, and the id.
    pub(crate) fn number_and_id(&self) -> Result<(i64, Uuid), StoreError> {
        let (key, id) = self.parts()?;
        Ok((key.as_i64().ok_or(StoreError::InvalidCursor)?, id))
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many items, at least 1 and at most [`PAGE_LIMIT`]; anything else is brought into that range.
    pub first: u32,
    /// After which place; from the beginning when absent.
    pub after: Option<Cursor>,
}

impl Default for Page {
    fn default() -> Self {
        Self { first: PAGE_LIMIT, after: None }
    }
}

impl Page {
    /// The first items of a list.
    #[must_use]
    pub const fn first(first: u32) -> Self {
        Self { first, after: None }
    }

    /// The same page size after a place.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// One more than wanted, to see whether there is more.
    pub(crate) fn limit(&self) -> u64 {
        u64::from(self.first.clamp(1, PAGE_LIMIT)) + 1
    }
}

/// One item and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge<T> {
    /// Its place.
    pub cursor: Cursor,
    /// The item.
    pub node: T,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// In order.
    pub edges: Vec<Edge<T>>,
    /// Whether there is more after them.
    pub has_next: bool,
}

impl<T> PageOf<T> {
    /// Cuts off what was read only to see whether there is more.
    pub(crate) fn cut(page: &Page, mut edges: Vec<Edge<T>>) -> Self {
        let wanted = usize::try_from(page.limit() - 1).unwrap_or(usize::MAX);
        let has_next = edges.len() > wanted;
        edges.truncate(wanted);
        Self { edges, has_next }
    }

    /// Where the next page begins, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Cursor> {
        if self.has_next { self.edges.last().map(|edge| edge.cursor.clone()) } else { None }
    }

    /// The items alone.
    #[must_use]
    pub fn into_nodes(self) -> Vec<T> {
        self.edges.into_iter().map(|edge| edge.node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_nonsense_is_refused() {
        let id = Uuid::from_u128(5);
        assert_eq!(Cursor::of("a", id).text_and_id().unwrap(), ("a".to_owned(), id));
        assert_eq!(Cursor::of(7_i64, id).number_and_id().unwrap(), (7, id));
        assert!(Cursor::of(7_i64, id).text_and_id().is_err());
        for text in ["", "x", "e30", "WyJhIl0"] {
            assert!(Cursor::new(text).text_and_id().is_err(), "{text}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(Page::first(0).limit(), 2);
        assert_eq!(Page::first(1_000_000).limit(), u64::from(PAGE_LIMIT) + 1);
    }
}

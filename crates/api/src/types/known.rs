//! What never changes once it is there, kept at hand: names of clusters, targets of changes.
//!
//! Lists ask for them item by item. A cluster is never renamed and a stored composition never edited, so that what is kept
//! here never gets old; it is bounded, and forgotten as a whole when it is full. Only who was shown a thing asks for its names.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_graphql::Context;
use strata_engine::Session;
use strata_model::id::{ClusterId, CompositionId};
use uuid::Uuid;

use crate::error::answer;

/// How many texts are kept.
const LIMIT: usize = 50_000;

/// Texts by the id of what they belong to. Ids are unique over all nouns.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<Uuid, String>>);

impl Known {
    fn get(&self, id: Uuid) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn put(&self, id: Uuid, text: String) {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= LIMIT {
            texts.clear();
        }
        texts.insert(id, text);
    }
}

/// The name of a cluster; its id when it is gone.
///
/// # Errors
/// Those of the read.
pub async fn cluster_name(
    ctx: &Context<'_>,
    session: &Session,
    id: ClusterId,
) -> async_graphql::Result<String> {
    let known = ctx.data_opt::<Known>();
    if let Some(name) = known.and_then(|known| known.get(id.uuid())) {
        return Ok(name);
    }
    let Some(cluster) = session.cluster_by_id(id).await.map_err(answer)? else { return Ok(id.to_string()) };
    let name = cluster.name.to_string();
    if let Some(known) = known {
        known.put(id.uuid(), name.clone());
    }
    Ok(name)
}

/// The profile versions of a composition, in one line.
///
/// # Errors
/// Those of the read.
pub async fn target(
    ctx: &Context<'_>,
    session: &Session,
    id: CompositionId,
) -> async_graphql::Result<String> {
    let known = ctx.data_opt::<Known>();
    if let Some(target) = known.and_then(|known| known.get(id.uuid())) {
        return Ok(target);
    }
    let view = session.composition(id).await.map_err(answer)?;
    let revisions: Vec<String> = view.attachments.iter().map(|a| a.revision.to_string()).collect();
    let target = revisions.join(", ");
    if let Some(known) = known {
        known.put(id.uuid(), target.clone());
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_bounded() {
        let known = Known::default();
        for index in 0..=LIMIT {
            known.put(Uuid::from_u128(index as u128), String::new());
        }
        assert!(known.get(Uuid::from_u128(LIMIT as u128)).is_some());
        assert!(known.get(Uuid::from_u128(0)).is_none());
    }
}

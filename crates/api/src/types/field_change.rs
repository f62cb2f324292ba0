//! One field that changes.

use async_graphql::{Json, SimpleObject};
use strata_model::plan;

use super::state::SameMeaning;

/// One field that changes.
#[derive(Debug, Clone, SimpleObject)]
pub struct FieldChange {
    /// Where.
    pub path: String,
    /// Before; absent when the field is new.
    pub before: Option<Json<serde_json::Value>>,
    /// After; absent when the field goes.
    pub after: Option<Json<serde_json::Value>>,
    /// Why it says the same in other words; none where it says something else.
    pub same: Option<SameMeaning>,
}

impl From<&plan::FieldChange> for FieldChange {
    fn from(change: &plan::FieldChange) -> Self {
        Self {
            path: change.path.clone(),
            before: change.before.clone().map(Json),
            after: change.after.clone().map(Json),
            same: change.same.map(Into::into),
        }
    }
}

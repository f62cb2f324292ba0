//! What a change or rollout waits for.

use async_graphql::SimpleObject;

use super::scalar::DateTime;

/// One thing that is waited for.
#[derive(Debug, SimpleObject)]
pub struct WaitReason {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Since when.
    pub since: Option<DateTime>,
    /// What would end the wait.
    pub next_action: String,
}

impl From<strata_engine::WaitReason> for WaitReason {
    fn from(reason: strata_engine::WaitReason) -> Self {
        Self {
            code: reason.code,
            message: reason.message,
            since: reason.since.map(DateTime),
            next_action: reason.next_action,
        }
    }
}

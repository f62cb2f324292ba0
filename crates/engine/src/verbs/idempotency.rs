//! Idempotency keys: the same key of the same principal never starts the same operation twice.

use serde_json::Value;
use strata_model::{
    digest::Digest,
    error::{Refusal, RefusalCode},
};
use strata_store::Tx;

use crate::{error::EngineError, session::Session};

/// A key with what it was used for.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) operation: &'static str,
    pub(super) key: String,
    pub(super) input: Digest,
}

impl Session {
    /// The key of an operation, if the caller gave one.
    pub(super) fn key(&self, operation: &'static str, key: Option<&String>, input: &Value) -> Option<Key> {
        let input = self.engine.store().digest_key().document("idempotency", input);
        key.map(|key| Key { operation, key: key.clone(), input })
    }

    /// The answer that was given to this key before, inside the transaction that would do the work.
    pub(super) async fn answered(&self, tx: &Tx, key: &Key) -> Result<Option<Value>, EngineError> {
        let Some(principal) = self.caller.actor.principal else { return Ok(None) };
        let Some(before) = tx.project(self.project).idempotency_get(principal, key.operation, &key.key).await? else {
            return Ok(None);
        };
        if before.input != key.input {
            return Err(Refusal::new(
                RefusalCode::IdempotencyKeyReused,
                format!("the idempotency key `{}` was used for {} with another input", key.key, key.operation),
                "use a new key for new work",
            )
            .at("idempotencyKey")
            .into());
        }
        Ok(Some(before.response))
    }

    /// Remembers the answer.
    pub(super) async fn remember(&self, tx: &Tx, key: &Key, answer: Value) -> Result<(), EngineError> {
        let Some(principal) = self.caller.actor.principal else { return Ok(()) };
        tx.idempotency_put(self.project, principal, key.operation, &key.key, &key.input, &answer).await?;
        Ok(())
    }
}

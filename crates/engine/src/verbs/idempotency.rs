//! Idempotency keys: the same key of the same principal never starts the same operation twice.

use jiff::SignedDuration;
use serde_json::{Value, json};
use strata_model::{
    Timestamp,
    change::Change,
    digest::Digest,
    error::{Refusal, RefusalCode},
    id::{ChangeId, PrincipalId},
};
use strata_store::{IdempotencyKey, IdempotentAnswer, Scoped, Tx};

use crate::{error::EngineError, session::Session, wish::RequestOptions};

/// A key with what it was used for.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(super) operation: &'static str,
    pub(super) key: String,
    pub(super) input: Digest,
}

/// How long a key is remembered.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

impl Key {
    fn of(&self, principal: PrincipalId) -> IdempotencyKey {
        IdempotencyKey { principal, operation: self.operation.to_owned(), key: self.key.clone() }
    }
}

impl Session {
    /// The key of an operation, if the caller gave one.
    pub(super) fn key(&self, operation: &'static str, key: Option<&String>, input: &Value) -> Option<Key> {
        let input = self.engine.store().digest_key().document("idempotency", input);
        key.map(|key| Key { operation, key: key.clone(), input })
    }

    /// The key of an operation that requests a change. All that the requester gave is input: a repetition that expects
    /// another plan, or wants it applied where the first did not, is no repetition.
    pub(super) fn request_key(
        &self,
        operation: &'static str,
        options: &RequestOptions,
        what: &Value,
    ) -> Option<Key> {
        let expected = options.expected_plan_digest.as_ref().map(ToString::to_string);
        let input = json!([what, options.reason, expected, options.apply_when_ready]);
        self.key(operation, options.idempotency_key.as_ref(), &input)
    }

    /// The change that was made for this key before, if one was: then nothing is planned or asked anew.
    pub(super) async fn replayed(&self, key: Option<&Key>) -> Result<Option<Change>, EngineError> {
        let Some(key) = key else { return Ok(None) };
        match self.answer_in(&self.rows(), key).await? {
            Some(answer) => {
                let id: ChangeId = serde_json::from_value(answer)?;
                Ok(Some(self.rows().change_get(id).await?.value))
            }
            None => Ok(None),
        }
    }

    /// The answer that was given to this key before, inside the transaction that would do the work.
    pub(super) async fn answered(&self, tx: &Tx, key: &Key) -> Result<Option<Value>, EngineError> {
        self.answer_in(&tx.project(self.project), key).await
    }

    pub(super) async fn answer_in(&self, rows: &Scoped<'_>, key: &Key) -> Result<Option<Value>, EngineError> {
        let Some(principal) = self.caller.actor.principal else { return Ok(None) };
        let stored = key.of(principal);
        let Some(before) = rows.idempotency_get(&stored).await? else { return Ok(None) };
        if before.input != key.input {
            return Err(Refusal::new(
                RefusalCode::IdempotencyKeyReused,
                format!(
                    "the idempotency key `{}` was used for {} with another input",
                    key.key, key.operation
                ),
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
        let expires_at = tx.now().checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        let answer = IdempotentAnswer { input: key.input.clone(), response: answer, expires_at };
        tx.idempotency_put(self.project, &key.of(principal), &answer).await?;
        Ok(())
    }
}

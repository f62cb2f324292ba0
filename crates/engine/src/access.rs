//! Who asks: tokens turned into callers; the first token of an installation.

use strata_model::{
    access::{Actor, PrincipalKind, Role},
    error::RefusalCode,
    event::AuditEntry,
    secret::SecretText,
};
use strata_store::TokenVerdict;

use crate::{Engine, error::EngineError, session::Caller};

/// The token of the first administrator, made at the first start. Shown once.
#[derive(Debug)]
pub struct FirstToken {
    /// The principal.
    pub principal: String,
    /// The token.
    pub secret: SecretText,
}

impl Engine {
    /// The caller behind a bearer token.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `TOKEN_EXPIRED`.
    pub async fn authenticate(&self, bearer: &SecretText) -> Result<Caller, EngineError> {
        let found = match self.store().token_verify(bearer).await? {
            TokenVerdict::Unknown => {
                return Err(EngineError::refuse(
                    RefusalCode::Unauthenticated,
                    "this token is not known, or was revoked",
                    "give a valid one as `Authorization: Bearer …`; an administrator can make one with `strata token create`",
                ));
            }
            TokenVerdict::Expired => {
                return Err(EngineError::refuse(
                    RefusalCode::TokenExpired,
                    "this token has expired",
                    "ask an administrator for a new one: `strata token create`",
                ));
            }
            TokenVerdict::Good(found) => *found,
        };
        if found.use_is_news {
            let id = found.token.id;
            let noted = self.store().write(move |tx| Box::pin(async move { tx.token_used(id).await })).await;
            if let Err(error) = noted {
                tracing::debug!(%error, "the use of a token could not be noted");
            }
        }
        Ok(Caller {
            actor: Actor {
                principal: Some(found.principal.id),
                name: found.principal.name,
                token: Some(found.token.id),
            },
            bindings: found.bindings.into_iter().map(|b| (b.project, b.project_name, b.role)).collect(),
            cause: None,
        })
    }

    /// Makes the first administrator and their token, if there is no token yet. Several servers may ask at once: one wins.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn first_start(&self) -> Result<Option<FirstToken>, EngineError> {
        let project = self.store().installation().default_project;
        self.store()
            .try_write(move |tx| {
                Box::pin(async move {
                    if !tx.first_start().await? {
                        return Ok(None);
                    }
                    let principal = tx.principal_insert(project, "admin", PrincipalKind::Person).await?;
                    tx.role_bind(project, principal.id, Role::Admin).await?;
                    let token = tx.token_insert(project, principal.id, "first start", None).await?;
                    let entry = AuditEntry {
                        operation: "firstStart".to_owned(),
                        subject: "principal/admin".to_owned(),
                        outcome: "OK".to_owned(),
                        reason: None,
                    };
                    tx.audit_append(project, &entry, &Actor::system(), None).await?;
                    Ok(Some(FirstToken { principal: principal.name, secret: token.text }))
                })
            })
            .await
    }
}

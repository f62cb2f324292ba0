//! Who asks: tokens turned into callers; the first token of an installation.

use strata_model::{
    access::{Actor, PrincipalKind, Role},
    error::RefusalCode,
    event::AuditEntry,
    id::ProjectId,
    secret::SecretText,
};
use strata_store::{Optional as _, Store, TokenVerdict, Tx};

use crate::{Engine, error::EngineError, session::Caller};

/// The name of the first administrator.
const ADMINISTRATOR: &str = "admin";

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
                    "give a valid one, in STRATA_TOKEN or with --token-file (as `Authorization: Bearer …`); an administrator can make one with `strata token create`",
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
                    administrator_token(tx, project, "firstStart", "first start").await.map(Some)
                })
            })
            .await
    }
}

/// Makes a token of the administrator in the database itself, for whoever has lost all tokens. Who can open the database
/// needs no other permission. Tokens that exist stay valid.
///
/// # Errors
/// Those of the store.
pub async fn recover_administrator(store: &Store) -> Result<FirstToken, EngineError> {
    let project = store.installation().default_project;
    store
        .try_write(move |tx| {
            Box::pin(
                async move { administrator_token(tx, project, "recoverAdministrator", "recovery").await },
            )
        })
        .await
}

/// A token of `admin`, who is made, and given the role, where that is not so already.
async fn administrator_token(
    tx: &Tx,
    project: ProjectId,
    operation: &str,
    name: &str,
) -> Result<FirstToken, EngineError> {
    let principal = match tx.project(project).principal_by_name(ADMINISTRATOR).await.optional()? {
        Some(principal) => principal,
        None => tx.principal_insert(project, ADMINISTRATOR, PrincipalKind::Person).await?,
    };
    tx.role_bind(project, principal.id, Role::Admin).await?;
    let token = tx.token_insert(project, principal.id, name, None).await?;
    let entry = AuditEntry {
        operation: operation.to_owned(),
        subject: format!("principal/{ADMINISTRATOR}"),
        outcome: "OK".to_owned(),
        reason: None,
    };
    tx.audit_append(project, &entry, &Actor::system(), None).await?;
    Ok(FirstToken { principal: principal.name, secret: token.text })
}

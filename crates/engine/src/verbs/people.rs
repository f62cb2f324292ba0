//! Principals, roles, tokens.

use strata_model::{
    Timestamp,
    access::{Permission, PrincipalKind, Role},
    error::{Refusal, RefusalCode},
    id::TokenId,
    secret::SecretText,
};
use strata_store::{Principal, Token};

use crate::{error::EngineError, session::Session};

/// The longest name of a principal or token, in characters.
const NAME_LIMIT: usize = 200;

impl Session {
    /// Makes a principal. It may do nothing until it has a role.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DUPLICATE_NAME`, `INVALID_INPUT`.
    pub async fn create_principal(
        &self,
        name: String,
        kind: PrincipalKind,
    ) -> Result<Principal, EngineError> {
        let session = self.clone();
        let subject = format!("principal/{name}");
        self.audited(Permission::Administer, "createPrincipal", subject.clone(), async move {
            check_name(&name)?;
            if kind == PrincipalKind::System {
                return Err(Refusal::new(
                    RefusalCode::InvalidInput,
                    "Strata itself is the only system principal",
                    "make a service account",
                )
                .at("kind")
                .into());
            }
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let principal = tx.principal_insert(session.project, &name, kind).await?;
                        session.note(tx, "createPrincipal", subject, None).await?;
                        Ok(principal)
                    })
                })
                .await
        })
        .await
    }

    /// Gives a principal a role in this project.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn grant_role(&self, principal: String, role: Role) -> Result<Principal, EngineError> {
        let session = self.clone();
        let subject = format!("principal/{principal} {role}");
        self.audited(Permission::Administer, "grantRole", subject.clone(), async move {
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let found = tx.project(session.project).principal_by_name(&principal).await?;
                        tx.role_bind(session.project, found.id, role).await?;
                        session.note(tx, "grantRole", subject, None).await?;
                        Ok(found)
                    })
                })
                .await
        })
        .await
    }

    /// Makes a token of a principal. The secret is given out once and kept as a hash.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_INPUT` for an instant that has passed.
    pub async fn create_token(
        &self,
        principal: String,
        name: String,
        expires_at: Option<Timestamp>,
    ) -> Result<(Token, SecretText), EngineError> {
        let session = self.clone();
        let subject = format!("principal/{principal}");
        self.audited(Permission::Administer, "createToken", subject.clone(), async move {
            check_name(&name)?;
            if expires_at.is_some_and(|instant| instant <= session.now()) {
                return Err(Refusal::new(
                    RefusalCode::InvalidInput,
                    "the token would have expired already",
                    "give an instant that is still to come, or none",
                )
                .at("expiresAt")
                .into());
            }
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let found = tx.project(session.project).principal_by_name(&principal).await?;
                        let made = tx.token_insert(session.project, found.id, &name, expires_at).await?;
                        session.note(tx, "createToken", subject, None).await?;
                        Ok((made.token, made.text))
                    })
                })
                .await
        })
        .await
    }

    /// Revokes a token at once.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn revoke_token(&self, id: TokenId) -> Result<Token, EngineError> {
        let session = self.clone();
        self.audited(Permission::Administer, "revokeToken", format!("token/{id}"), async move {
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let token = tx.token_revoke(session.project, id).await?;
                        session.note(tx, "revokeToken", format!("token/{id}"), None).await?;
                        Ok(token)
                    })
                })
                .await
        })
        .await
    }
}

fn check_name(name: &str) -> Result<(), EngineError> {
    let length = name.chars().count();
    if (1..=NAME_LIMIT).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalCode::InvalidInput,
        format!("`{}` is not a name", name.escape_debug()),
        format!("use 1 to {NAME_LIMIT} characters, without control characters and blanks around"),
    )
    .at("name")
    .into())
}

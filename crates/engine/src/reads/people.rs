//! Principals and tokens.

use strata_model::{
    Timestamp,
    access::{Permission, PrincipalKind, Role},
    id::{PrincipalId, TokenId},
};

use super::{Page, PageOf};
use crate::{error::EngineError, session::Session};

/// A principal with its roles.
#[derive(Debug, Clone)]
pub struct PrincipalRecord {
    /// Its id.
    pub id: PrincipalId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Project name and role.
    pub roles: Vec<(String, Role)>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token; its secret is not kept.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// The name of its principal.
    pub principal: String,
    /// The part that may be shown.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// Principals, by name. For administrators.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn principals(&self, page: Page) -> Result<PageOf<PrincipalRecord>, EngineError> {
        self.permit(Permission::Administer)?;
        let found = self.rows().principal_list(&page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            items.push((edge.cursor.as_str().to_owned(), self.shown_principal(edge.node).await?));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// A principal as it is shown.
    pub(crate) async fn shown_principal(
        &self,
        principal: strata_store::Principal,
    ) -> Result<PrincipalRecord, EngineError> {
        let bindings = self.engine.store().role_bindings(principal.id).await?;
        Ok(PrincipalRecord {
            id: principal.id,
            name: principal.name,
            kind: principal.kind,
            roles: bindings.into_iter().map(|binding| (binding.project_name, binding.role)).collect(),
            created_at: principal.created_at,
        })
    }

    /// How many principals there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn principals_count(&self) -> Result<u64, EngineError> {
        self.permit(Permission::Administer)?;
        Ok(self.rows().principal_count().await?)
    }

    /// Tokens, newest first. For administrators.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn tokens(&self, page: Page) -> Result<PageOf<TokenRecord>, EngineError> {
        self.permit(Permission::Administer)?;
        let found = self.rows().token_list(None, &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            items.push((edge.cursor.as_str().to_owned(), self.shown_token(edge.node).await?));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// A token as it is shown.
    pub(crate) async fn shown_token(&self, token: strata_store::Token) -> Result<TokenRecord, EngineError> {
        let principal = self.rows().principal_get(token.principal).await?.name;
        Ok(TokenRecord {
            id: token.id,
            name: token.name,
            principal,
            prefix: token.prefix,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        })
    }

    /// How many tokens there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn tokens_count(&self) -> Result<u64, EngineError> {
        self.permit(Permission::Administer)?;
        Ok(self.rows().token_count(None).await?)
    }
}

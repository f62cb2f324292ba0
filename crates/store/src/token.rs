//! Bearer tokens: 256 random bits, of which only a hash is kept.
//!
//! A token reads `strata_<prefix>_<secret>`. The prefix finds the row; the whole text is hashed and compared in
//! constant time. A plain hash is fine here, and only here: nobody guesses 256 random bits.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use sha2::{Digest as _, Sha256};
use strata_model::{
    id::{PrincipalId, ProjectId, TokenId},
    secret::SecretText,
};
use subtle::ConstantTimeEq as _;

use crate::{
    document::instant,
    entity::{principal, token},
    error::StoreError,
    page::{Cursor, Edge, Page, PageOf},
    principal::{Principal, RoleBinding, bindings},
    scope::Scoped,
    seal::random,
    store::Store,
    transaction::Tx,
};

/// How exactly the last use of a token is kept: writes for it stay rare.
const LAST_USED_GRAIN: Duration = Duration::from_secs(300);

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// The project that administers it.
    pub project: ProjectId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// The part of it that may be shown.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it counts; for ever when absent.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to five minutes.
    pub last_used: Option<Timestamp>,
}

/// A token that was just made, with the text that is shown once.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The whole token; kept nowhere.
    pub text: SecretText,
    /// What is kept.
    pub token: Token,
}

/// Who a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// The token.
    pub token: Token,
    /// Its owner.
    pub principal: Principal,
    /// The owner's roles.
    pub bindings: Vec<RoleBinding>,
    /// Whether its last use should be written down: call [`Tx::token_used`].
    pub use_is_news: bool,
}

/// Whether a token text is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenVerdict {
    /// It is.
    Good(Box<Authenticated>),
    /// It was, and has expired.
    Expired,
    /// There is no such token, or it was revoked.
    Unknown,
}

fn read(row: token::Model) -> Result<Token, StoreError> {
    let optional = |at: Option<i64>| at.map(|at| instant("token", at)).transpose();
    Ok(Token {
        id: TokenId::new(row.id),
        project: ProjectId::new(row.project),
        principal: PrincipalId::new(row.principal),
        created_at: instant("token", row.created_at)?,
        expires_at: optional(row.expires_at)?,
        revoked_at: optional(row.revoked_at)?,
        last_used: optional(row.last_used)?,
        name: row.name,
        prefix: row.prefix,
    })
}

fn prefix_of(text: &str) -> Option<&str> {
    let (prefix, secret) = text.strip_prefix("strata_")?.split_once('_')?;
    (prefix.len() == 12 && !secret.is_empty() && text.len() < 200).then_some(prefix)
}

impl Store {
    /// Who a token text stands for. Also checks that it has neither expired nor been revoked.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn token_verify(&self, text: &SecretText) -> Result<TokenVerdict, StoreError> {
        let Some(prefix) = prefix_of(text.expose()) else { return Ok(TokenVerdict::Unknown) };
        let row = token::Entity::find().filter(token::Column::Prefix.eq(prefix)).one(&self.readers).await?;
        let Some(row) = row else { return Ok(TokenVerdict::Unknown) };
        let hash = Sha256::digest(text.expose().as_bytes());
        if !bool::from(row.hash.as_slice().ct_eq(hash.as_slice())) || row.revoked_at.is_some() {
            return Ok(TokenVerdict::Unknown);
        }
        let token = read(row)?;
        let now = self.core.now();
        if token.expires_at.is_some_and(|expires| expires <= now) {
            return Ok(TokenVerdict::Expired);
        }
        let principal = principal::Entity::find_by_id(token.principal.uuid()).one(&self.readers).await?;
        let principal = principal.ok_or_else(|| StoreError::not_found("principal", token.principal))?;
        let grain = i64::try_from(LAST_USED_GRAIN.as_micros()).unwrap_or(i64::MAX);
        let use_is_news =
            token.last_used.is_none_or(|last| now.as_microsecond() - last.as_microsecond() >= grain);
        let bindings = bindings(&self.readers, token.principal).await?;
        let principal = crate::principal::read(principal)?;
        Ok(TokenVerdict::Good(Box::new(Authenticated { token, principal, bindings, use_is_news })))
    }
}

impl Scoped<'_> {
    /// The tokens that the project administers, the newest first; those of one principal, if named.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn token_list(
        &self,
        principal: Option<PrincipalId>,
        page: &Page,
    ) -> Result<PageOf<Token>, StoreError> {
        let mut query = token::Entity::find()
            .filter(token::Column::Project.eq(self.project.uuid()))
            .order_by_desc(token::Column::Id)
            .limit(page.limit());
        if let Some(principal) = principal {
            query = query.filter(token::Column::Principal.eq(principal.uuid()));
        }
        if let Some(cursor) = &page.after {
            query = query.filter(token::Column::Id.lt(cursor.number_and_id()?.1));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows
            .into_iter()
            .map(|row| Ok(Edge { cursor: Cursor::of(row.created_at, row.id), node: read(row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many tokens there are; of one principal, or of all.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn token_count(&self, principal: Option<PrincipalId>) -> Result<u64, StoreError> {
        let mut query = token::Entity::find().filter(token::Column::Project.eq(self.project.uuid()));
        if let Some(principal) = principal {
            query = query.filter(token::Column::Principal.eq(principal.uuid()));
        }
        Ok(query.count(&self.connection).await?)
    }

    /// A token that the project administers.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn token_get(&self, id: TokenId) -> Result<Token, StoreError> {
        let row = token::Entity::find_by_id(id.uuid())
            .filter(token::Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?;
        read(row.ok_or_else(|| StoreError::not_found("token", id))?)
    }
}

impl Tx {
    /// Makes a token. Its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn token_insert(
        &self,
        project: ProjectId,
        principal: PrincipalId,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<NewToken, StoreError> {
        let prefix = strata_model::digest::hex(&random::<6>()?);
        let secret = URL_SAFE_NO_PAD.encode(zeroize::Zeroizing::new(random::<32>()?).as_slice());
        let text = SecretText::new(format!("strata_{prefix}_{secret}"));
        let row = token::Model {
            id: self.new_id(),
            project: project.uuid(),
            principal: principal.uuid(),
            name: name.to_owned(),
            prefix,
            hash: Sha256::digest(text.expose().as_bytes()).to_vec(),
            created_at: self.now().as_microsecond(),
            expires_at: expires_at.map(Timestamp::as_microsecond),
            revoked_at: None,
            last_used: None,
        };
        token::Entity::insert(row.clone().into_active_model())
            .exec_without_returning(&self.connection)
            .await?;
        Ok(NewToken { text, token: read(row)? })
    }

    /// Revokes a token; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn token_revoke(&self, project: ProjectId, id: TokenId) -> Result<Token, StoreError> {
        let scope = self.project(project);
        scope.token_get(id).await?;
        token::Entity::update_many()
            .col_expr(token::Column::RevokedAt, Expr::value(self.now().as_microsecond()))
            .filter(token::Column::Id.eq(id.uuid()))
            .filter(token::Column::Project.eq(project.uuid()))
            .filter(token::Column::RevokedAt.is_null())
            .exec(&self.connection)
            .await?;
        scope.token_get(id).await
    }

    /// Writes down that a token was used, at most every five minutes.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn token_used(&self, id: TokenId) -> Result<(), StoreError> {
        let now = self.now().as_microsecond();
        let grain = i64::try_from(LAST_USED_GRAIN.as_micros()).unwrap_or(i64::MAX);
        token::Entity::update_many()
            .col_expr(token::Column::LastUsed, Expr::value(now))
            .filter(token::Column::Id.eq(id.uuid()))
            .filter(
                Condition::any()
                    .add(token::Column::LastUsed.is_null())
                    .add(token::Column::LastUsed.lte(now - grain)),
            )
            .exec(&self.connection)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_the_right_form_have_a_prefix() {
        assert_eq!(prefix_of("strata_0123456789ab_x_y"), Some("0123456789ab"));
        for text in ["", "strata_", "strata_0123456789ab", "strata_0123456789ab_", "x_0123456789ab_y"] {
            assert_eq!(prefix_of(text), None, "{text}");
        }
    }
}

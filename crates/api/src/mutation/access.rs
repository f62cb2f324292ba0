//! People, roles and tokens.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use strata_engine::EngineError;
use strata_model::{id::TokenId, secret::SecretText};

use super::payload::payloads;
use crate::{
    context::{engine, session},
    error::{UserError, user_errors},
    types::{
        access::{self, Principal, Token},
        global_id,
        scalar::DateTime,
        state::{PrincipalKind, Role},
    },
};

payloads! {
    /// What `createPrincipal` did.
    CreatePrincipalPayload { principal: Principal };
    /// What `grantRole` did.
    GrantRolePayload { principal: Principal };
    /// What `revokeToken` did.
    RevokeTokenPayload { token: Token };
}

/// Whom to make.
#[derive(Debug, InputObject)]
pub struct CreatePrincipalInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its name.
    name: String,
    /// Whether it is a person.
    kind: PrincipalKind,
}

/// Which role to whom.
#[derive(Debug, InputObject)]
pub struct GrantRoleInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The principal's name.
    principal: String,
    /// The role.
    role: Role,
}

/// For whom to make a token.
#[derive(Debug, InputObject)]
pub struct CreateTokenInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The principal's name.
    principal: String,
    /// What the token is for.
    name: String,
    /// Until when it counts; until it is revoked when left out.
    expires_at: Option<DateTime>,
}

/// Which token to revoke.
#[derive(Debug, InputObject)]
pub struct RevokeTokenInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The token.
    id: ID,
}

/// What `createToken` did.
#[derive(Debug, SimpleObject)]
pub struct CreateTokenPayload {
    /// The token; none when there are errors.
    token: Option<Token>,
    /// The token itself, to be sent as `Authorization: Bearer …`. It is shown here and never again.
    secret: Option<String>,
    /// What the caller has to mend.
    errors: Vec<UserError>,
}

async fn create(ctx: &Context<'_>, input: CreateTokenInput) -> Result<(Token, SecretText), EngineError> {
    let session = session(ctx, input.project.as_deref())?;
    let expires_at = input.expires_at.map(|at| at.0);
    let (token, secret) = session.create_token(input.principal, input.name, expires_at).await?;
    Ok((access::token(engine(ctx)?, &session, token).await?, secret))
}

/// Mutations of people, roles and tokens.
#[derive(Debug, Default)]
pub struct AccessMutation;

#[Object]
impl AccessMutation {
    /// Makes a person or service account. It may do nothing until it has a role.
    async fn create_principal(
        &self,
        ctx: &Context<'_>,
        input: CreatePrincipalInput,
    ) -> async_graphql::Result<CreatePrincipalPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let principal = session.create_principal(input.name, input.kind.into()).await?;
            access::principal(engine(ctx)?, &session, principal).await
        };
        CreatePrincipalPayload::of(outcome.await)
    }

    /// Gives a principal a role in the project.
    async fn grant_role(
        &self,
        ctx: &Context<'_>,
        input: GrantRoleInput,
    ) -> async_graphql::Result<GrantRolePayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let principal = session.grant_role(input.principal, input.role.into()).await?;
            access::principal(engine(ctx)?, &session, principal).await
        };
        GrantRolePayload::of(outcome.await)
    }

    /// Makes a token for a principal. It is shown once.
    async fn create_token(
        &self,
        ctx: &Context<'_>,
        input: CreateTokenInput,
    ) -> async_graphql::Result<CreateTokenPayload> {
        match create(ctx, input).await {
            Ok((token, secret)) => Ok(CreateTokenPayload {
                token: Some(token),
                secret: Some(secret.expose().to_owned()),
                errors: Vec::new(),
            }),
            Err(error) => {
                Ok(CreateTokenPayload { token: None, secret: None, errors: user_errors(error, None)? })
            }
        }
    }

    /// Revokes a token, at once and for good.
    async fn revoke_token(
        &self,
        ctx: &Context<'_>,
        input: RevokeTokenInput,
    ) -> async_graphql::Result<RevokeTokenPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let id = global_id::expect(TokenId::NOUN, &input.id).map_err(|refusal| refusal.at("id"))?;
            let token = session.revoke_token(TokenId::new(id)).await?;
            access::token(engine(ctx)?, &session, token).await
        };
        RevokeTokenPayload::of(outcome.await)
    }
}

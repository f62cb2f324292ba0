//! People, service accounts, their roles and tokens.

use async_graphql::{ID, SimpleObject};
use strata_engine::{Caller, Engine, EngineError, PageOf, PrincipalRecord, Session, TokenRecord};

use super::{
    connection::{Total, connection, nodes},
    global_id,
    scalar::DateTime,
    state::{PrincipalKind, Role},
};

connection! {
    TokenConnection, TokenEdge of Token;
    PrincipalConnection, PrincipalEdge of Principal;
}

/// Who asks.
#[derive(Debug, SimpleObject)]
pub struct Viewer {
    /// The principal's name.
    pub principal: String,
    /// Whether it is a person; unknown for who has no role anywhere.
    pub kind: Option<PrincipalKind>,
    /// What they may do where.
    pub roles: Vec<RoleBinding>,
    /// The projects that they see.
    pub projects: Vec<String>,
}

/// A role in a project.
#[derive(Debug, Clone, SimpleObject)]
pub struct RoleBinding {
    /// The project's name.
    pub project: String,
    /// The role.
    pub role: Role,
}

/// Who asks.
///
/// # Errors
/// Those of the read.
pub async fn viewer(engine: &Engine, caller: &Caller) -> Result<Viewer, EngineError> {
    let kind = match (caller.bindings.first(), caller.actor.principal) {
        (Some((project, ..)), Some(id)) => {
            Some(engine.store().project(*project).principal_get(id).await?.kind)
        }
        _ => None,
    };
    let roles = caller.bindings.iter();
    let mut projects: Vec<String> = caller.bindings.iter().map(|(_, name, _)| name.clone()).collect();
    projects.sort_unstable();
    projects.dedup();
    Ok(Viewer {
        principal: caller.actor.name.clone(),
        kind: kind.map(PrincipalKind::from),
        roles: roles
            .map(|(_, name, role)| RoleBinding { project: name.clone(), role: (*role).into() })
            .collect(),
        projects,
    })
}

/// A person or a service account. Approvals and audit name the principal, whatever token was used.
#[derive(Debug, Clone, SimpleObject)]
pub struct Principal {
    /// The global id.
    pub id: ID,
    /// Its name.
    pub name: String,
    /// Whether it is a person.
    pub kind: PrincipalKind,
    /// What it may do in this project.
    pub roles: Vec<RoleBinding>,
    /// When it was made.
    pub created_at: DateTime,
}

/// A principal that a verb has just written, with its roles in the session's project.
///
/// # Errors
/// Those of the read.
pub async fn principal(
    engine: &Engine,
    session: &Session,
    written: strata_store::Principal,
) -> Result<Principal, EngineError> {
    let bindings = engine.store().role_bindings(written.id).await?;
    let here = bindings.into_iter().filter(|binding| binding.project == session.project_id());
    let record = PrincipalRecord {
        id: written.id,
        name: written.name,
        kind: written.kind,
        roles: here.map(|binding| (binding.project_name, binding.role)).collect(),
        created_at: written.created_at,
    };
    Ok(record.into())
}

/// A token that a verb has just written, with the name of its principal.
///
/// # Errors
/// Those of the read.
pub async fn token(
    engine: &Engine,
    session: &Session,
    written: strata_store::Token,
) -> Result<Token, EngineError> {
    let principal = engine.store().project(session.project_id()).principal_get(written.principal).await?.name;
    let record = TokenRecord {
        id: written.id,
        name: written.name,
        principal,
        prefix: written.prefix,
        created_at: written.created_at,
        expires_at: written.expires_at,
        revoked_at: written.revoked_at,
    };
    Ok(record.into())
}

impl From<PrincipalRecord> for Principal {
    fn from(record: PrincipalRecord) -> Self {
        let roles = record.roles.into_iter();
        Self {
            id: global_id::encode("principal", record.id.uuid()),
            name: record.name,
            kind: record.kind.into(),
            roles: roles.map(|(project, role)| RoleBinding { project, role: role.into() }).collect(),
            created_at: record.created_at.into(),
        }
    }
}

/// A bearer token of a principal. Its secret is shown once, when it is made.
#[derive(Debug, Clone, SimpleObject)]
pub struct Token {
    /// The global id.
    pub id: ID,
    /// Its name.
    pub name: String,
    /// The principal's name.
    pub principal: String,
    /// How it begins, to recognise it by.
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime,
    /// Until when it counts.
    pub expires_at: Option<DateTime>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime>,
}

impl From<TokenRecord> for Token {
    fn from(record: TokenRecord) -> Self {
        Self {
            id: global_id::encode("token", record.id.uuid()),
            name: record.name,
            principal: record.principal,
            prefix: record.prefix,
            created_at: record.created_at.into(),
            expires_at: record.expires_at.map(DateTime),
            revoked_at: record.revoked_at.map(DateTime),
        }
    }
}

/// A page of tokens.
pub fn token_page(page: PageOf<TokenRecord>, total: Total) -> TokenConnection {
    TokenConnection::new(nodes(page, Token::from), total)
}

/// A page of principals.
pub fn principal_page(page: PageOf<PrincipalRecord>, total: Total) -> PrincipalConnection {
    PrincipalConnection::new(nodes(page, Principal::from), total)
}

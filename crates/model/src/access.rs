//! Who may do what: principals, roles, permissions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{PrincipalId, TokenId};

/// A role of a principal in a project. Approving is a role of its own: an operator cannot approve alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Writes packs and profiles.
    Author,
    /// Registers clusters, requests and applies changes, runs rollouts.
    Operator,
    /// Approves.
    Approver,
    /// Everything, including people and tokens.
    Admin,
}

/// What a verb needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Read anything that is not a secret.
    Read,
    /// Publish packs; create, edit and publish profiles.
    Author,
    /// Register, update and deregister clusters.
    ManageClusters,
    /// Preview, request, apply, cancel and retry changes; clean up orphans; run rollouts.
    Operate,
    /// Approve and reject changes and stages; acknowledge findings.
    Approve,
    /// Manage principals, roles and tokens.
    Administer,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Author, Self::Operator, Self::Approver, Self::Admin];

    /// Whether the role includes the permission.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::Read => true,
            Permission::Author => matches!(self, Self::Author | Self::Admin),
            Permission::ManageClusters | Permission::Operate => matches!(self, Self::Operator | Self::Admin),
            Permission::Approve => matches!(self, Self::Approver | Self::Admin),
            Permission::Administer => matches!(self, Self::Admin),
        }
    }

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "VIEWER",
            Self::Author => "AUTHOR",
            Self::Operator => "OPERATOR",
            Self::Approver => "APPROVER",
            Self::Admin => "ADMIN",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not a role: viewer, author, operator, approver or admin"))
    }
}

/// The kind of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrincipalKind {
    /// A person.
    Person,
    /// A service account.
    ServiceAccount,
    /// Strata itself: background work.
    System,
}

/// Who acted. Approvals and audit name the principal, so that a second token is not a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The principal; none for Strata itself.
    pub principal: Option<PrincipalId>,
    /// The principal's name.
    pub name: String,
    /// The token used, if one was.
    pub token: Option<TokenId>,
}

impl Actor {
    /// Strata itself, in background work.
    #[must_use]
    pub fn system() -> Self {
        Self { principal: None, name: "strata".to_owned(), token: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, as a document: a change here is a change of who may do what.
    #[test]
    fn the_table_of_roles() {
        use Permission::{Administer, Approve, Author, ManageClusters, Operate, Read};
        let row = |role: Role| {
            [Read, Author, ManageClusters, Operate, Approve, Administer]
                .map(|p| if role.allows(p) { 'x' } else { '-' })
        };
        let table: Vec<String> = Role::ALL.iter().map(|role| row(*role).iter().collect()).collect();
        assert_eq!(table, ["x-----", "xx----", "x-xx--", "x---x-", "xxxxxx"]);
    }
}

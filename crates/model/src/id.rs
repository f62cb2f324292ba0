//! Typed identifiers: one newtype per noun, so that a cluster's id cannot be handed to a query about changes.
//!
//! All are UUIDs of version 7, made by a [`crate::ports::IdSource`]; they sort by creation time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of a {noun}")]
pub struct InvalidId {
    /// What the id should have named, e.g. `cluster`.
    pub noun: &'static str,
    /// The text as given.
    pub text: String,
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident = $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The noun this id names, as used in global ids and streams.
            pub const NOUN: &'static str = $noun;
            /// The id of none: takes the place of ids where things are compared without them.
            pub const NIL: Self = Self(Uuid::nil());

            /// Wraps a UUID that is known to name such a thing.
            pub const fn new(uuid: Uuid) -> Self { Self(uuid) }

            /// The bare UUID, for storage.
            pub const fn uuid(self) -> Uuid { self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}/{}", $noun, self.0) }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId { noun: $noun, text: text.to_owned() })
            }
        }
    )*};
}

id! {
    /// A project: the boundary of every row and every query.
    ProjectId = "project";
    /// A person or service account.
    PrincipalId = "principal";
    /// A bearer token of a principal.
    TokenId = "token";
    /// One version of a pack.
    PackId = "pack";
    /// A macro of a project.
    MacroId = "macro";
    /// A profile (name plus its versions).
    ProfileId = "profile";
    /// One version of a profile.
    ProfileVersionId = "profile-version";
    /// One frozen revision of a profile version.
    RevisionId = "revision";
    /// A cluster.
    ClusterId = "cluster";
    /// A stored composition.
    CompositionId = "composition";
    /// A stored plan.
    PlanId = "plan";
    /// A stored fleet preview.
    FleetPreviewId = "fleet-preview";
    /// A change: one plan being carried out.
    ChangeId = "change";
    /// A rollout.
    RolloutId = "rollout";
    /// An orphan of a cluster.
    OrphanId = "orphan";
    /// This installation of Strata; marks every object it applies.
    InstallationId = "installation";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_id_round_trip() {
        let id = ClusterId::new(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<ClusterId>().unwrap(), id);
        assert_eq!(format!("{id:?}"), format!("cluster/{id}"));
    }

    #[test]
    fn nonsense_is_refused_by_noun() {
        assert_eq!("x".parse::<ChangeId>().unwrap_err().to_string(), "`x` is not the id of a change");
    }
}

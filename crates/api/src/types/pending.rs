//! Pending updates: what a cluster runs and is another by now.

use async_graphql::{SimpleObject, Union};

use super::scalar::SemVerText;

/// Something that a cluster runs with and that is another by now.
#[derive(Debug, Union)]
pub enum PendingUpdate {
    /// A version was revised in place.
    Revision(PendingRevision),
    /// A macro stands for something else.
    Macro(PendingMacro),
}

impl From<strata_engine::PendingUpdate> for PendingUpdate {
    fn from(update: strata_engine::PendingUpdate) -> Self {
        match update {
            strata_engine::PendingUpdate::Revision { running, newest } => Self::Revision(PendingRevision {
                profile: running.profile.to_string(),
                version: (&running.version).into(),
                running: running.revision,
                newest,
            }),
            strata_engine::PendingUpdate::Macro { name } => Self::Macro(PendingMacro { name: name.into() }),
        }
    }
}

/// A version that was revised in place since the cluster was brought to it.
#[derive(Debug, SimpleObject)]
pub struct PendingRevision {
    /// The profile's name.
    pub profile: String,
    /// The version.
    pub version: SemVerText,
    /// The revision that the cluster runs.
    pub running: u32,
    /// The newest one.
    pub newest: u32,
}

/// A macro that stands for something else than the cluster runs with, or is new or gone.
#[derive(Debug, SimpleObject)]
pub struct PendingMacro {
    /// Its name.
    pub name: String,
}

//! What every part of the store shares: keys, clock, ids, the built-in projects.

use std::sync::Arc;

use jiff::Timestamp;
use strata_model::{
    digest::DigestKey,
    id::ProjectId,
    ports::{Clock, IdSource, to_microseconds},
};
use uuid::Uuid;

use crate::{installation::Installation, seal::Sealer};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) installation: Installation,
    pub(crate) sealer: Sealer,
    pub(crate) digest_key: DigestKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Core {
    /// The present instant, in whole microseconds.
    pub(crate) fn now(&self) -> Timestamp {
        to_microseconds(self.clock.now())
    }

    /// The projects whose packs and profiles a project may read.
    pub(crate) fn readable(&self, project: ProjectId) -> [Uuid; 2] {
        [project.uuid(), self.installation.shared_project.uuid()]
    }
}

//! Queries bound by a project.
//!
//! A [`Scoped`] is the only way to read rows of a project; every query in it carries the project. It works on the
//! read pool ([`crate::Store::project`]) and inside a write ([`crate::Tx::project`]), where it sees what the
//! transaction wrote. Its queries are spread over the files of their nouns.

use sea_orm::DatabaseExecutor;
use strata_model::id::ProjectId;

use crate::core::Core;

/// The rows of one project.
#[derive(Debug)]
pub struct Scoped<'c> {
    pub(crate) connection: DatabaseExecutor<'c>,
    pub(crate) core: &'c Core,
    pub(crate) project: ProjectId,
}

impl Scoped<'_> {
    /// The project.
    #[must_use]
    pub const fn project(&self) -> ProjectId {
        self.project
    }
}

//! Macros, and who uses what.

use strata_model::{Timestamp, id::MacroId, macros::MacroName};
use strata_store::{Macro, Optional as _, Used};

pub use strata_store::ProfileUse;

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session};

/// How many profile versions are named as users of something.
const NAMED_USERS: u64 = 100;

/// A macro; a sensitive value is masked.
#[derive(Debug, Clone)]
pub struct MacroRecord {
    /// Its id.
    pub id: MacroId,
    /// Its name.
    pub name: MacroName,
    /// What it stands for, masked when it is a secret.
    pub value: String,
    /// Whether its value is a secret.
    pub sensitive: bool,
    /// What it is for.
    pub description: String,
    /// Whether it belongs to the shared project and not to the one asked.
    pub shared: bool,
    /// To be given back when it is edited.
    pub generation: i64,
    /// When it was edited last.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

impl Session {
    pub(crate) fn shown_macro(&self, found: Macro) -> MacroRecord {
        MacroRecord {
            id: found.id,
            value: found.value.masked(),
            sensitive: found.value.secret().is_some(),
            shared: found.project != self.project,
            name: found.name,
            description: found.description,
            generation: found.generation,
            updated_at: found.updated_at,
            updated_by: found.updated_by,
        }
    }

    /// Macros, by name; those of the shared project too.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn macros(&self, page: Page) -> Result<PageOf<MacroRecord>, EngineError> {
        let found = self.readable()?.macro_list(&page.into()).await?;
        Ok(shown(found, |found| self.shown_macro(found)))
    }

    /// How many macros there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn macros_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.macro_count().await?)
    }

    /// One macro: the project's own, or the shared one.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn named_macro(&self, name: &str) -> Result<Option<MacroRecord>, EngineError> {
        let rows = self.readable()?;
        let Ok(name) = name.parse() else { return Ok(None) };
        Ok(rows.macro_by_name(&name).await.optional()?.map(|found| self.shown_macro(found)))
    }

    /// The drafts and revisions whose values name a macro.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profiles_using_macro(&self, name: &MacroName) -> Result<Vec<ProfileUse>, EngineError> {
        Ok(self.readable()?.profiles_using(Used::Macro(name), NAMED_USERS).await?)
    }

    /// The drafts and revisions that have a layer of a pack.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn profiles_using_pack(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Vec<ProfileUse>, EngineError> {
        Ok(self.readable()?.profiles_using(Used::Pack(name, version), NAMED_USERS).await?)
    }
}

//! What a session can read, one file a noun. Every read needs the permission to read, and is bound to the session's project.

mod changes;
mod clusters;
mod events;
mod fleet_previews;
mod macros;
mod packs;
mod people;
mod profile_content;
mod profiles;
mod rollouts;
mod waits;

use strata_model::access::Permission;
use strata_store::{Cursor, Scoped};

pub use changes::PlanRecord;
pub use clusters::{CompositionView, FleetSummary};
pub use macros::{MacroRecord, ProfileUse};
pub use packs::PackRecord;
pub use people::{PrincipalRecord, TokenRecord};
pub use profile_content::ExportedProfile;
pub use profiles::{ProfileRecord, RevisionRecord, VersionRecord};
pub use strata_store::{
    ChangeFilter, ClusterFilter, ClusterOrder, OrphanFilter, PendingUpdate, ProfileFilter, RolloutFilter,
};
pub use waits::WaitReason;

use crate::{error::EngineError, session::Session};

/// Which page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// How many items, 1 to 100.
    pub first: u32,
    /// Behind which cursor.
    pub after: Option<String>,
}

impl From<Page> for strata_store::Page {
    fn from(page: Page) -> Self {
        Self { first: page.first, after: page.after.map(Cursor::new) }
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct PageOf<T> {
    /// The items with their cursors.
    pub items: Vec<(String, T)>,
    /// Whether there is more behind them.
    pub has_next: bool,
}

fn shown<S, T>(page: strata_store::PageOf<S>, show: impl Fn(S) -> T) -> PageOf<T> {
    let items = page.edges.into_iter().map(|edge| (edge.cursor.as_str().to_owned(), show(edge.node)));
    PageOf { items: items.collect(), has_next: page.has_next }
}

impl Session {
    fn readable(&self) -> Result<Scoped<'_>, EngineError> {
        self.permit(Permission::Read)?;
        Ok(self.rows())
    }
}

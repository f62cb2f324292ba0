//! The database of Strata, SQLite or PostgreSQL: queries by noun, one journal, sealed secrets, an event log, leases.
//!
//! *Idea.* All writes go through [`Store::write`]: closures are queued to one writer that commits many together and
//! wakes each waiter after the commit. All reads of a project go through [`Scoped`], which binds every query to it.
//! State tables of clusters, changes, orphans and rollouts are projections, written in the transaction that appends
//! their events.
//!
//! *Guarantees.* `Ok` means fsynced. Events become visible in the order of their positions, over all servers. What may
//! hold a secret is sealed ([`seal`]); nothing of it is anywhere in the clear. Frozen rows are frozen by triggers.
//!
//! *Caveats.* There is one writing transaction at a time, on PostgreSQL too: what many writers gain there is lost in
//! lock waits and retries, and group commit gains more. Reducers are not here: callers hand in the new state.

mod change;
mod cluster;
mod connect;
mod core;
mod document;
#[expect(unreachable_pub, reason = "derives make their items public; the module is not")]
mod entity;
mod error;
mod event;
mod installation;
mod journal;
mod page;
mod ports;
mod scope;
pub mod seal;
mod settings;
mod store;
mod transaction;

pub use change::ChangeFilter;
pub use cluster::{ClusterCount, ClusterFilter, ClusterOrder, ProfileFilter};
pub use connect::migrate_database;
pub use document::Stored;
pub use error::{DatabaseFailure, Optional, StoreError};
pub use event::{EVENT_LIMIT, EventFilter, EventWatch, stream_of};
pub use installation::{DEFAULT_PROJECT, Installation, SHARED_PROJECT};
pub use page::{Cursor, Edge, PAGE_LIMIT, Page, PageOf};
pub use ports::{SystemClock, SystemIds};
pub use scope::Scoped;
pub use settings::{DatabaseUrl, MigrationMode, StoreSettings};
pub use store::Store;
pub use transaction::Tx;

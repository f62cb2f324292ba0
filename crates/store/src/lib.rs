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

mod blob;
mod change;
mod cluster;
mod cluster_filter;
mod composition;
mod connect;
mod connection;
mod core;
mod document;
mod due;
#[expect(unreachable_pub, reason = "derives make their items public; the module is not")]
mod entity;
mod error;
mod event;
mod fleet;
mod fleet_preview;
mod idempotency;
mod installation;
mod inventory;
mod journal;
mod lease;
mod macros;
mod orphan;
mod pack;
mod page;
mod pending;
mod plan;
mod ports;
mod principal;
mod profile;
mod profile_use;
mod profile_version;
mod project;
mod revision;
mod rollout;
mod scope;
pub mod seal;
mod settings;
mod store;
mod token;
mod transaction;

pub use change::ChangeFilter;
pub use cluster::ClusterCount;
pub use cluster_filter::{ClusterFilter, ClusterOrder, ProfileFilter};
pub use composition::{GenerationSeed, StoredComposition};
pub use connect::migrate_database;
pub use connection::{FactsRecord, facts_digest};
pub use document::Stored;
pub use error::{DatabaseFailure, Optional, StoreError};
pub use event::{EVENT_LIMIT, EventFilter, EventWatch, stream_of};
pub use fleet::ProfileCount;
pub use idempotency::{IdempotencyKey, IdempotentAnswer};
pub use installation::{DEFAULT_PROJECT, Installation, SHARED_PROJECT};
pub use lease::Lease;
pub use macros::Macro;
pub use orphan::OrphanFilter;
pub use pack::{PackFilter, PackRecord};
pub use page::{Cursor, Edge, PAGE_LIMIT, Page, PageOf};
pub use pending::PendingUpdate;
pub use plan::{NewPlan, StoredPlan};
pub use ports::{SystemClock, SystemIds};
pub use principal::{Principal, RoleBinding};
pub use profile::Profile;
pub use profile_use::{ProfileUse, Used, Uses};
pub use profile_version::{Draft, LifecycleNote, LifecycleStep, ProfileVersion};
pub use project::{Project, Thing};
pub use revision::{Revision, RevisionRecord};
pub use rollout::{RolloutFilter, TargetCount};
pub use scope::Scoped;
pub use settings::{DatabaseUrl, MigrationMode, StoreSettings};
pub use store::Store;
pub use token::{Authenticated, NewToken, Token, TokenVerdict};
pub use transaction::Tx;

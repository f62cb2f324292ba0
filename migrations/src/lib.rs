//! The schema of Strata's database, step by step, for SQLite and PostgreSQL.
//!
//! *Idea.* One file a step, each run in a transaction of its own. Tables are written once as SQL and translated by
//! [`sql`]: types differ, nothing else does; triggers are written for each database.
//!
//! *Guarantees.* Running all steps twice is harmless. Texts are ordered by bytes on both databases. Instants are whole
//! microseconds since 1970 UTC. Frozen rows (revisions, packs, lifecycle, compositions, events) refuse UPDATE and
//! DELETE by triggers.
//!
//! *Caveats.* The migrator takes no lock: `strata-store` holds one around [`Migrator::up`]. Steps only go forward.

#![expect(elided_lifetimes_in_paths, reason = "the migration trait fixes the signature of `up`")]

use sea_orm_migration::prelude::*;

mod m20261121_000001_access;
mod m20261121_000002_content;
mod m20261121_000003_profile;
mod m20261121_000004_cluster;
mod m20261121_000005_plan;
mod m20261121_000006_event;
mod m20261121_000007_change;
mod m20261121_000008_rollout;
mod m20261121_000009_lease;
mod m20261128_000010_macro;
mod m20261128_000011_fleet;
mod m20261128_000012_kubernetes;
mod m20261128_000013_rollout_target;
mod m20261128_000014_fleet_preview;
mod m20261128_000015_evidence;
pub mod sql;

pub use sea_orm_migration::MigratorTrait;

/// All steps, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_access::Step),
            Box::new(m20261121_000002_content::Step),
            Box::new(m20261121_000003_profile::Step),
            Box::new(m20261121_000004_cluster::Step),
            Box::new(m20261121_000005_plan::Step),
            Box::new(m20261121_000006_event::Step),
            Box::new(m20261121_000007_change::Step),
            Box::new(m20261121_000008_rollout::Step),
            Box::new(m20261121_000009_lease::Step),
            Box::new(m20261128_000010_macro::Step),
            Box::new(m20261128_000011_fleet::Step),
            Box::new(m20261128_000012_kubernetes::Step),
            Box::new(m20261128_000013_rollout_target::Step),
            Box::new(m20261128_000014_fleet_preview::Step),
            Box::new(m20261128_000015_evidence::Step),
        ]
    }
}

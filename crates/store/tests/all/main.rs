//! The store on real databases: SQLite in a temporary file always, PostgreSQL when `STRATA_TEST_POSTGRES_URL` names a
//! server where databases can be made.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests stop where they fail"
)]

mod access;
mod fixture;
mod fleet;
mod frozen;
mod journal;
mod lease;
mod macros;
mod opening;
mod profile;
mod sealed;

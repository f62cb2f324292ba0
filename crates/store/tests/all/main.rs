//! The store on real databases: SQLite in a temporary file always, PostgreSQL when `STRATA_TEST_POSTGRES_URL` names a
//! server where databases can be made.

mod fixture;
mod journal;

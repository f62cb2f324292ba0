//! `strata migrate`: brings the schema up to date and ends.

use strata_store::{MigrationMode, migrate_database};

use crate::{arguments::DatabaseArguments, exit::Failed, program::write_out, settings};

/// Runs the command.
///
/// # Errors
/// When another server has the SQLite file, or the database refuses.
pub(crate) async fn run(arguments: &DatabaseArguments) -> Result<(), Failed> {
    let database = settings::database(arguments)?;
    migrate_database(&database, MigrationMode::Apply).await.map_err(Failed::Store)?;
    write_out("The schema is up to date.\n");
    Ok(())
}

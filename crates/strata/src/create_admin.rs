//! `strata token create-admin`: a way in when no token is left, for whoever has the database and its key.
//!
//! *Idea.* The first token is shown once. When that was lost, or the process died between the commit and the showing, no
//! request can be authenticated any more. Who may read the database and its key could read all that is in it anyhow, so
//! this command takes nothing but those, makes a token there, and audits it.
//!
//! *Guarantees.* Nothing is made where there was nothing: a file that is missing stays so, and the schema is not touched.

use strata_cli::output::write_error;
use strata_engine::recover_administrator;
use strata_store::{DatabaseUrl, MigrationMode, Store, StoreSettings, seal::SealKeys};

use crate::{arguments::CreateAdminArguments, exit::Failed, key, program::write_out, settings};

/// Runs the command.
///
/// # Errors
/// When the database is not there, a server has the SQLite file, the key is not that of the database, or the schema is not
/// that of this binary.
pub(crate) async fn run(arguments: CreateAdminArguments) -> Result<(), Failed> {
    let (database, key_file) = settings::database_and_key(&arguments.database, arguments.key_file)?;
    if let DatabaseUrl::Sqlite(path) = &database {
        std::fs::metadata(path).map_err(|source| Failed::File {
            operation: "find the database",
            path: path.display().to_string(),
            source,
        })?;
    }
    let found = key::find(&database, key_file.as_deref())?;
    let mut store_settings = StoreSettings::new(database, SealKeys::new(found.key.clone()));
    store_settings.migrations = MigrationMode::Check;
    let store = match Store::open(store_settings).await {
        Ok(store) => store,
        Err(error) => return Err(found.refused(error)),
    };
    let made = recover_administrator(&store).await;
    store.close().await;
    let token =
        made.map_err(|source| Failed::Engine { operation: "make a token of the administrator", source })?;
    write_error(
        format_args!("A token of `{}`, shown this once. Use it: export STRATA_TOKEN=…", token.principal),
        "\n",
    );
    write_out(&format!("{}\n", token.secret.expose()));
    Ok(())
}

//! The master key of an installation: from a file, the environment, or made on the first start.
//!
//! *Guarantees.* A made key is on the disk before anything is sealed with it, readable by its owner alone. When the
//! database turns out to have another key, the made one is taken away again: a fresh file must not hide a loss.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use strata_cli::output::write_error;

use strata_store::{DatabaseUrl, StoreError, seal::MasterKey};

use crate::exit::Failed;

/// The environment variable that may hold the key itself.
const VARIABLE: &str = "STRATA_KEY";
/// What a made key is called.
const FILE: &str = "strata.key";

/// A key, and where it was put if it was made.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) key: MasterKey,
    pub(crate) made: Option<PathBuf>,
}

impl Found {
    /// The store did not open with it: a made key goes again, and an error says so where that was the reason.
    pub(crate) fn refused(self, error: StoreError) -> Failed {
        let Some(path) = self.made else { return Failed::Store(error) };
        if let Err(source) = std::fs::remove_file(&path) {
            return Failed::File { operation: "remove the key", path: path.display().to_string(), source };
        }
        match error {
            StoreError::WrongKey => Failed::Key {
                message: format!("the database is there, but its key {} is not", path.display()),
                help: "put the key back, or name its file with --key-file; without it the credentials in there stay sealed",
            },
            other => Failed::Store(other),
        }
    }
}

/// Finds the key of a database.
///
/// # Errors
/// [`Failed::Key`] when there is none where there must be one, or it is no key; [`Failed::File`] when a file cannot be
/// read or written.
pub(crate) fn find(database: &DatabaseUrl, file: Option<&Path>) -> Result<Found, Failed> {
    if let Some(file) = file {
        return Ok(Found { key: read(file)?, made: None });
    }
    if let Ok(text) = std::env::var(VARIABLE) {
        return Ok(Found { key: parse(&text, VARIABLE)?, made: None });
    }
    let DatabaseUrl::Sqlite(path) = database else {
        return Err(Failed::Key {
            message: "a server on PostgreSQL needs the key that its credentials are sealed with".to_owned(),
            help: "make one with `openssl rand -hex 32`, keep it, and give it with --key-file or in STRATA_KEY",
        });
    };
    let beside = path.with_file_name(FILE);
    if beside.exists() {
        return Ok(Found { key: read(&beside)?, made: None });
    }
    let key = MasterKey::generate().map_err(Failed::Store)?;
    write(&beside, &key).map_err(|source| Failed::File {
        operation: "write the key",
        path: beside.display().to_string(),
        source,
    })?;
    Ok(Found { key, made: Some(beside) })
}

fn read(file: &Path) -> Result<MasterKey, Failed> {
    let failed =
        |source| Failed::File { operation: "read the key", path: file.display().to_string(), source };
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        write_error(format_args!("warning: {} can be read by others; `chmod 600` it", file.display()), "\n");
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    parse(&text, &file.display().to_string())
}

fn parse(text: &str, place: &str) -> Result<MasterKey, Failed> {
    MasterKey::parse(text).map_err(|error| Failed::Key {
        message: format!("{place}: {error}"),
        help: "make one with `openssl rand -hex 32`",
    })
}

fn write(path: &Path, key: &MasterKey) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.to_hex().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_for_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.db");
        let database = DatabaseUrl::Sqlite(path.clone());
        let first = find(&database, None).unwrap();
        let file = first.made.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let second = find(&database, None).unwrap();
        assert!(second.made.is_none());
        assert_eq!(*first.key.to_hex(), *second.key.to_hex());

        std::fs::remove_file(&file).unwrap();
        let third = find(&database, None).unwrap();
        let refused = third.refused(StoreError::WrongKey);
        assert!(matches!(refused, Failed::Key { .. }) && !file.exists());
        assert!(matches!(second.refused(StoreError::WrongKey), Failed::Store(StoreError::WrongKey)));
    }

    #[test]
    fn postgres_needs_a_key_and_a_wrong_one_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let database = DatabaseUrl::parse("postgres://localhost/x").unwrap();
        assert!(matches!(find(&database, None), Err(Failed::Key { .. })));
        let file = folder.path().join("key");
        std::fs::write(&file, "hunter2").unwrap();
        let error = find(&database, Some(&file)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}

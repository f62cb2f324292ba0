//! Where PostgreSQL's programs are, and whom they run as.

use std::{
    env, fs, io,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
};

use super::FOLDER_VARIABLE;

/// The folder with both programs; of several, the newest version.
pub(super) fn find_programs() -> Option<PathBuf> {
    let named = env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    let path =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            let numbered = entries.flatten().filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            });
            numbered.collect()
        })
        .unwrap_or_default();
    packaged.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let packaged = packaged.into_iter().map(|(_, folder)| folder);
    let complete =
        |folder: &PathBuf| ["postgres", "initdb"].iter().all(|program| folder.join(program).is_file());
    named.into_iter().chain(path).chain(packaged).find(complete)
}

/// Whom the server runs as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Account {
    /// Whoever runs the tests.
    Own,
    /// Somebody else, because root runs the tests.
    Other { user: u32, group: u32 },
}

impl Account {
    /// Chooses, and gives the directory to whom it chose.
    pub(super) fn choose(directory: &Path) -> io::Result<Self> {
        // Who made the directory is who we are.
        if fs::metadata(directory)?.uid() != 0 {
            return Ok(Self::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let find = |name: &str| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        let (user, group) = find("postgres").or_else(|| find("nobody")).ok_or(io::ErrorKind::NotFound)?;
        let account = Self::Other { user, group };
        account.give(directory)?;
        Ok(account)
    }

    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { user, group } => chown(path, Some(user), Some(group)),
        }
    }

    pub(super) fn run(self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env_clear().env("HOME", directory).env("LC_ALL", "C");
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command
    }
}

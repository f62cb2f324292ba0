//! What can be wrong with a pack before it is read as one.

use std::{io, path::PathBuf};

/// A pack that is not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The file system refused.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bytes are no gzip-compressed tar archive, or a damaged one.
    #[error("not a readable .tgz archive")]
    Archive {
        /// Why not.
        source: io::Error,
    },
    /// There is no `pack.json`.
    #[error("no pack.json in `{place}`: a pack has one at its root")]
    NoPackFile {
        /// The folder, or `the archive`.
        place: String,
    },
    /// The path of a registry is no folder.
    #[error("`{}` is not a folder", path.display())]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// A link or a device file.
    #[error("`{path}` is {kind}; a pack holds only files and folders")]
    ForbiddenEntry {
        /// The path inside the pack.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A path that leads out of the pack, or cannot be written as text.
    #[error("the path `{path}` is not allowed: {reason}")]
    ForbiddenPath {
        /// The path, shortened.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path that occurs twice.
    #[error("`{path}` occurs twice in the archive")]
    DuplicatePath {
        /// The path inside the pack.
        path: String,
    },
    /// More files than the budget has.
    #[error("the pack has more than {limit} files")]
    TooManyFiles {
        /// The budget.
        limit: usize,
    },
    /// A file larger than the budget.
    #[error("`{path}` has more than {limit} bytes")]
    FileTooLarge {
        /// The path inside the pack.
        path: String,
        /// The budget, in bytes.
        limit: u64,
    },
    /// All files together are larger than the budget.
    #[error("the pack has more than {limit} bytes")]
    TooLarge {
        /// The budget, in bytes.
        limit: u64,
    },
    /// A path deeper than the budget.
    #[error("`{path}` lies more than {limit} folders deep")]
    TooDeep {
        /// The path inside the pack, shortened.
        path: String,
        /// The budget.
        limit: usize,
    },
    /// More packs in one registry folder than are listed.
    #[error("the registry folder has more than {limit} entries")]
    TooManyPacks {
        /// The budget.
        limit: usize,
    },
}

impl RegistryError {
    /// The way out, as one sentence.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check that the path exists and that this user may read it",
            Self::Archive { .. } => "make it with `tar -czf pack.tgz -C <folder of the pack> .`",
            Self::NoPackFile { .. } => {
                "name the folder that holds pack.json itself, or for several packs the folder above"
            }
            Self::NotAFolder { .. } => "name a folder whose sub-folders are packs",
            Self::ForbiddenEntry { .. } => "put a copy of the file in its place",
            Self::ForbiddenPath { .. } => "use relative paths of plain names inside the pack",
            Self::DuplicatePath { .. } => "make the archive anew from a folder",
            Self::TooManyFiles { .. }
            | Self::FileTooLarge { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep { .. } => {
                "leave out what is not part of the pack, such as images and sources, or split the pack"
            }
            Self::TooManyPacks { .. } => "split the registry into several folders",
        }
    }
}

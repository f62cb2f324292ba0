//! What can be wrong with an archive or folder before anyone asks what is in it.

use std::io;

/// Content that is not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The bytes are no gzip-compressed tar archive, or a damaged one.
    #[error("not a readable .tgz archive")]
    Damaged {
        /// Why not.
        source: io::Error,
    },
    /// A link or a device file.
    #[error("`{path}` is {kind}; only files and folders are taken in")]
    ForbiddenEntry {
        /// The path inside.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A path that leads out, or cannot be written as text.
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
        /// The path inside.
        path: String,
    },
    /// More files than the budget has.
    #[error("there are more than {limit} files")]
    TooManyFiles {
        /// The budget.
        limit: usize,
    },
    /// A file larger than the budget.
    #[error("`{path}` has more than {limit} bytes")]
    FileTooLarge {
        /// The path inside.
        path: String,
        /// The budget, in bytes.
        limit: u64,
    },
    /// All files together are larger than the budget.
    #[error("all files together have more than {limit} bytes")]
    TooLarge {
        /// The budget, in bytes.
        limit: u64,
    },
    /// A path deeper than the budget.
    #[error("`{path}` lies more than {limit} folders deep")]
    TooDeep {
        /// The path inside, shortened.
        path: String,
        /// The budget.
        limit: usize,
    },
}

impl ArchiveError {
    /// The way out, as one sentence.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "make it with `tar -czf NAME.tgz -C FOLDER .`",
            Self::ForbiddenEntry { .. } => "put a copy of the file in its place",
            Self::ForbiddenPath { .. } => "use relative paths of plain names inside the folder",
            Self::DuplicatePath { .. } => "make the archive anew from a folder",
            Self::TooManyFiles { .. }
            | Self::FileTooLarge { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep { .. } => {
                "leave out what does not belong here, such as images and sources, or split it"
            }
        }
    }
}

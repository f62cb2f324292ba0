//! What can be wrong with a pack before it is read as one.

use std::{io, path::PathBuf};

use strata_archive::ArchiveError;

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
    /// The archive, or what is in it or the folder, is not taken in.
    #[error(transparent)]
    Content(#[from] ArchiveError),
    /// There is neither a pack, nor a chart, nor a manifest.
    #[error("nothing to render in `{place}`: no pack.json, no Chart.yaml, no manifest")]
    NothingToRender {
        /// The folder, or `the archive`.
        place: String,
    },
    /// The path of a registry is no folder.
    #[error("`{}` is not a folder", path.display())]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
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
            Self::Content(error) => error.help(),
            Self::NothingToRender { .. } => {
                "name the folder of a pack, of a Helm chart or of manifests, or for several the folder above"
            }
            Self::NotAFolder { .. } => "name a folder, or an archive that ends in .tgz",
            Self::TooManyPacks { .. } => "split the registry into several folders",
        }
    }
}

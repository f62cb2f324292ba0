//! Packs as they come from outside: a folder, an archive or a file in, a bounded map of paths and bytes out.
//!
//! *Idea.* A pack is untrusted input. All readers give the same [`strata_model::pack::PackFiles`], whatever the pack came
//! in; Helm charts and plain manifests are read the same way. What the files mean is the work of `strata-render`.
//!
//! *Guarantees.* Never more than the [`Budget`] is held in memory, however an archive is compressed. Links, device
//! files, absolute paths and `..` are refused, so nothing outside the pack is ever read. No file is written.
//!
//! *Caveats.* Reading blocks the calling thread: call it from a blocking task. Of hidden files only the history (`.git`) is
//! left out: a chart may read any other.

mod archive;
mod error;
mod folder;
mod source;

pub use archive::{read_archive, read_archive_with};
pub use error::RegistryError;
pub use folder::{read_files, read_folder, read_folder_with};
pub use source::{Listing, PackSource, list_packs, read_pack, take_files};
pub use strata_archive::{ArchiveError, Budget, Tally, Usage, read_tgz};

/// Whether anything reads a file of this path.
fn wanted(names: &[&str]) -> bool {
    !names.contains(&".git")
}

//! Packs, charts and manifests from archives (`.tgz`).

use strata_archive::{Budget, Tally, Usage, read_tgz};
use strata_model::pack::{ContentKind, PackFiles};

use crate::{RegistryError, wanted};

/// Reads what is in the bytes of a `.tgz`, under [`Budget::DEFAULT`]. It may lie at the root of the archive or in
/// one folder, as Helm and many tools pack it.
///
/// # Errors
/// [`RegistryError`].
pub fn read_archive(bytes: &[u8]) -> Result<PackFiles, RegistryError> {
    read_archive_with(bytes, &Budget::DEFAULT)
}

/// [`read_archive`] with another budget.
///
/// # Errors
/// As [`read_archive`].
pub fn read_archive_with(bytes: &[u8], budget: &Budget) -> Result<PackFiles, RegistryError> {
    let mut usage = Usage::default();
    rooted(read_tgz(bytes, Tally::new(budget, &mut usage, wanted))?)
}

/// The files as seen from the folder that holds them, where all lie in one.
fn rooted(files: PackFiles) -> Result<PackFiles, RegistryError> {
    let nothing = || RegistryError::NothingToRender { place: "the archive".to_owned() };
    match ContentKind::of(&files).ok_or_else(nothing)? {
        ContentKind::Pack | ContentKind::Chart => return Ok(files),
        ContentKind::Manifests => {}
    }
    let folder =
        files.keys().next().and_then(|path| path.split_once('/')).map(|(folder, _)| format!("{folder}/"));
    match folder {
        Some(folder) if files.keys().all(|path| path.starts_with(&folder)) => Ok(files
            .into_iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), bytes)))
            .collect()),
        _ => Ok(files),
    }
}

//! Packs from archives (`.tgz`).

use strata_archive::{Budget, Tally, Usage, read_tgz};
use strata_model::pack::PackFiles;

use crate::{PACK_FILE, RegistryError, wanted};

/// Reads a pack from the bytes of a `.tgz` under [`Budget::DEFAULT`]. The pack may lie at the root of the archive or in
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

/// The files as seen from the folder that holds `pack.json`.
fn rooted(files: PackFiles) -> Result<PackFiles, RegistryError> {
    if files.contains_key(PACK_FILE) {
        return Ok(files);
    }
    let no_pack = || RegistryError::NoPackFile { place: "the archive".to_owned() };
    let folder =
        files.keys().next().and_then(|path| path.split_once('/')).map(|(folder, _)| folder.to_owned());
    let prefix = format!("{}/", folder.ok_or_else(no_pack)?);
    let mut inner = PackFiles::new();
    for (path, bytes) in files {
        let path = path.strip_prefix(&prefix).ok_or_else(no_pack)?;
        inner.insert(path.to_owned(), bytes);
    }
    if inner.contains_key(PACK_FILE) { Ok(inner) } else { Err(no_pack()) }
}

//! Packs, charts and manifests from archives (`.tgz`).

use strata_archive::{Budget, Tally, Usage, read_tgz};
use strata_model::pack::{ContentKind, PackFiles};

use crate::{RegistryError, wanted};

/// What names the files of a chart's folder that do not belong to the chart.
const IGNORE_FILE: &str = ".helmignore";

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
fn rooted(mut files: PackFiles) -> Result<PackFiles, RegistryError> {
    let nothing = || RegistryError::NothingToRender { place: "the archive".to_owned() };
    if ContentKind::of(&files).ok_or_else(nothing)? == ContentKind::Manifests {
        let folder = files.keys().next().and_then(|path| path.split_once('/'));
        let folder = folder.map(|(folder, _)| format!("{folder}/"));
        if let Some(folder) = folder.filter(|folder| files.keys().all(|path| path.starts_with(folder))) {
            files = files
                .into_iter()
                .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), bytes)))
                .collect();
        }
    }
    if ContentKind::of(&files) == Some(ContentKind::Chart) {
        // Helm left out what it names when it packed the archive, and reads the rest as it is.
        files.remove(IGNORE_FILE);
    }
    Ok(files)
}

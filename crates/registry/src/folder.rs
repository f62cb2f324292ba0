//! Packs, charts and manifests from folders.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use strata_archive::{ArchiveError, Budget, ENTRIES_PER_FILE, Tally, Usage, shortened};
use strata_model::pack::{ContentKind, PackFiles};

use crate::{RegistryError, wanted};

/// Reads the pack, chart or manifests in a folder under [`Budget::DEFAULT`].
///
/// # Errors
/// [`RegistryError`].
pub fn read_folder(path: &Path) -> Result<PackFiles, RegistryError> {
    read_folder_with(path, &Budget::DEFAULT)
}

/// [`read_folder`] with another budget.
///
/// # Errors
/// As [`read_folder`].
pub fn read_folder_with(root: &Path, budget: &Budget) -> Result<PackFiles, RegistryError> {
    let mut usage = Usage::default();
    let files = read_files(root, Tally::new(budget, &mut usage, wanted))?;
    if ContentKind::of(&files).is_none() {
        return Err(RegistryError::NothingToRender { place: shortened(root) });
    }
    Ok(files)
}

/// Reads the files of a folder that the tally wants.
///
/// # Errors
/// As [`read_folder`], but [`RegistryError::NothingToRender`].
pub fn read_files(root: &Path, mut tally: Tally<'_>) -> Result<PackFiles, RegistryError> {
    let read = |path: &Path| {
        let path = path.to_owned();
        move |source| RegistryError::Read { path, source }
    };
    if !fs::metadata(root).map_err(read(root))?.is_dir() {
        return Err(RegistryError::NotAFolder { path: root.to_owned() });
    }
    let budget = tally.budget();
    let mut entries = 0_usize;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        for entry in fs::read_dir(&place).map_err(read(&place))? {
            entries += 1;
            if entries > budget.max_files.saturating_mul(ENTRIES_PER_FILE) {
                return Err(ArchiveError::TooManyFiles { limit: budget.max_files }.into());
            }
            let entry = entry.map_err(read(&place))?;
            let inner = folder.join(entry.file_name());
            let Some(name) = tally.admit(&inner)? else { continue };
            let kind = entry.file_type().map_err(read(&place))?;
            if kind.is_symlink() {
                return Err(ArchiveError::ForbiddenEntry { path: name, kind: "a link" }.into());
            }
            if kind.is_dir() {
                folders.push(inner);
                continue;
            }
            if !kind.is_file() {
                return Err(
                    ArchiveError::ForbiddenEntry { path: name, kind: "a device, pipe or socket" }.into()
                );
            }
            let path = root.join(&inner);
            let file = File::open(&path).map_err(read(&path))?;
            let mut bytes = Vec::new();
            file.take(tally.allowance() + 1).read_to_end(&mut bytes).map_err(read(&path))?;
            tally.take(name, bytes)?;
        }
    }
    Ok(tally.into_files())
}

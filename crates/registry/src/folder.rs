//! Packs from folders.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use strata_archive::{ArchiveError, Budget, ENTRIES_PER_FILE, Tally, Usage, shortened};
use strata_model::pack::PackFiles;

use crate::{PACK_FILE, RegistryError, wanted};

/// Most entries of one registry folder.
const MAX_PACKS: usize = 10_000;

/// A pack found in a registry folder; not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackFolder {
    /// The sub-folder's name, for messages. Name and version of the pack stand in its `pack.json`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The packs of a registry folder: each sub-folder that has a `pack.json`, sorted by name.
///
/// A folder that is a pack itself is a registry of one.
///
/// # Errors
/// [`RegistryError`] if the folder cannot be listed, or has more than 10,000 entries.
pub fn list_packs(registry: &Path) -> Result<Vec<PackFolder>, RegistryError> {
    let read = |source| RegistryError::Read { path: registry.to_owned(), source };
    if !fs::metadata(registry).map_err(read)?.is_dir() {
        return Err(RegistryError::NotAFolder { path: registry.to_owned() });
    }
    let mut packs = Vec::new();
    for (count, entry) in fs::read_dir(registry).map_err(read)?.enumerate() {
        if count >= MAX_PACKS {
            return Err(RegistryError::TooManyPacks { limit: MAX_PACKS });
        }
        let entry = entry.map_err(read)?;
        let path = entry.path();
        // Links are not followed: what a registry offers lies in the registry.
        if entry.file_type().map_err(read)?.is_dir() && path.join(PACK_FILE).is_file() {
            packs.push(PackFolder { name: entry.file_name().to_string_lossy().into_owned(), path });
        }
    }
    if packs.is_empty() && registry.join(PACK_FILE).is_file() {
        packs.push(PackFolder { name: shortened(registry), path: registry.to_owned() });
    }
    packs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packs)
}

/// Reads the pack in a folder under [`Budget::DEFAULT`].
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
    if !files.contains_key(PACK_FILE) {
        return Err(RegistryError::NoPackFile { place: shortened(root) });
    }
    Ok(files)
}

/// Reads the files of a folder that the tally wants.
///
/// # Errors
/// As [`read_folder`], but [`RegistryError::NoPackFile`].
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

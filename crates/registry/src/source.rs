//! Which packs there are at a path, and reading one of them.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use strata_archive::{ArchiveError, Budget, Tally, Usage, shortened};
use strata_model::pack::{CHART_FILE, PACK_FILE, PackFiles, is_manifest};

use crate::{RegistryError, read_archive, read_folder, wanted};

/// Most entries of one registry folder.
const MAX_PACKS: usize = 10_000;
/// Largest archive that is read, in bytes.
const MAX_ARCHIVE_BYTES: u64 = Budget::DEFAULT.max_total_bytes;

/// A pack found at a path; not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackSource {
    /// The name of the folder or file, for messages and for what does not name itself.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl PackSource {
    fn at(path: &Path) -> Self {
        // `.` and the like have a name only once they are followed.
        let followed = if path.file_name().is_none() { path.canonicalize().ok() } else { None };
        let name = followed.as_deref().unwrap_or(path).file_name();
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| shortened(path));
        let endings = [".tgz", ".tar.gz", ".yaml", ".yml", ".json"];
        let stem = endings.iter().find_map(|ending| name.strip_suffix(ending)).map(str::to_owned);
        Self { name: stem.filter(|_| path.is_file()).unwrap_or(name), path: path.to_owned() }
    }
}

/// What there is at a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The packs, sorted by name.
    pub packs: Vec<PackSource>,
    /// The names of manifests that lie beside packs and belong to none, sorted.
    pub passed_over: Vec<String>,
}

/// The packs at a path.
///
/// A file is one. A folder that holds a `pack.json` or a `Chart.yaml` is one; else each sub-folder that holds one of them
/// is, and each archive beside them; else the folder is one of plain manifests.
///
/// # Errors
/// [`RegistryError`] if the folder cannot be listed, or has more than 10,000 entries.
pub fn list_packs(path: &Path) -> Result<Listing, RegistryError> {
    let read = |source| RegistryError::Read { path: path.to_owned(), source };
    let marked = |folder: &Path| [PACK_FILE, CHART_FILE].iter().any(|file| folder.join(file).is_file());
    if !fs::metadata(path).map_err(read)?.is_dir() || marked(path) {
        return Ok(Listing { packs: vec![PackSource::at(path)], passed_over: Vec::new() });
    }
    let mut packs = Vec::new();
    let mut passed_over = Vec::new();
    for (count, entry) in fs::read_dir(path).map_err(read)?.enumerate() {
        if count >= MAX_PACKS {
            return Err(RegistryError::TooManyPacks { limit: MAX_PACKS });
        }
        let entry = entry.map_err(read)?;
        // Links are not followed: what a registry offers lies in the registry.
        let kind = entry.file_type().map_err(read)?;
        let inner = entry.path();
        if kind.is_dir() && marked(&inner) || kind.is_file() && is_archive(&inner) {
            packs.push(PackSource::at(&inner));
        } else if kind.is_file() && inner.to_str().is_some_and(is_manifest) {
            passed_over.extend(inner.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    if packs.is_empty() {
        packs.push(PackSource::at(path));
        passed_over.clear();
    }
    packs.sort_by(|a, b| a.name.cmp(&b.name));
    passed_over.sort_unstable();
    Ok(Listing { packs, passed_over })
}

/// Reads the pack, chart or manifests at a path, under [`Budget::DEFAULT`].
///
/// # Errors
/// [`RegistryError`].
pub fn read_pack(path: &Path) -> Result<PackFiles, RegistryError> {
    let read = |source| RegistryError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(read)?.is_dir() {
        return read_folder(path);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read)?;
    file.take(MAX_ARCHIVE_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_ARCHIVE_BYTES {
        return Err(ArchiveError::TooLarge { limit: MAX_ARCHIVE_BYTES }.into());
    }
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if is_manifest(name) => Ok(PackFiles::from([(name.to_owned(), bytes)])),
        _ => read_archive(&bytes),
    }
}

/// Holds files that somebody sent one by one to the same rules as those of a folder.
///
/// # Errors
/// [`RegistryError::Content`].
pub fn take_files(sent: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<PackFiles, RegistryError> {
    let mut usage = Usage::default();
    let mut tally = Tally::new(&Budget::DEFAULT, &mut usage, wanted);
    for (path, bytes) in sent {
        if let Some(path) = tally.admit(Path::new(&path))? {
            tally.take(path, bytes)?;
        }
    }
    Ok(tally.into_files())
}

fn is_archive(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.ends_with(".tgz") || name.ends_with(".tar.gz"))
}

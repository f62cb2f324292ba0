//! Packs from archives (`.tgz`).

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use strata_model::pack::PackFiles;
use tar::{Archive, EntryType};

use crate::{Budget, PACK_FILE, RegistryError, budget::Tally};

/// What one entry costs beside its content: a header block, padding, and a long name.
const ENTRY_OVERHEAD: u64 = 4 * 1024;
/// Most entries (files, folders and what is left out) that are looked at for each file of the budget.
const ENTRIES_PER_FILE: usize = 8;

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
    let max_entries = budget.max_files.saturating_mul(ENTRIES_PER_FILE);
    // What the whole stream may unpack to: an archive full of skipped entries or endless padding stops here.
    let overhead = u64::try_from(max_entries).unwrap_or(u64::MAX).saturating_mul(ENTRY_OVERHEAD);
    let most = budget.max_total_bytes.saturating_add(overhead);
    let source = Bounded { inner: MultiGzDecoder::new(bytes), left: most, exceeded: false };
    let mut archive = Archive::new(source);
    let mut tally = Tally::new(budget);
    let damaged =
        |source: io::Error| match source.get_ref().and_then(|inner| inner.downcast_ref::<Exceeded>()) {
            Some(_) => RegistryError::TooLarge { limit: budget.max_total_bytes },
            None => RegistryError::Archive { source },
        };
    for (count, entry) in archive.entries().map_err(damaged)?.enumerate() {
        if count >= max_entries {
            return Err(RegistryError::TooManyFiles { limit: budget.max_files });
        }
        let entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            continue;
        }
        let Some(name) = tally.admit(&path)? else { continue };
        match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Symlink | EntryType::Link => {
                return Err(RegistryError::ForbiddenEntry { path: name, kind: "a link" });
            }
            _ => {
                return Err(RegistryError::ForbiddenEntry {
                    path: name,
                    kind: "neither a file nor a folder",
                });
            }
        }
        let mut content = Vec::new();
        entry.take(tally.allowance() + 1).read_to_end(&mut content).map_err(damaged)?;
        tally.take(name, content)?;
    }
    rooted(tally.into_files())
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

/// The mark of an error that says that the budget is spent.
#[derive(Debug, thiserror::Error)]
#[error("the unpacked archive exceeds its budget")]
struct Exceeded;

/// A reader that fails, rather than ends, when more bytes come than allowed.
#[derive(Debug)]
struct Bounded<R> {
    inner: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.exceeded {
            return Err(io::Error::other(Exceeded));
        }
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(u64::try_from(count).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => {
                self.exceeded = true;
                Err(io::Error::other(Exceeded))
            }
        }
    }
}

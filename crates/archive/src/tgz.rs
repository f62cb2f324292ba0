//! Gzip-compressed tar archives.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::{ArchiveError, ENTRIES_PER_FILE, Files, Tally};

/// What one entry costs beside its content: a header block, padding, and a long name.
const ENTRY_OVERHEAD: u64 = 4 * 1024;

/// Reads the files of a `.tgz` that the tally wants.
///
/// # Errors
/// [`ArchiveError`].
pub fn read_tgz(bytes: &[u8], mut tally: Tally<'_>) -> Result<Files, ArchiveError> {
    let budget = tally.budget();
    let max_entries = budget.max_files.saturating_mul(ENTRIES_PER_FILE);
    // What the whole stream may unpack to: an archive full of skipped entries or endless padding stops here.
    let overhead = u64::try_from(max_entries).unwrap_or(u64::MAX).saturating_mul(ENTRY_OVERHEAD);
    let most = budget.max_total_bytes.saturating_add(overhead);
    let source = Bounded { inner: MultiGzDecoder::new(bytes), left: most, exceeded: false };
    let mut archive = Archive::new(source);
    let damaged =
        |source: io::Error| match source.get_ref().and_then(|inner| inner.downcast_ref::<Exceeded>()) {
            Some(_) => ArchiveError::TooLarge { limit: budget.max_total_bytes },
            None => ArchiveError::Damaged { source },
        };
    for (count, entry) in archive.entries().map_err(damaged)?.enumerate() {
        if count >= max_entries {
            return Err(ArchiveError::TooManyFiles { limit: budget.max_files });
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
                return Err(ArchiveError::ForbiddenEntry { path: name, kind: "a link" });
            }
            _ => {
                return Err(ArchiveError::ForbiddenEntry { path: name, kind: "neither a file nor a folder" });
            }
        }
        let mut content = Vec::new();
        entry.take(tally.allowance() + 1).read_to_end(&mut content).map_err(damaged)?;
        tally.take(name, content)?;
    }
    Ok(tally.into_files())
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

//! Archives of our own making.

use std::io;

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// A `.tgz` with these files in one folder. The same files give the same bytes: it holds no instants and no owners, and
/// nothing is compressed, since how well that is done differs from version to version.
///
/// # Errors
/// When a path is too long for an archive.
pub fn write_tgz<'f>(
    folder: &str,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> io::Result<Vec<u8>> {
    let encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::none());
    let mut builder = Builder::new(encoder);
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        builder.append_data(&mut header, format!("{folder}/{path}"), bytes)?;
    }
    builder.into_inner()?.finish()
}

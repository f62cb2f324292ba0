//! Archives from outside: the bytes of a `.tgz` in, a bounded map of paths and bytes out.
//!
//! *Idea.* An archive is untrusted input, whoever made it. [`read_tgz`] admits one entry after the other into a
//! [`Tally`], which holds paths, sizes and counts to a [`Budget`]; a reader of folders uses the same tally. Archives
//! inside archives share one [`Usage`], so that nesting buys nothing.
//!
//! [`write_tgz`] is the way back, for what lies in a folder and is kept as an archive.
//!
//! *Guarantees.* Pure: nothing is opened, nothing written. Never more than the budget is held in memory, however an
//! archive is compressed. Links, device files, absolute paths and `..` are refused.
//!
//! *Caveats.* What the files mean, and in which folder of the archive they begin, is the caller's matter.

mod budget;
mod error;
mod tgz;
mod write;

use std::collections::BTreeMap;

pub use budget::{Budget, Keep, Tally, Usage, shortened};
pub use error::ArchiveError;
pub use tgz::read_tgz;
pub use write::write_tgz;

/// Bytes by path; paths are relative, with `/` between plain names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Most entries (files, folders and what is left out) that are looked at for each file of the budget.
pub const ENTRIES_PER_FILE: usize = 8;

//! Profiles as files: one text, a folder fit for git, and what Palette exports.
//!
//! *Idea.* A [`ProfileDocument`] is a profile version as people keep it: packs by name and version, pinned by digest, and values
//! as their authors wrote them. As one text the values stand in it; as a folder each layer has a file of its own.
//!
//! *Guarantees.* Pure. What was written is read back as it was, values to the byte. Unknown keys are refused at their place.
//!
//! *Caveats.* Packs are named and not included.

mod document;
mod folder;
mod palette;
mod read;
mod write;

pub use document::{DocumentLayer, DocumentPack, ProfileDocument};
pub use folder::{read_files, to_files};
pub use read::{place_of, read_text};
pub use write::to_text;

/// The scheme of documents.
pub const DOCUMENT_SCHEME: u64 = 1;
/// The file of a folder that holds all but the values.
pub const PROFILE_FILE: &str = "profile.yaml";

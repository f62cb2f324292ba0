//! YAML and values: everything between a text that a person wrote and the JSON value that the product works on.
//!
//! *Idea.* The value is the truth, the text is a view. Texts are read once, under budgets ([`mod@parse`]); values are
//! merged ([`mod@merge`]), patched ([`patch`]), reconciled with a new version of their base ([`mod@three_way`]) and compared
//! ([`diff`]); a text is changed in place, comments kept, only when reading it again gives exactly the value that was
//! meant ([`edit`]). What leaves for human eyes goes through [`redact`].
//!
//! *Guarantees.* Pure: no I/O, no clock, no randomness; the same input gives the same bytes. No function panics on
//! input from outside; every loop over it is bounded by the size of the input, and that by [`parse::ParseOptions`].
//!
//! *Caveats.* Key order of mappings is kept but never compared: two values are equal when their keys and values are.

pub mod diff;
pub mod edit;
pub mod emit;
pub mod keyed;
mod lenient;
pub mod merge;
pub mod parse;
pub mod patch;
pub mod place;
pub mod redact;
mod resolved_keys;
mod secret_forms;
pub mod secret_object;
pub mod three_way;
pub mod unified;

pub use diff::{Change, ChangeKind, apply_changes, diff_values};
pub use edit::Edited;
pub use emit::{emit, emit_documents};
pub use merge::{Layered, merge};
pub use parse::{Document, DuplicateKeys, ParseOptions, parse, parse_documents, parse_mapping};
pub use patch::{Derived, PatchConflict, apply, derive};
pub use redact::{Redactor, UnmaskError};
pub use three_way::{Conflict, ConflictKind, Resolution, ThreeWay, three_way};
pub use unified::{Labels, unified};

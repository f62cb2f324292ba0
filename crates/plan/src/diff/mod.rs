//! Comparing what is wanted with what was last sent.

mod fields;
mod meaning;
mod objects;

pub(crate) use fields::{differing, field_changes, object_changes};
pub use meaning::FILLED_IN;
pub(crate) use objects::{ObjectDiff, Pair, first_layer, objects};

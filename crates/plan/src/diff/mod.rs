//! Comparing what is wanted with what was last sent.

mod fields;
mod objects;

pub(crate) use fields::field_changes;
pub(crate) use objects::{ObjectDiff, Pair, first_layer, objects};

//! Structural patches: what an override is, applied to values and derived from an edit.
//!
//! *Guarantees.* `apply(derive(a, b), a) == b` for any two values, nulls and order of lists included. Applying a patch
//! whose effect is there already changes nothing.

mod apply;
mod derive;

pub use apply::{PatchConflict, apply, apply_operation};
pub use derive::{Derived, derive};

//! (head of the crate)

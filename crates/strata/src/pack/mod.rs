//! What this process does with packs and charts by itself, without a server: rendering them, and holding the outcome against
//! Helm.

mod input;
mod render;
mod source;
mod verify;

pub(crate) use render::run as render;
pub(crate) use verify::run as verify;

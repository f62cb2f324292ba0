//! The chart corpus: charts of many makers, rendered in process and by the real `helm`, and what differs.
//!
//! - [`corpus`]: which charts, with which values; `tests/charts` has the lists and `build.sh` that fetches the charts;
//! - [`helm`]: what Helm makes of them, by its command and by its libraries;
//! - [`ours`]: what this workspace makes of them;
//! - [`compare`]: objects and texts side by side, what is random left aside;
//! - [`score`]: the counts that only ever go up, and the misses that are known.

pub mod compare;
pub mod corpus;
pub mod helm;
pub mod ours;
pub mod score;

pub use corpus::{Case, Corpus};

//! The rollout scheduler: what to do next, from what is known.
//!
//! *Idea.* [`next`] is a pure function of the rollout, of evidence about its clusters, and of the time. The engine calls
//! it whenever something may have changed, carries the decisions out in order, and records them as events. Nothing is
//! remembered between calls, so a crash loses nothing.
//!
//! *Guarantees.* Rules 4 to 6 of the design. A stage starts only when every cluster that counts in the stages before
//! has proved the target digest and health, with evidence newer than its own apply. Changes are started only while the
//! rollout is RUNNING (taken back only while it is `ROLLING_BACK`), never beyond the concurrency of the stage, and not
//! once failures went beyond the budget. A cluster that is offline, gone, blocked or new never stops the others.
//!
//! *Caveats.* What counts: a cluster that is DEFERRED, BLOCKED, SKIPPED, REMOVED or, within the budget, FAILED does not
//! hold a stage back. But a stage in which clusters were tried and none is proved halts the rollout: such a stage has
//! shown nothing, and somebody must look (retry, or skip them). A cluster that falls silent before or in the middle of its
//! change keeps its place for a while ([`Limits`]); then the change is cancelled, and it catches up with a new one when it
//! answers again. An approval of the cancelled one is void then, for it is bound to that plan.

mod assign;
mod evidence;
pub(crate) mod gate;
mod judge;
mod schedule;

pub use assign::{assign, join};
pub use evidence::{ChangeEvidence, HealthEvidence, TargetEvidence, moved_by_change};
pub use gate::{holds_back, in_flight};
pub use schedule::{Limits, RolloutDecision, next};

//! Background work.
//!
//! *Idea.* A task takes no input: it looks at the store, does what is due, and sleeps until something was committed or
//! its interval has passed. What is due is claimed by a lease with an epoch, so that several servers may run the same
//! tasks, and a server that lost its lease records nothing any more.
//!
//! *Guarantees.* A task that fails is logged and tried again later; it never ends the server. All stop when the
//! engine stops; what they were at goes on at the next start.

mod backoff;
mod changes;
mod policies;
mod polls;
mod rollouts;
mod runner;

use std::time::Duration;

use crate::Engine;
// What would be sent is asked for in the same way.
pub(crate) use runner::{hooks, send};

/// How long a task sleeps at most when nothing wakes it. Commits wake it at once; this covers time that passes.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts all tasks of an engine.
pub(crate) fn start(engine: &Engine) {
    let tracker = engine.tracker();
    tracker.spawn(changes::run(engine.clone()));
    tracker.spawn(rollouts::run(engine.clone()));
    tracker.spawn(policies::run(engine.clone()));
    tracker.spawn(polls::run(engine.clone()));
}

/// Sleeps until something was committed, the interval has passed, or the engine stops. Says whether to go on.
async fn rest(engine: &Engine, positions: &mut tokio::sync::watch::Receiver<i64>, longest: Duration) -> bool {
    tokio::select! {
        () = engine.stop_token().cancelled() => false,
        _ = tokio::time::sleep(longest) => true,
        changed = positions.changed() => changed.is_ok(),
    }
}

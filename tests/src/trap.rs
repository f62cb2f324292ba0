//! A trap that kills a server at a moment that a simulated cluster sees.
//!
//! *Idea.* The process under test has no switch that makes it crash. What it does to a cluster can be seen from the
//! cluster's side, request by request, and the simulator tells of each *before* it is carried out. The trap counts the
//! requests that match, and kills the process from within that telling: when the request is carried out, if it still is,
//! nobody waits for the answer any more.
//!
//! *Caveats.* Whether the request that closes the trap takes effect depends on whether its body was sent already. Both
//! happen in life.

use std::{
    fmt,
    process::Command,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use strata_sim::LoggedRequest;

/// How long the system may take to end a process that was killed.
const DEATH: Duration = Duration::from_secs(10);

type Matches = Box<dyn Fn(&LoggedRequest) -> bool + Send>;

struct Armed {
    matches: Matches,
    left: u32,
}

#[derive(Default)]
struct State {
    armed: Option<Armed>,
    killed_at: Option<Instant>,
    seen_again: Option<Instant>,
}

/// Kills one process at a time, as often as it is armed.
#[derive(Default)]
pub struct Trap {
    process: AtomicU32,
    kills: AtomicU32,
    state: Mutex<State>,
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap")
            .field("process", &self.process)
            .field("kills", &self.kills)
            .finish_non_exhaustive()
    }
}

impl Trap {
    /// Says which process is to be killed.
    pub fn aim(&self, process: u32) {
        self.process.store(process, Ordering::SeqCst);
    }

    /// Kills when the `nth` request, counted from 1 and from now, matches.
    pub fn arm(&self, nth: u32, matches: impl Fn(&LoggedRequest) -> bool + Send + 'static) {
        self.state().armed = Some(Armed { matches: Box::new(matches), left: nth });
    }

    /// To be called with each request.
    pub fn see(&self, request: &LoggedRequest) {
        let close = {
            let mut state = self.state();
            if state.killed_at.is_some()
                && state.seen_again.is_none()
                && self.process.load(Ordering::SeqCst) != 0
            {
                state.seen_again = Some(Instant::now());
            }
            match &mut state.armed {
                Some(armed) if (armed.matches)(request) => {
                    armed.left = armed.left.saturating_sub(1);
                    armed.left == 0
                }
                _ => false,
            }
        };
        if close {
            self.kill();
        }
    }

    /// Kills now, and waits until the process is no more.
    pub fn kill(&self) {
        let process = self.process.swap(0, Ordering::SeqCst);
        {
            let mut state = self.state();
            state.armed = None;
            state.killed_at = Some(Instant::now());
        }
        if process == 0 {
            return;
        }
        let asked = Command::new("kill").args(["-s", "KILL", &process.to_string()]).status();
        let end = Instant::now() + DEATH;
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success)
            && lives(process)
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// How many processes it has killed.
    #[must_use]
    pub fn kills(&self) -> u32 {
        self.kills.load(Ordering::SeqCst)
    }

    /// How long it took from the last kill to the next request of whoever came after.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let state = self.state();
        Some(state.seen_again?.duration_since(state.killed_at?))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a process still runs code. One that is dead and was not waited for yet does not.
fn lives(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state follows the name, which stands in parentheses and may itself hold some.
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

//! Tests whose real part is not installed say so instead of passing in silence.

use std::{env, io::Write as _, thread};

/// A part of the test environment that may be absent.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What it is called in the message.
    pub name: &'static str,
    /// The environment variable that, set to `1`, turns its absence into a failure.
    pub required_by: &'static str,
}

impl Part {
    /// Says on standard error that the running test is left out, and why.
    ///
    /// # Panics
    /// When the environment demands the part.
    pub fn leave_out(self, reason: &dyn std::fmt::Display) {
        let thread = thread::current();
        let test = thread.name().unwrap_or("unnamed test");
        if env::var(self.required_by).is_ok_and(|value| value == "1") {
            fail(&format!("{test} needs the {} ({reason}), and {} demands it", self.name, self.required_by));
        }
        // Not `eprintln!`: the test harness would keep it to itself when the test passes.
        let line = format!("left out: {} ({reason}): {test}\n", self.name);
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// Fails the running test.
#[expect(clippy::panic, reason = "a test fixture fails its test in no other way")]
pub(crate) fn fail(message: &str) -> ! {
    panic!("{message}")
}

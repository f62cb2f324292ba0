//! How much a template may do.
//!
//! *Guarantees.* Whatever a template asks for, executing it ends, in bounded memory, and without running out of stack:
//! on a thread made by [`with_large_stack`] templates may include each other [`Budget::depth`] deep, on any other thread
//! only as deep as an ordinary 2 MiB stack allows.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    panic::resume_unwind,
    thread,
};

use super::error::Exhausted;

/// What one execution may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Actions, loop rounds and function calls.
    pub steps: u64,
    /// Bytes of output.
    pub output: usize,
    /// Bytes that functions may produce on the way, list items counted as 32 each.
    pub memory: usize,
    /// How deep templates may include each other.
    pub depth: usize,
}

impl Default for Budget {
    /// Far beyond what published charts use: the largest of them takes below a million steps and 5 MiB.
    fn default() -> Self {
        Self { steps: 20_000_000, output: 32 << 20, memory: 1 << 30, depth: 1000 }
    }
}

/// Stack of a thread made by [`with_large_stack`]; only pages that are used cost memory.
const LARGE_STACK: usize = 256 << 20;

/// Nested bodies, parentheses and includes at once: at most 12 KiB of stack each in unoptimised builds.
const FRAMES_LARGE: usize = 20_000;
const FRAMES_ORDINARY: usize = 140;

thread_local! {
    static FRAMES: Cell<usize> = const { Cell::new(FRAMES_ORDINARY) };
}

/// Runs a function on a thread of its own with a stack for deep includes, and waits for it.
///
/// # Errors
/// When the system makes no thread.
pub fn with_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    thread::scope(|scope| {
        let handle = thread::Builder::new().name("render".to_owned()).stack_size(LARGE_STACK).spawn_scoped(
            scope,
            || {
                FRAMES.set(FRAMES_LARGE);
                run()
            },
        )?;
        handle.join().map_or_else(|panic| resume_unwind(panic), Ok)
    })
}

/// Counts what an execution uses.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Budget,
    steps: Cell<u64>,
    output: Cell<usize>,
    memory: Cell<usize>,
    frames: Cell<usize>,
    most_frames: usize,
    depth: Cell<usize>,
    /// Draws of generated values so far, by function and arguments.
    draws: RefCell<BTreeMap<String, u64>>,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            budget,
            steps: Cell::new(0),
            output: Cell::new(0),
            memory: Cell::new(0),
            frames: Cell::new(0),
            most_frames: FRAMES.get(),
            depth: Cell::new(0),
            draws: RefCell::new(BTreeMap::new()),
        }
    }

    pub(crate) fn step(&self, count: u64) -> Result<(), Exhausted> {
        self.steps.set(self.steps.get().saturating_add(count));
        if self.steps.get() > self.budget.steps { Err(Exhausted::Steps) } else { Ok(()) }
    }

    pub(crate) fn output(&self, bytes: usize) -> Result<(), Exhausted> {
        self.output.set(self.output.get().saturating_add(bytes));
        if self.output.get() > self.budget.output { Err(Exhausted::Output) } else { Ok(()) }
    }

    /// Takes bytes that are about to be produced.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Exhausted> {
        if bytes > self.left() {
            return Err(Exhausted::Memory);
        }
        self.memory.set(self.memory.get() + bytes);
        Ok(())
    }

    /// Bytes that may still be produced.
    pub(crate) fn left(&self) -> usize {
        self.budget.memory.saturating_sub(self.memory.get())
    }

    /// One more frame of evaluation, until the guard is dropped.
    pub(crate) fn enter(&self) -> Result<Guard<'_>, Exhausted> {
        if self.frames.get() >= self.most_frames {
            return Err(Exhausted::Depth);
        }
        self.frames.set(self.frames.get() + 1);
        Ok(Guard(&self.frames))
    }

    /// One more template inside the other, until the guard is dropped.
    pub(crate) fn enter_template(&self) -> Result<Guard<'_>, Exhausted> {
        if self.depth.get() >= self.budget.depth {
            return Err(Exhausted::Depth);
        }
        self.depth.set(self.depth.get() + 1);
        Ok(Guard(&self.depth))
    }

    /// How often a key was drawn before.
    pub(crate) fn occurrence(&self, key: String) -> u64 {
        let mut draws = self.draws.borrow_mut();
        let count = draws.entry(key).or_insert(0);
        let former = *count;
        *count += 1;
        former
    }
}

/// Gives its level back when dropped.
#[derive(Debug)]
pub(crate) struct Guard<'m>(&'m Cell<usize>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

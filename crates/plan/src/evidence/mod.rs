//! Evidence: what to ask a living cluster beside a plan, and how to read what it answers.
//!
//! *Idea.* Each object of a plan is a [`Question`]. It is looked at, and if that does not say all ([`next()`]), the API server
//! is asked what sending it would do, by a dry run of the very request of the change; the answer is read by [`read()`]. Objects
//! that were sent before are asked for a second time, with what was last sent: what that would change has drifted
//! ([`drift()`]). Namespaces, definitions and what admits objects are asked for first, because what comes with the same
//! change cannot be known before it ([`Coming`]). What is deleted and created anew is asked for as a copy ([`copy()`]).
//!
//! *Guarantees.* Pure: whoever asks brings the answers. Nothing that comes out holds a clear secret.
//!
//! *Caveats.* Each object is asked for as if it were sent alone, now. What controllers and operators do once others are there is
//! not known: a definition that an operator brings, a quota that fills up.

mod answer;
mod capacity;
mod coming;
mod copy;
mod drift;
mod question;

pub use answer::{Answer, Next, Whose, next, read, unread};
pub use capacity::{capacity, live_replicas, nodes, removed};
pub use coming::Coming;
pub use copy::{copy, read_copy};
pub use drift::drift;
pub use question::{MOST_OBJECTS, Question, questions};

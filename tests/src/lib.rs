//! What the end-to-end tests stand on: real processes on the loopback interface.
//!
//! - [`control_plane`]: a whole Kubernetes control plane (etcd, API server, controller manager, scheduler, kwok for the
//!   machines), as many side by side as a test wants;
//! - [`postgres`]: a PostgreSQL server with a fresh database per test;
//! - [`fleet`]: a management cluster with the clusters that it provides, simulated or real;
//! - [`server`]: the program `strata` itself, with a client of its interface and subscriptions;
//! - [`trap`] and [`tally`]: killing the server at a moment that a simulated cluster sees, and counting what was done there;
//! - [`canary`]: secrets that nobody else knows, and the search for where they got to;
//! - [`scenario`]: what many tests do first, through that interface;
//! - [`bench`]: an engine in this process on a cluster, for what the interface has no part in;
//! - [`charts`]: charts of many makers, rendered here and by the real `helm`, and what differs;
//! - [`processes`]: how their processes are started and how none is left behind, whatever becomes of the test.
//!
//! A part whose programs are not installed is *left out*: the test says so by name and passes, unless the environment
//! demands the part (see [`left_out`]). Nothing here stands in for a part that is missing.

pub mod bench;
pub mod canary;
pub mod charts;
pub mod control_plane;
pub mod fleet;
pub mod scenario;
pub mod server;
pub mod subscription;
pub mod tally;
pub mod trap;

pub use control_plane::ControlPlane;
pub use fleet::Fleet;
pub use server::{Database, Server};
pub use strata_fixtures::{Postgres, left_out, postgres, processes};
pub use subscription::Subscription;

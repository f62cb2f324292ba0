//! The API: the GraphQL schema by noun, and the HTTP server that answers it.
//!
//! *Idea.* Operations are parsed, bounded and authenticated here, then handed to verbs and reads of the engine; nothing
//! is decided here. `query/` and `mutation/` have one file a noun, `types/` shows what the model holds, `subscription`
//! follows the event log, `http` serves all of it with its limits.
//!
//! *Guarantees.* Every request has a deadline, a size, a depth and a cost that it may not exceed. What is the caller's to
//! mend is answered with a stable code and a way out; what is not is logged once, under the request's id, and answered
//! without its inner text. Headers that carry credentials are never logged.
//!
//! *Caveats.* Subscriptions go over WebSocket (`graphql-transport-ws`) only, queries and mutations over POST only.

#![allow(clippy::result_large_err, reason = "a refusal is what the caller gets; it is made once per request")]

mod context;
mod cost;
pub mod error;
pub mod http;
mod limits;
pub mod mutation;
pub mod query;
pub mod schema;
pub mod subscription;
pub mod types;

pub use http::{HttpOptions, router, serve};
pub use schema::{Schema, SchemaOptions, build, sdl};

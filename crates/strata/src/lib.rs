//! The program `strata`: the server, the commands that are its clients, and what needs no server.
//!
//! *Idea.* One binary. `serve` puts store, engine and GraphQL interface together; the client commands come from
//! `strata-cli` as they are; the rest are small local commands. `demo` is a server like any other, with simulated clusters
//! beside it and the client commands typed for the reader.
//!
//! *Guarantees.* The first thing that happens is the choice of the TLS provider, the last that the store is closed. What
//! a command ends with is documented at [`exit`]. No secret is taken from the command line and none gets into a log; the
//! first token of an installation is written to standard error once.

mod arguments;
mod create_admin;
mod demo;
mod exit;
mod key;
mod logging;
mod migrate;
mod pack;
mod program;
mod serve;
mod server;
mod settings;
mod span;

pub use program::main;

//! Cluster API stand-in.

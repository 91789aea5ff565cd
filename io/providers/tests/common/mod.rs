//! Stand-ins for vendors' wires, on real sockets.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod http;

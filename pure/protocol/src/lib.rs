//! The wires as types and machines: no socket, no clock.

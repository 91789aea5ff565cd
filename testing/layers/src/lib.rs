//! Checks that the house keeps its shelves.

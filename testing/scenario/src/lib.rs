//! Scripted callers on virtual time: whole dialogues with latency, word errors and faults.

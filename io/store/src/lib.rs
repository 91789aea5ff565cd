//! What outlives a process: agents, conversations, jobs and files.

//! An agent in a process: the loop that drives turn-taking with providers.

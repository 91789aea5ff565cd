//! The offline set: voice activity, recogniser, voice and scripted brain.

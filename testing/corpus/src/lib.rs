//! Generated speech with its truth beside it, and what turn-taking and echo cancelling make of it.
//!
//! Texts and seeds are in `texts/`; sound is made when it is needed, by voices that are found on the machine, and is the
//! same every time. Half of the texts are held out: they are scored only when asked for.

pub mod call;
pub mod cancellers;
pub mod ears;
pub mod echo;
pub mod fit;
pub mod items;
pub mod pauses;
pub mod report;
pub mod rng;
pub mod sounds;
pub mod turns;
pub mod voice;

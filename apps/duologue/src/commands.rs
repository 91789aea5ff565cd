//! Everything but `talk`.

pub(crate) mod agents;
pub(crate) mod conversations;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod finding;
pub(crate) mod init;
pub(crate) mod serve;
pub(crate) mod speak;
pub(crate) mod transcribe;
pub(crate) mod voices;

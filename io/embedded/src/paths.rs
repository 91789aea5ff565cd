//! Where the speech packages are.

use std::path::PathBuf;

use providers::ProviderError;

/// The command that installs everything the offline set needs on Debian and Ubuntu.
pub const INSTALL: &str = "sudo apt-get install -y libflite1 libpocketsphinx3 pocketsphinx-en-us";

/// Where libraries and models are looked for. The defaults are where Debian's packages put them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The folder with `libflite*.so.1`, `libsphinxbase.so.3` and `libpocketsphinx.so.3`. Default none: wherever the
    /// system's loader looks.
    pub libraries: Option<PathBuf>,
    /// The folder with the American English model: `en-us/`, `en-us.lm.bin` and `cmudict-en-us.dict`. Default
    /// `/usr/share/pocketsphinx/model/en-us`.
    pub model: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            libraries: None,
            model: PathBuf::from("/usr/share/pocketsphinx/model/en-us"),
        }
    }
}

impl Paths {
    /// What the loader is asked for.
    pub(crate) fn library(&self, name: &str) -> PathBuf {
        self.libraries
            .as_ref()
            .map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }
}

/// What `provider` says when a part of it is not installed.
pub(crate) fn missing(provider: &str, reason: impl Into<String>) -> ProviderError {
    ProviderError::Missing {
        provider: provider.to_owned(),
        reason: reason.into(),
        remedy: format!("Install the speech packages: {INSTALL}"),
    }
}

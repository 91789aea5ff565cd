//! What a sound server wants to be shown.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// A cookie is so long; servers refuse any other length before they look at who is asking.
const LENGTH: usize = 256;

/// Makes the cookie by which a client shows that it belongs to the user, where there is none yet. Gives whether it did.
///
/// PulseAudio's and PipeWire's servers refuse a client without one even where everybody is let in. Their own library makes
/// the file when it is missing, so that nobody notices; ours only reads it, and a home in which no other program has
/// spoken to a sound server yet, as in a container, would stay mute.
pub(crate) fn make() -> bool {
    if !cfg!(target_os = "linux") || socket().is_none() {
        return false;
    }
    let Some(home) = env::home_dir() else {
        return false;
    };
    let path = home.join(".config/pulse/cookie");
    if env::var_os("PULSE_COOKIE").is_some_and(|path| Path::new(&path).exists())
        || path.exists()
        || home.join(".pulse-cookie").exists()
    {
        return false;
    }
    match write(&path) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the sound server wants a cookie, and it cannot be written");
            false
        }
    }
}

/// Where a sound server of this machine listens, if one does.
pub(crate) fn socket() -> Option<PathBuf> {
    let named = env::var("PULSE_SERVER")
        .ok()
        .and_then(|server| server.strip_prefix("unix:").map(PathBuf::from));
    let runtime = |name| env::var_os(name).map(|path| Path::new(&path).join("pulse/native"));
    [
        named,
        runtime("PULSE_RUNTIME_PATH"),
        runtime("XDG_RUNTIME_DIR"),
    ]
    .into_iter()
    .flatten()
    .find(|path| path.exists())
}

fn write(path: &Path) -> io::Result<()> {
    let mut cookie = [0; LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut cookie)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Whoever has it may listen to this user's microphone.
        options.mode(0o600);
    }
    options.open(path)?.write_all(&cookie)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_cookie_is_the_users_own_and_never_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".config/pulse/cookie");
        write(&path).unwrap();
        let first = fs::read(&path).unwrap();
        assert_eq!(first.len(), LENGTH);
        assert!(write(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}

//! Which process holds something, and whether it still lives.
//!
//! Every process that opens the store has a name and a locked file of that name. The system gives the lock back when the
//! process ends, however it ends, so that another can tell at once who is gone.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::ids;

/// This process's name and lock.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) name: String,
    path: PathBuf,
    _lock: File,
}

impl Holder {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let name = ids::new("");
        let path = folder.join(&name);
        let file = File::create(&path)?;
        file.lock()?;
        Ok(Self {
            name,
            path,
            _lock: file,
        })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // One file more in the folder, if it cannot be removed; it is not locked any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the holder `name` of `folder` lives no more. Its file is removed then.
pub(crate) fn is_gone(folder: &Path, name: &str) -> bool {
    let path = folder.join(name);
    let Ok(file) = File::open(&path) else {
        return true;
    };
    match file.try_lock() {
        Ok(()) => {
            let _ = fs::remove_file(&path);
            true
        }
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

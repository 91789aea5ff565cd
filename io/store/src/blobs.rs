//! Bytes too large for a table, as files.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::StoreError;

/// Keeps bytes by kind and id, as `<folder>/<kind>/<id>`. Cheap to clone.
///
/// Files are written aside, brought to the disk and renamed into their place: after a crash there is the old or the new one, never
/// half of one. Kinds and ids are letters, digits, `_`, `-` and single dots.
#[derive(Clone, Debug)]
pub struct Blobs(PathBuf);

impl Blobs {
    /// In `folder`, which is made when something is put into it.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Where the bytes are, or would be.
    pub fn path(&self, kind: &str, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.0.join(plain(kind)?).join(plain(id)?))
    }

    /// Keeps bytes, in the place of earlier ones.
    pub async fn put(&self, kind: &str, id: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = self.path(kind, id)?;
        blocking(path, move |path| write(path, &bytes)).await
    }

    /// The bytes, if they are there.
    pub async fn get(&self, kind: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(kind, id)?;
        blocking(path, |path| match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Forgets bytes. False if there were none.
    pub async fn remove(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        let path = self.path(kind, id)?;
        blocking(path, |path| match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let place = path.clone();
    tokio::task::spawn_blocking(move || work(&path))
        .await
        .map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(StoreError::file(place))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push("..new");
    let mut file = fs::File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

fn plain(name: &str) -> Result<&str, StoreError> {
    let fine = !name.is_empty()
        && !name.starts_with('.')
        && !name.contains("..")
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if fine {
        Ok(name)
    } else {
        Err(StoreError::Id(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_back_until_they_are_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_folder(home.path().join("files"));
        assert_eq!(blobs.get("document", "doc_1").await.unwrap(), None);
        blobs.put("document", "doc_1", vec![1]).await.unwrap();
        blobs.put("document", "doc_1", vec![2, 3]).await.unwrap();
        assert_eq!(
            blobs.get("document", "doc_1").await.unwrap(),
            Some(vec![2, 3])
        );
        assert!(blobs.remove("document", "doc_1").await.unwrap());
        assert!(!blobs.remove("document", "doc_1").await.unwrap());
    }

    #[tokio::test]
    async fn no_name_leads_out_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let blobs = Blobs::in_folder(home.path());
        for id in ["", ".", "..", "../x", "a/b", "a..b", "ä"] {
            assert!(matches!(
                blobs.put("document", id, Vec::new()).await,
                Err(StoreError::Id(_))
            ));
        }
    }
}

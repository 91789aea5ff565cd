//! Documents, folders and their passages in one `SQLite` file.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
    time::{Duration, SystemTime},
};

use sqlx::{
    AssertSqlSafe, Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::passages;

/// Words of a question beyond these are not looked for.
const MOST_WORDS: usize = 24;
/// Folders are not nested deeper.
const DEEPEST: usize = 32;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS document (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, parent TEXT, url TEXT, file TEXT,
    size INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, source BLOB) STRICT;
CREATE INDEX IF NOT EXISTS document_parent ON document (parent);
CREATE TABLE IF NOT EXISTS passage (
    key INTEGER PRIMARY KEY, document TEXT NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    number INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS passage_place ON passage (document, number);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    text, name, content='passage', content_rowid='key', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER IF NOT EXISTS passage_new AFTER INSERT ON passage BEGIN
    INSERT INTO words (rowid, text, name) VALUES (new.key, new.text, new.name); END;
CREATE TRIGGER IF NOT EXISTS passage_gone AFTER DELETE ON passage BEGIN
    INSERT INTO words (words, rowid, text, name) VALUES ('delete', old.key, old.text, old.name); END;
";

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text that was given as such.
    Text,
    /// A file.
    File,
    /// A page of the web, as it was when it was fetched.
    Url,
    /// A folder of documents.
    Folder,
}

impl Kind {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::File => "file",
            Self::Url => "url",
            Self::Folder => "folder",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "file" => Self::File,
            "url" => Self::Url,
            "folder" => Self::Folder,
            _ => Self::Text,
        }
    }
}

/// A document, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// The folder it is in.
    pub parent: Option<String>,
    /// Where it was fetched.
    pub url: Option<String>,
    /// The name of the file.
    pub file: Option<String>,
    /// Bytes of its source.
    pub size: i64,
    /// Seconds since 1970.
    pub created: i64,
    /// Seconds since 1970.
    pub updated: i64,
}

/// A document to be kept.
#[derive(Clone, Debug)]
pub struct New {
    /// Its id; whoever makes documents makes ids.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// The folder it is to be in.
    pub parent: Option<String>,
    /// Where it was fetched.
    pub url: Option<String>,
    /// The name of the file.
    pub file: Option<String>,
    /// As it came: the text, the file, the page.
    pub source: Vec<u8>,
    /// The text that is looked through.
    pub text: String,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Its number within the document, from 0.
    pub number: i64,
    /// Its text.
    pub text: String,
}

/// A passage that fits a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document's id.
    pub document: String,
    /// The document's name.
    pub name: String,
    /// The passage's number within the document.
    pub passage: i64,
    /// Its text.
    pub text: String,
    /// How well it fits: the greater the better. Only comparable within one answer.
    pub score: f64,
}

/// Why the library could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// There is no such document.
    #[error("there is no document {0}")]
    Unknown(String),
    /// It cannot be done as it was asked.
    #[error("{0}")]
    Impossible(String),
    /// The disk or the database failed.
    #[error("the library could not be read or written: {0}")]
    Storage(#[from] sqlx::Error),
}

/// Documents, folders and their passages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Library {
    pool: SqlitePool,
}

impl Library {
    /// The library in the file at `path`, made if it is not there.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, LibraryError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What was deleted is overwritten, not only forgotten.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Keeps a document, and its passages, or nothing of it.
    ///
    /// # Errors
    /// [`LibraryError::Impossible`] where its folder is none.
    pub async fn add(&self, new: New) -> Result<Document, LibraryError> {
        self.check_folder(new.parent.as_deref()).await?;
        let now = now();
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&new.id)
            .bind(new.kind.as_str())
            .bind(&new.name)
            .bind(&new.parent)
            .bind(&new.url)
            .bind(&new.file)
            .bind(i64::try_from(new.source.len()).unwrap_or(i64::MAX))
            .bind(now)
            .bind(now)
            .bind(&new.source)
            .execute(&mut *transaction)
            .await?;
        index(&mut transaction, &new.id, &new.name, &new.text).await?;
        transaction.commit().await?;
        self.get(&new.id).await
    }

    /// Puts another source and text in the place of a document's own.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub async fn replace(
        &self,
        id: &str,
        source: &[u8],
        text: &str,
    ) -> Result<Document, LibraryError> {
        let document = self.get(id).await?;
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM passage WHERE document = ?")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE document SET source = ?, size = ?, updated = ? WHERE id = ?")
            .bind(source)
            .bind(i64::try_from(source.len()).unwrap_or(i64::MAX))
            .bind(now())
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        index(&mut transaction, id, &document.name, text).await?;
        transaction.commit().await?;
        self.get(id).await
    }

    /// Gives a document another name.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub async fn rename(&self, id: &str, name: &str) -> Result<Document, LibraryError> {
        self.get(id).await?;
        let text = self.text(id).await?;
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE document SET name = ?, updated = ? WHERE id = ?")
            .bind(name)
            .bind(now())
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        // The name is looked through as well.
        sqlx::query("DELETE FROM passage WHERE document = ?")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        index(&mut transaction, id, name, &text).await?;
        transaction.commit().await?;
        self.get(id).await
    }

    /// Puts a document into a folder, or at the top.
    ///
    /// # Errors
    /// [`LibraryError::Impossible`] where the folder is none, or lies within what is moved.
    pub async fn shelve(&self, id: &str, parent: Option<&str>) -> Result<Document, LibraryError> {
        self.get(id).await?;
        self.check_folder(parent).await?;
        if let Some(parent) = parent {
            let above = self.path(parent).await?;
            if above.iter().any(|folder| folder.id == id) || parent == id {
                return Err(LibraryError::Impossible(
                    "a folder cannot be put into itself".to_owned(),
                ));
            }
        }
        sqlx::query("UPDATE document SET parent = ?, updated = ? WHERE id = ?")
            .bind(parent)
            .bind(now())
            .bind(id)
            .execute(&self.pool)
            .await?;
        self.get(id).await
    }

    /// A document.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub async fn get(&self, id: &str) -> Result<Document, LibraryError> {
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT {FIELDS} FROM document WHERE id = ?"
        )))
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| read(&row))
            .ok_or_else(|| LibraryError::Unknown(id.to_owned()))
    }

    /// All documents and folders, the newest first.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn all(&self) -> Result<Vec<Document>, LibraryError> {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {FIELDS} FROM document ORDER BY created DESC, rowid DESC"
        )))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(read).collect())
    }

    /// The folders above a document, the topmost first.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub async fn path(&self, id: &str) -> Result<Vec<Document>, LibraryError> {
        let mut path = Vec::new();
        let mut parent = self.get(id).await?.parent;
        while let Some(id) = parent.filter(|_| path.len() < DEEPEST) {
            let folder = self.get(&id).await?;
            parent = folder.parent.clone();
            path.push(folder);
        }
        path.reverse();
        Ok(path)
    }

    /// Deletes documents: rows, sources and their words in the index. A folder goes with all that is in it.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub async fn delete(&self, id: &str) -> Result<(), LibraryError> {
        self.get(id).await?;
        let mut transaction = self.pool.begin().await?;
        for id in self.within(&[id.to_owned()]).await? {
            // Not left to the cascade: the index learns of it by a trigger on this table.
            sqlx::query("DELETE FROM passage WHERE document = ?")
                .bind(&id)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM document WHERE id = ?")
                .bind(&id)
                .execute(&mut *transaction)
                .await?;
        }
        // Without this, deleted words stay in the segments of the index until they are merged by chance.
        sqlx::query("INSERT INTO words (words) VALUES ('optimize')")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The source of a document, as it came.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`].
    pub async fn source(&self, id: &str) -> Result<Vec<u8>, LibraryError> {
        let row = sqlx::query("SELECT source FROM document WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let row = row.ok_or_else(|| LibraryError::Unknown(id.to_owned()))?;
        Ok(row.try_get::<Option<Vec<u8>>, _>(0)?.unwrap_or_default())
    }

    /// The text of a document: its passages, one after the other.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn text(&self, id: &str) -> Result<String, LibraryError> {
        let passages = self.passages(id, 0, i64::MAX).await?;
        let texts: Vec<String> = passages.into_iter().map(|passage| passage.text).collect();
        Ok(texts.join("\n\n"))
    }

    /// Passages of a document from number `from` on.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn passages(
        &self,
        id: &str,
        from: i64,
        most: i64,
    ) -> Result<Vec<Passage>, LibraryError> {
        let rows = sqlx::query(
            "SELECT number, text FROM passage WHERE document = ? AND number >= ? ORDER BY number LIMIT ?",
        );
        let rows = rows
            .bind(id)
            .bind(from)
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Passage {
                    number: row.try_get(0)?,
                    text: row.try_get(1)?,
                })
            })
            .collect()
    }

    /// The ids of these documents, and of all that lies within those that are folders.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn within(&self, ids: &[String]) -> Result<BTreeSet<String>, LibraryError> {
        let rows = sqlx::query(AssertSqlSafe(format!("{INSIDE} SELECT id FROM inside")))
            .bind(serde_json::to_string(ids).unwrap_or_default())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The passages that fit a question best, the best first. `documents`: only in these, folders with all that is in
    /// them; none: everywhere.
    ///
    /// # Errors
    /// [`LibraryError::Storage`].
    pub async fn search(
        &self,
        question: &str,
        documents: Option<&[String]>,
        most: usize,
    ) -> Result<Vec<Hit>, LibraryError> {
        let Some(wanted) = query(question) else {
            return Ok(Vec::new());
        };
        let within = documents.map(|ids| serde_json::to_string(ids).unwrap_or_default());
        // Only the index decides which passages fit best: theirs alone are read.
        let rows = sqlx::query(AssertSqlSafe(format!(
            "{INSIDE}
             SELECT passage.document, document.name, passage.number, passage.text, best.score FROM (
                 SELECT rowid AS key, bm25(words, 1.0, 0.6) AS score FROM words
                 WHERE words MATCH ?2 AND (?1 IS NULL OR rowid IN (
                     SELECT key FROM passage WHERE document IN (SELECT id FROM inside)))
                 ORDER BY 2, 1 LIMIT ?3) AS best
             JOIN passage ON passage.key = best.key JOIN document ON document.id = passage.document
             ORDER BY best.score, best.key"
        )))
        .bind(within)
        .bind(wanted)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Hit {
                    document: row.try_get(0)?,
                    name: row.try_get(1)?,
                    passage: row.try_get(2)?,
                    text: row.try_get(3)?,
                    score: -row.try_get::<f64, _>(4)?,
                })
            })
            .collect()
    }

    async fn check_folder(&self, parent: Option<&str>) -> Result<(), LibraryError> {
        let Some(parent) = parent else {
            return Ok(());
        };
        let folder = self.get(parent).await?;
        if folder.kind != Kind::Folder {
            return Err(LibraryError::Impossible(format!("{parent} is no folder")));
        }
        if self.path(parent).await?.len() + 2 > DEEPEST {
            return Err(LibraryError::Impossible(format!(
                "folders are nested {DEEPEST} deep at the most"
            )));
        }
        Ok(())
    }
}

/// The documents of the JSON list `?1`, and all that lies within those that are folders.
const INSIDE: &str = "WITH RECURSIVE inside (id) AS (
    SELECT value FROM json_each(?1) UNION SELECT document.id FROM document JOIN inside ON document.parent = inside.id)";

const FIELDS: &str = "id, kind, name, parent, url, file, size, created, updated";

fn read(row: &sqlx::sqlite::SqliteRow) -> Document {
    let text = |name: &str| row.try_get::<Option<String>, _>(name).ok().flatten();
    let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or_default();
    Document {
        id: text("id").unwrap_or_default(),
        kind: Kind::parse(&text("kind").unwrap_or_default()),
        name: text("name").unwrap_or_default(),
        parent: text("parent"),
        url: text("url"),
        file: text("file"),
        size: number("size"),
        created: number("created"),
        updated: number("updated"),
    }
}

async fn index(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    id: &str,
    name: &str,
    text: &str,
) -> Result<(), LibraryError> {
    for (number, passage) in passages::cut(text).into_iter().enumerate() {
        sqlx::query("INSERT INTO passage (document, number, name, text) VALUES (?, ?, ?, ?)")
            .bind(id)
            .bind(number as i64)
            .bind(name)
            .bind(passage)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// A question as the index understands it: any of its words that carry meaning. Marks and operators are no more than
/// text. None: there is no such word.
fn query(question: &str) -> Option<String> {
    let mut seen = HashSet::new();
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() > 1 && !EMPTY.contains(&word.as_str()))
        .filter(|word| seen.insert(word.clone()))
        .take(MOST_WORDS)
        .map(|word| format!("\"{word}\""))
        .collect();
    (!words.is_empty()).then(|| words.join(" OR "))
}

/// Words that stand everywhere.
const EMPTY: &[&str] = &[
    "the", "and", "are", "is", "it", "to", "of", "in", "on", "at", "do", "does", "did", "you",
    "your", "me", "my", "we", "our", "us", "he", "she", "they", "them", "this", "that", "these",
    "those", "an", "or", "be", "been", "was", "were", "for", "with", "can", "could", "would",
    "will", "shall", "should", "may", "please", "what", "which", "who", "how", "when", "where",
    "why", "there", "have", "has", "had", "about", "tell", "know", "if", "so", "but", "by", "as",
    "from", "some", "any", "yes", "no", "ok", "okay", "um", "uh", "hello", "hi", "thanks", "thank",
];

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
}

//! Everything that only `SQLite` understands. All other files keep to what Postgres reads as well.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, Transaction,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};

/// The kind of database.
pub(crate) type Db = Sqlite;
/// Its connections.
pub(crate) type Pool = SqlitePool;
/// A row of an answer.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// One connection.
pub(crate) type Connection = sqlx::sqlite::SqliteConnection;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);
/// How many may read at once.
const READERS: u32 = 4;

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was committed survives a power cut, not only a crash.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        // What is erased is overwritten, not only unlinked.
        .pragma("secure_delete", "ON")
}

/// One connection that writes: `SQLite` has one writer anyway, and waiting for it in order beats being refused.
pub(crate) async fn writer(file: &Path) -> sqlx::Result<Pool> {
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options(file))
        .await
}

/// Connections that read, which never wait for the writer.
pub(crate) async fn readers(file: &Path) -> sqlx::Result<Pool> {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options(file).read_only(true))
        .await
}

/// Begins to write. Says so at once: a transaction that only later wants to write may find that it cannot.
pub(crate) async fn begin(pool: &Pool) -> sqlx::Result<Transaction<'static, Db>> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

/// Makes sure that what was erased is not in the log either.
pub(crate) async fn forget_log(pool: &Pool) -> sqlx::Result<()> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(pool)
        .await
        .map(drop)
}

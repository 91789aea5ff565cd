//! The tables, version by version. A version that was released is never changed.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::dialect::Pool;

const VERSIONS: &[(i64, &str, &str)] = &[
    (1, "records", include_str!("../migrations/0001_records.sql")),
    (
        2,
        "unmetered",
        include_str!("../migrations/0002_unmetered.sql"),
    ),
];

/// Brings the tables up to date.
pub(crate) async fn run(pool: &Pool) -> Result<(), MigrateError> {
    let versions = VERSIONS.iter().map(|&(version, name, sql)| {
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(versions.collect())
        .run(pool)
        .await
}

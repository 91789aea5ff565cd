//! Which conversations are looked for.

use sqlx::QueryBuilder;

use crate::{dialect::Db, log::signed};

/// What the conversations of a list have in common. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// The agent's id.
    pub agent: Option<String>,
    /// The caller's own id for the user.
    pub user: Option<String>,
    /// Where the call came from.
    pub source: Option<String>,
    /// `success`, `failure` or `unknown`.
    pub call_successful: Option<String>,
    /// Began before, in microseconds since 1970.
    pub before: Option<i64>,
    /// Began after, in microseconds since 1970.
    pub after: Option<i64>,
    /// Lasted at least, in microseconds.
    pub shortest: Option<i64>,
    /// Lasted at most, in microseconds.
    pub longest: Option<i64>,
    /// The user's rating is at least.
    pub rating_min: Option<i64>,
    /// The user's rating is at most.
    pub rating_max: Option<i64>,
    /// Whether the user wrote a comment.
    pub has_comment: Option<bool>,
    /// Without sound, or with it.
    pub text_only: Option<bool>,
    /// Words that were said, or stand in the summary or title; upper and lower case are the same in ASCII.
    pub search: Option<String>,
    /// Any of these languages.
    pub languages: Vec<String>,
    /// All of these tools were called.
    pub tools: Vec<String>,
    /// All of these tools were called without an error.
    pub tools_done: Vec<String>,
    /// All of these tools failed.
    pub tools_failed: Vec<String>,
    /// Any of these terminations.
    pub terminations: Vec<String>,
    /// None of these statuses.
    pub not_statuses: Vec<String>,
    /// All of these findings of the analysis.
    pub findings: Vec<Finding>,
}

/// Something the analysis found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// A criterion, or a datum that was collected.
    pub kind: FindingKind,
    /// Its id.
    pub name: String,
    /// How it compares.
    pub compare: Compare,
}

/// What kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// Of an evaluation criterion.
    Criterion,
    /// A datum that was collected.
    Datum,
}

impl FindingKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Datum => "datum",
        }
    }
}

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Compare {
    /// Is this.
    Equal(String),
    /// Is there, and something else.
    NotEqual(String),
    /// Is one of these.
    In(Vec<String>),
    /// Is a number greater than this.
    Greater(f64),
    /// Is a number of at least this.
    AtLeast(f64),
    /// Is a number less than this.
    Less(f64),
    /// Is a number of at most this.
    AtMost(f64),
    /// Was found.
    Exists,
    /// Was not found.
    Missing,
}

impl Filter {
    /// Adds ` AND …` for all that is asked.
    pub(crate) fn push(&self, query: &mut QueryBuilder<Db>) {
        for (column, wanted) in [
            ("agent", &self.agent),
            ("user_id", &self.user),
            ("source", &self.source),
            ("call_successful", &self.call_successful),
        ] {
            if let Some(wanted) = wanted {
                query
                    .push(format_args!(" AND {column} = "))
                    .push_bind(wanted.clone());
            }
        }
        for (comparison, number) in [
            ("started <", self.before),
            ("started >", self.after),
            ("duration >=", self.shortest),
            ("duration <=", self.longest),
            ("rating >=", self.rating_min),
            ("rating <=", self.rating_max),
        ] {
            if let Some(number) = number {
                query
                    .push(format_args!(" AND {comparison} "))
                    .push_bind(number);
            }
        }
        match self.has_comment {
            Some(true) => drop(query.push(" AND comment IS NOT NULL")),
            Some(false) => drop(query.push(" AND comment IS NULL")),
            None => {}
        }
        if let Some(text_only) = self.text_only {
            query.push(" AND text_only = ").push_bind(text_only);
        }
        any(query, "language", &self.languages);
        any(query, "termination", &self.terminations);
        for status in &self.not_statuses {
            query.push(" AND status <> ").push_bind(status.clone());
        }
        for (tools, also) in [
            (&self.tools, ""),
            (&self.tools_done, " AND NOT is_error"),
            (&self.tools_failed, " AND is_error"),
        ] {
            for tool in tools {
                query
                    .push(" AND EXISTS (SELECT 1 FROM tool_calls WHERE conversation = conversations.id AND name = ")
                    .push_bind(tool.clone())
                    .push(also)
                    .push(")");
            }
        }
        for finding in &self.findings {
            finding.push(query);
        }
        if let Some(words) = self
            .search
            .as_deref()
            .map(str::trim)
            .filter(|w| !w.is_empty())
        {
            let pattern = like(words);
            query
                .push(" AND (LOWER(COALESCE(summary, '')) LIKE ")
                .push_bind(pattern.clone())
                .push(" ESCAPE '!' OR LOWER(COALESCE(title, '')) LIKE ")
                .push_bind(pattern.clone())
                .push(" ESCAPE '!' OR EXISTS (SELECT 1 FROM turns WHERE conversation = conversations.id AND LOWER(text) LIKE ")
                .push_bind(pattern)
                .push(" ESCAPE '!'))");
        }
    }
}

impl Finding {
    fn push(&self, query: &mut QueryBuilder<Db>) {
        if self.compare == Compare::Missing {
            query.push(" AND NOT EXISTS (");
        } else {
            query.push(" AND EXISTS (");
        }
        query
            .push("SELECT 1 FROM findings WHERE conversation = conversations.id AND kind = ")
            .push_bind(self.kind.as_str())
            .push(" AND name = ")
            .push_bind(self.name.clone())
            .push(" AND value IS NOT NULL");
        match &self.compare {
            Compare::Equal(value) => drop(query.push(" AND value = ").push_bind(value.clone())),
            Compare::NotEqual(value) => drop(query.push(" AND value <> ").push_bind(value.clone())),
            Compare::In(values) => any(query, "value", values),
            Compare::Greater(number) => drop(query.push(" AND number > ").push_bind(*number)),
            Compare::AtLeast(number) => drop(query.push(" AND number >= ").push_bind(*number)),
            Compare::Less(number) => drop(query.push(" AND number < ").push_bind(*number)),
            Compare::AtMost(number) => drop(query.push(" AND number <= ").push_bind(*number)),
            Compare::Exists | Compare::Missing => {}
        }
        query.push(")");
    }
}

fn any(query: &mut QueryBuilder<Db>, column: &str, values: &[String]) {
    if values.is_empty() {
        return;
    }
    query.push(format_args!(" AND {column} IN ("));
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value.clone());
    }
    query.push(")");
}

/// A pattern that finds these words anywhere.
pub(crate) fn like(words: &str) -> String {
    let mut pattern = String::from("%");
    for letter in words.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Where a page begins: after this conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// When it began, in microseconds since 1970.
    pub started: i64,
    /// Its id.
    pub id: String,
}

impl After {
    pub(crate) fn push(&self, query: &mut QueryBuilder<Db>) {
        query
            .push(" AND (started < ")
            .push_bind(self.started)
            .push(" OR (started = ")
            .push_bind(self.started)
            .push(" AND id < ")
            .push_bind(self.id.clone())
            .push("))");
    }
}

pub(crate) fn limit(query: &mut QueryBuilder<Db>, most: u64) {
    query.push(" LIMIT ").push_bind(signed(most));
}

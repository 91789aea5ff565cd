//! Lists in pieces, as ElevenLabs gives them.

use serde::Deserialize;

use crate::Problem;

/// `page_size` (1 to 100, default 30), `cursor`, `search`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PageQuery {
    pub(crate) page_size: Option<String>,
    pub(crate) cursor: Option<String>,
    pub(crate) search: Option<String>,
    pub(crate) sort_by: Option<String>,
    pub(crate) sort_direction: Option<String>,
    pub(crate) archived: Option<String>,
    pub(crate) types: Option<String>,
}

/// A piece of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl PageQuery {
    /// Whether something with this name is looked for.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let wanted = self
            .search
            .as_deref()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        name.to_lowercase().contains(&wanted)
    }

    /// The piece of `items` that was asked for. The cursor is the id of the last item given, so that things that come
    /// and go in between do not shift the rest.
    pub(crate) fn cut<T>(
        &self,
        items: Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<Page<T>, Problem> {
        let size = match self.page_size.as_deref().map(str::trim) {
            None | Some("") => 30,
            Some(text) => match text.parse::<usize>() {
                Ok(size @ 1..=100) => size,
                _ => {
                    return Err(
                        Problem::invalid("page_size is a number from 1 to 100.").at("page_size")
                    );
                }
            },
        };
        let start = match self.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            None => 0,
            Some(cursor) => match items.iter().position(|item| id(item) == cursor) {
                Some(at) => at + 1,
                None => return Err(Problem::invalid("This cursor points nowhere.").at("cursor")),
            },
        };
        let more = items.len() > start + size;
        let items: Vec<T> = items.into_iter().skip(start).take(size).collect();
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|item| id(item).to_owned());
        Ok(Page { items, next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(size: &str, cursor: Option<&str>) -> PageQuery {
        PageQuery {
            page_size: Some(size.to_owned()),
            cursor: cursor.map(str::to_owned),
            ..PageQuery::default()
        }
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let items = vec!["a", "b", "c"];
        let first = query("2", None).cut(items.clone(), |s| s).unwrap();
        assert_eq!(
            (first.items, first.next_cursor.as_deref()),
            (vec!["a", "b"], Some("b"))
        );
        let last = query("2", Some("b")).cut(items, |s| s).unwrap();
        assert_eq!((last.items, last.next_cursor), (vec!["c"], None));
    }

    #[test]
    fn sizes_and_cursors_that_make_no_sense_are_refused() {
        for size in ["0", "101", "-1", "many"] {
            assert!(query(size, None).cut(vec!["a"], |s| s).is_err(), "{size}");
        }
        assert!(query("2", Some("x")).cut(vec!["a"], |s| s).is_err());
    }
}

//! Fields of a table, and what is wrong with them.

use super::{DeValue, Item, Parsed, Table, Value};

pub(super) fn known(table: &Table<'_>, keys: &[&str], what: &str) -> Parsed<()> {
    for (key, _) in table {
        if !keys.contains(&key.get_ref().as_ref()) {
            return Err((
                key.span().start,
                format!("{what} has no field `{}`", key.get_ref()),
                format!("use one of: {}", keys.join(", ")),
            ));
        }
    }
    Ok(())
}

pub(super) fn required<'a, 'b>(
    table: &'a Table<'b>,
    key: &str,
    item: &Item<'_>,
    what: &str,
) -> Parsed<&'a Item<'b>> {
    table.get(key).ok_or_else(|| {
        (
            item.span().start,
            format!("{what} without `{key}`"),
            format!("add `{key}`"),
        )
    })
}

pub(super) fn as_table<'a, 'b>(item: &'a Item<'b>, what: &str) -> Parsed<&'a Table<'b>> {
    item.get_ref().as_table().ok_or_else(|| {
        (
            item.span().start,
            format!("{what} is not a table"),
            "write it as a TOML table".to_owned(),
        )
    })
}

pub(super) fn as_str<'a>(item: &'a Item<'_>, what: &str) -> Parsed<&'a str> {
    item.get_ref().as_str().ok_or_else(|| {
        (
            item.span().start,
            format!("{what} is not a text"),
            "put it in quotes".to_owned(),
        )
    })
}

pub(super) fn table_of<'a, 'b>(table: &'a Table<'b>, key: &str) -> Parsed<Option<&'a Table<'b>>> {
    table.get(key).map(|item| as_table(item, key)).transpose()
}

pub(super) fn items_of<'a, 'b>(table: &'a Table<'b>, key: &str) -> Parsed<&'a [Item<'b>]> {
    match table.get(key) {
        None => Ok(&[]),
        Some(item) => match item.get_ref() {
            DeValue::Array(list) => Ok(list),
            _ => Err((
                item.span().start,
                format!("`{key}` is not a list"),
                format!("write it with double brackets: [[… .{key}]]"),
            )),
        },
    }
}

pub(super) fn strings(item: &Item<'_>, what: &str) -> Parsed<Vec<String>> {
    match item.get_ref() {
        DeValue::Array(list) => list
            .iter()
            .map(|s| as_str(s, what).map(str::to_owned))
            .collect(),
        _ => Ok(vec![as_str(item, what)?.to_owned()]),
    }
}

pub(super) fn json(item: &Item<'_>) -> Value {
    match item.get_ref() {
        DeValue::String(s) => Value::from(s.as_ref()),
        DeValue::Integer(n) => n.as_str().parse::<i64>().map_or(Value::Null, Value::from),
        DeValue::Float(n) => n.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(b) => Value::from(*b),
        DeValue::Datetime(d) => Value::from(d.to_string()),
        DeValue::Array(list) => list.iter().map(json).collect(),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(k, v)| (k.get_ref().to_string(), json(v)))
                .collect(),
        ),
    }
}

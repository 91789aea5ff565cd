//! Conversations are kept as they come, found again, and forgotten.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use serde_json::json;
use store::{
    After, Began, Compare, Ended, Entry, FileEntry, Filter, Finding, FindingKind, Findings, NewJob,
    Note, Role, Store, ToolCall, Turn, Usage,
};

fn began(agent: &str, started: i64) -> Entry {
    Entry::Began(Box::new(Began {
        agent: agent.to_owned(),
        agent_name: agent.to_uppercase(),
        user: Some("u".to_owned()),
        source: Some("python_sdk".to_owned()),
        language: "en".to_owned(),
        started,
        wall: "2026-01-01T00:00:00Z[UTC]".to_owned(),
        initiation: json!({"user_id": "u"}),
        agent_document: json!({"name": agent}),
        ..Began::default()
    }))
}

fn turn(number: u64, role: Role, text: &str) -> Entry {
    Entry::Turn(Turn {
        number,
        at: i64::try_from(number).unwrap() * 1_000_000,
        role,
        text: text.to_owned(),
        heard: text.to_owned(),
        event: (role == Role::Agent).then_some(number),
        ..Turn::default()
    })
}

fn ended(jobs: Vec<NewJob>) -> Entry {
    Entry::Ended(Ended {
        duration: Some(9_000_000),
        termination: "the user ended the conversation".to_owned(),
        close_code: Some(1000),
        status: "processing".to_owned(),
        jobs,
    })
}

fn job(id: &str, conversation: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "after".to_owned(),
        conversation: Some(conversation.to_owned()),
        payload: json!({}),
        due: 0,
    }
}

/// Some conversations, written through the log.
async fn several(store: &Store) {
    let log = store.log();
    for (id, agent, started) in [
        ("conv_a", "desk", 1_000),
        ("conv_b", "shop", 2_000),
        ("conv_c", "desk", 2_000),
    ] {
        log.write(id, began(agent, started)).unwrap();
        log.write(id, turn(1, Role::User, "What about 100% cotton?"))
            .unwrap();
        log.write(id, turn(3, Role::Agent, "We have it.")).unwrap();
    }
    let tool = |number, name: &str, is_error| {
        Entry::Tool(ToolCall {
            number,
            name: name.to_owned(),
            arguments: json!({"a": 1}),
            is_error,
            ..ToolCall::default()
        })
    };
    log.write("conv_a", tool(2, "search", false)).unwrap();
    log.write("conv_b", tool(2, "search", true)).unwrap();
    log.write("conv_a", ended(vec![job("job_a", "conv_a")]))
        .unwrap();
    log.flush().await.unwrap();
}

async fn ids(store: &Store, filter: Filter) -> Vec<String> {
    let found = store.conversations().list(&filter, None, 10).await.unwrap();
    found.into_iter().map(|summary| summary.id).collect()
}

#[tokio::test]
async fn a_conversation_comes_back_whole() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let log = store.log();
    log.write("conv_a", began("desk", 1_000)).unwrap();
    log.write("conv_a", turn(1, Role::Agent, "Hello.")).unwrap();
    log.write("conv_a", turn(2, Role::User, "Hi.")).unwrap();
    // The same once more changes nothing.
    log.write("conv_a", turn(2, Role::User, "Hi.")).unwrap();
    let usage = Usage {
        number: 3,
        llm: "tiny".to_owned(),
        input_tokens: 5,
        ..Usage::default()
    };
    log.write("conv_a", Entry::Usage(usage.clone())).unwrap();
    let uncounted = Usage {
        number: 4,
        llm: "tiny".to_owned(),
        unmetered: 1,
        ..Usage::default()
    };
    log.write("conv_a", Entry::Usage(uncounted.clone()))
        .unwrap();
    let note = Note {
        number: 5,
        at: 7,
        text: "slow".to_owned(),
    };
    log.write("conv_a", Entry::Note(note.clone())).unwrap();
    log.write(
        "conv_a",
        Entry::Score {
            event: 1,
            score: Some("like".to_owned()),
        },
    )
    .unwrap();
    log.write("conv_a", ended(vec![job("job_a", "conv_a")]))
        .unwrap();
    store.close().await;
    drop(store);

    let store = Store::open(home.path()).await.unwrap();
    let whole = store.conversations().get("conv_a").await.unwrap().unwrap();
    assert_eq!(whole.summary.status, "processing");
    assert_eq!(whole.summary.messages, 2);
    assert_eq!(whole.summary.duration, 9_000_000);
    assert_eq!(whole.summary.close_code, Some(1000));
    assert_eq!(whole.initiation, json!({"user_id": "u"}));
    assert_eq!(whole.turns.len(), 2);
    assert_eq!(whole.turns[0].score.as_deref(), Some("like"));
    assert_eq!(whole.turns[1].role, Role::User);
    assert_eq!(whole.usage, [usage, uncounted]);
    let sum = Usage {
        llm: "tiny".to_owned(),
        input_tokens: 5,
        unmetered: 1,
        ..Usage::default()
    };
    assert_eq!(whole.summary.usage, [sum]);
    let conversations = store.conversations();
    let list = conversations.list(&Filter::default(), None, 1).await;
    assert_eq!(list.unwrap()[0], whole.summary);
    assert_eq!(whole.notes, [note]);
    assert_eq!(store.jobs().open().await.unwrap(), 1);
    assert!(store.conversations().get("conv_x").await.unwrap().is_none());
}

#[tokio::test]
async fn a_list_is_the_newest_first_in_pages_that_do_not_overlap() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    several(&store).await;
    let all = ids(&store, Filter::default()).await;
    assert_eq!(all, ["conv_c", "conv_b", "conv_a"]);
    let mut after = None;
    let mut paged = Vec::new();
    for _ in 0..3 {
        let page = store
            .conversations()
            .list(&Filter::default(), after.as_ref(), 1)
            .await
            .unwrap();
        after = page.last().map(|last| After {
            started: last.started,
            id: last.id.clone(),
        });
        paged.extend(page.into_iter().map(|summary| summary.id));
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn conversations_are_found_by_what_they_have_in_common() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    several(&store).await;
    let text = |text: &str| Some(text.to_owned());
    let list = |text: &str| vec![text.to_owned()];
    let agent = Filter {
        agent: text("desk"),
        ..Filter::default()
    };
    assert_eq!(ids(&store, agent).await, ["conv_c", "conv_a"]);
    let search = |words| Filter {
        search: text(words),
        ..Filter::default()
    };
    assert_eq!(ids(&store, search("100% COTTON")).await.len(), 3);
    assert!(ids(&store, search("100_ cotton")).await.is_empty());
    let tools = Filter {
        tools: list("search"),
        ..Filter::default()
    };
    assert_eq!(ids(&store, tools).await, ["conv_b", "conv_a"]);
    let done = Filter {
        tools_done: list("search"),
        ..Filter::default()
    };
    assert_eq!(ids(&store, done).await, ["conv_a"]);
    let failed = Filter {
        tools_failed: list("search"),
        ..Filter::default()
    };
    assert_eq!(ids(&store, failed).await, ["conv_b"]);
    let open = Filter {
        not_statuses: list("processing"),
        before: Some(2_001),
        after: Some(1_999),
        ..Filter::default()
    };
    assert_eq!(ids(&store, open).await, ["conv_c", "conv_b"]);
    let long = Filter {
        shortest: Some(9_000_000),
        longest: Some(9_000_000),
        ..Filter::default()
    };
    assert_eq!(ids(&store, long).await, ["conv_a"]);

    let conversations = store.conversations();
    assert!(
        conversations
            .rate("conv_b", Some("like"), Some(4), Some("fine"))
            .await
            .unwrap()
    );
    assert!(
        !conversations
            .rate("conv_x", None, None, None)
            .await
            .unwrap()
    );
    let rated = Filter {
        rating_min: Some(4),
        rating_max: Some(5),
        has_comment: Some(true),
        ..Filter::default()
    };
    assert_eq!(ids(&store, rated).await, ["conv_b"]);
}

#[expect(clippy::too_many_lines, reason = "one row for each way to look")]
#[tokio::test]
async fn findings_are_kept_with_the_end_of_their_job_and_can_be_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    several(&store).await;
    let findings = Findings {
        analysis: json!({"call_successful": "success"}),
        call_successful: "success".to_owned(),
        summary: Some("Cotton was asked for.".to_owned()),
        title: None,
        values: vec![
            (
                FindingKind::Criterion,
                "polite".to_owned(),
                Some(json!("success")),
            ),
            (FindingKind::Datum, "count".to_owned(), Some(json!(3))),
            (FindingKind::Datum, "name".to_owned(), None),
        ],
    };
    store
        .conversations()
        .found(
            "conv_a",
            &findings,
            "done",
            Some("job_a"),
            &[job("next", "conv_a")],
        )
        .await
        .unwrap();
    let whole = store.conversations().get("conv_a").await.unwrap().unwrap();
    assert_eq!(whole.summary.status, "done");
    assert_eq!(whole.analysis, Some(findings.analysis));
    let states: Vec<_> = store.jobs().list(Some("conv_a"), 10).await.unwrap();
    let state = |id: &str| {
        states
            .iter()
            .find(|s| s.job.id == id)
            .unwrap()
            .state
            .clone()
    };
    assert_eq!(
        (state("job_a"), state("next")),
        ("done".to_owned(), "waiting".to_owned())
    );

    let look = |kind, name: &str, compare| Filter {
        findings: vec![Finding {
            kind,
            name: name.to_owned(),
            compare,
        }],
        ..Filter::default()
    };
    for (filter, found) in [
        (
            look(
                FindingKind::Criterion,
                "polite",
                Compare::Equal("success".to_owned()),
            ),
            true,
        ),
        (
            look(
                FindingKind::Criterion,
                "polite",
                Compare::NotEqual("success".to_owned()),
            ),
            false,
        ),
        (
            look(FindingKind::Datum, "count", Compare::Greater(2.0)),
            true,
        ),
        (
            look(FindingKind::Datum, "count", Compare::AtLeast(3.0)),
            true,
        ),
        (look(FindingKind::Datum, "count", Compare::Less(3.0)), false),
        (
            look(FindingKind::Datum, "count", Compare::AtMost(3.0)),
            true,
        ),
        (
            look(
                FindingKind::Datum,
                "count",
                Compare::In(vec!["3".to_owned()]),
            ),
            true,
        ),
        (look(FindingKind::Datum, "name", Compare::Exists), false),
        (look(FindingKind::Datum, "name", Compare::Missing), true),
    ] {
        let described = format!("{filter:?}");
        assert_eq!(
            ids(&store, filter).await.contains(&"conv_a".to_owned()),
            found,
            "{described}"
        );
    }
}

#[tokio::test]
async fn what_is_erased_is_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    several(&store).await;
    let conversations = store.conversations();
    std::fs::write(conversations.recording("conv_a").unwrap(), "velvet").unwrap();
    std::fs::write(conversations.journal("conv_a").unwrap(), "linen").unwrap();
    let file = FileEntry {
        id: "file_1".to_owned(),
        conversation: "conv_a".to_owned(),
        name: "cotton.txt".to_owned(),
        mime: "text/plain".to_owned(),
        bytes: 1,
    };
    conversations.add_file(&file, vec![1]).await.unwrap();
    assert_eq!(conversations.files("conv_a").await.unwrap(), [file]);
    for other in ["conv_b", "conv_c"] {
        assert!(conversations.erase(other).await.unwrap());
    }
    assert!(conversations.erase("conv_a").await.unwrap());
    assert!(!conversations.erase("conv_a").await.unwrap());
    assert_eq!(store.jobs().open().await.unwrap(), 0);
    store.close().await;
    let mut left = vec![home.path().to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for words in [&b"cotton"[..], b"velvet", b"linen"] {
            let found = bytes.windows(words.len()).any(|window| window == words);
            assert!(!found, "{} still holds something", path.display());
        }
    }
}

#[tokio::test]
async fn a_conversation_whose_process_is_gone_is_found_and_ended_once() {
    let home = tempfile::tempdir().unwrap();
    let gone = Store::open(home.path()).await.unwrap();
    several(&gone).await;
    let store = Store::open(home.path()).await.unwrap();
    assert!(store.conversations().abandoned().await.unwrap().is_empty());
    drop(gone);
    // The log's task holds on to nothing of the process's name.
    let found = store.conversations().abandoned().await.unwrap();
    assert_eq!(found, ["conv_b", "conv_c"]);
    let Entry::Ended(ended) = ended(vec![job("job_b", "conv_b")]) else {
        unreachable!()
    };
    assert!(store.conversations().end("conv_b", &ended).await.unwrap());
    assert!(!store.conversations().end("conv_b", &ended).await.unwrap());
    assert_eq!(store.conversations().abandoned().await.unwrap(), ["conv_c"]);
}

#[tokio::test]
async fn what_is_past_its_time_is_swept_away() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();
    several(&store).await;
    let conversations = store.conversations();
    conversations.keep_for("desk", Some(1)).await.unwrap();
    assert_eq!(
        conversations.sweep().await.unwrap(),
        1,
        "conv_c is under way"
    );
    assert_eq!(ids(&store, Filter::default()).await, ["conv_c", "conv_b"]);
}

//! Documents in and out, and files that mean harm, on a real disk.
#![allow(clippy::unwrap_used)]

use std::{io::Write as _, path::Path, sync::Arc};

use knowledge::{
    Informed, Kind, Library, LibraryError, New, Search,
    extract::{ExtractError, FileKind, MOST_UNPACKED, text_of},
};
use providers::{
    llm::{Event, Generation, Llm, Message, Request},
    tool::{Invocation, Tool},
};
use serde_json::json;
use tokio::sync::mpsc;
use zip::{ZipWriter, write::SimpleFileOptions};

fn new(id: &str, kind: Kind, parent: Option<&str>, text: &str) -> New {
    New {
        id: id.to_owned(),
        kind,
        name: format!("The {id}"),
        parent: parent.map(str::to_owned),
        url: None,
        file: None,
        source: text.as_bytes().to_vec(),
        text: text.to_owned(),
    }
}

async fn library(home: &Path) -> Library {
    let library = Library::open(home.join("library.db")).await.unwrap();
    for (id, kind, parent, text) in [
        ("shop", Kind::Folder, None, ""),
        (
            "hours",
            Kind::Text,
            Some("shop"),
            "We are open from nine to six.\n\nOn Sundays the shop is closed.",
        ),
        (
            "prices",
            Kind::Text,
            Some("shop"),
            "A repair of a bicycle costs forty euros.",
        ),
        (
            "menu",
            Kind::Text,
            None,
            "The soup of the day is lentil. Repairing an appetite costs six euros.",
        ),
    ] {
        library.add(new(id, kind, parent, text)).await.unwrap();
    }
    library
}

#[tokio::test]
async fn what_was_asked_is_found_by_its_words_and_within_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let library = library(home.path()).await;
    let found = async |question: &str, within: Option<&[String]>| {
        let hits = library.search(question, within, 3).await.unwrap();
        hits.into_iter().map(|hit| hit.document).collect::<Vec<_>>()
    };
    assert_eq!(
        found("Is the shop open on a Sunday?", None).await[0],
        "hours"
    );
    assert_eq!(
        found("how much do repairs cost?", Some(&["shop".to_owned()])).await,
        ["prices"]
    );
    assert_eq!(found("how much do repairs cost?", None).await.len(), 2);
    assert!(
        found("a \"quote* OR (NEAR -x:", Some(&["shop".to_owned()]))
            .await
            .is_empty()
    );
    assert!(found("who are you", None).await.is_empty());
}

#[tokio::test]
async fn a_deleted_document_is_nowhere_any_more() {
    let home = tempfile::tempdir().unwrap();
    let library = library(home.path()).await;
    library
        .add(new(
            "secret",
            Kind::Text,
            Some("shop"),
            "The safe opens with zyxwvut98.",
        ))
        .await
        .unwrap();
    assert_eq!(library.search("zyxwvut98", None, 3).await.unwrap().len(), 1);
    library.delete("shop").await.unwrap();
    assert!(matches!(
        library.get("hours").await,
        Err(LibraryError::Unknown(_))
    ));
    assert!(
        library
            .search("zyxwvut98 sundays", None, 3)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(library.all().await.unwrap().len(), 1);
    // Neither in the file nor in its journal.
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"zyxwvut98"));
    }
}

#[tokio::test]
async fn documents_survive_are_renamed_moved_and_replaced() {
    let home = tempfile::tempdir().unwrap();
    drop(library(home.path()).await);
    let library = Library::open(home.path().join("library.db")).await.unwrap();
    library.rename("menu", "Lunch").await.unwrap();
    assert_eq!(
        library.search("lunch", None, 3).await.unwrap()[0].name,
        "Lunch"
    );
    library
        .replace("menu", b"new", "Today there is pumpkin.")
        .await
        .unwrap();
    assert!(library.search("lentil", None, 3).await.unwrap().is_empty());
    assert_eq!(library.source("menu").await.unwrap(), b"new");
    library.shelve("menu", Some("shop")).await.unwrap();
    assert_eq!(library.path("menu").await.unwrap()[0].id, "shop");
    assert!(matches!(
        library.shelve("shop", Some("shop")).await,
        Err(LibraryError::Impossible(_))
    ));
    assert!(matches!(
        library.shelve("menu", Some("hours")).await,
        Err(LibraryError::Impossible(_))
    ));
}

struct Echo(mpsc::UnboundedSender<Request>);

impl Llm for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn generate(&self, request: Request) -> Generation {
        let (sender, receiver) = mpsc::channel(2);
        let _ = self.0.send(request);
        let _ = sender.try_send(Ok(Event::Done));
        receiver
    }
}

#[tokio::test]
async fn any_llm_reads_what_fits_before_it_answers() {
    let home = tempfile::tempdir().unwrap();
    let library = library(home.path()).await;
    let (sender, mut requests) = mpsc::unbounded_channel();
    let llm = Informed::new(
        Arc::new(Echo(sender)),
        library,
        vec!["menu".to_owned()],
        vec!["shop".to_owned()],
        None,
    );
    let said = |text: &str| Message::User(text.to_owned());
    let request = Request {
        prompt: "Be kind.".to_owned(),
        messages: vec![said("When are you open on Sundays?")],
        ..Request::default()
    };
    assert!(matches!(
        llm.generate(request).recv().await,
        Some(Ok(Event::Done))
    ));
    let read = requests.recv().await.unwrap();
    assert!(read.prompt.starts_with("Be kind.") && read.prompt.contains("lentil"));
    assert!(
        matches!(&read.messages[0], Message::Context(text) if text.contains("On Sundays the shop is closed.")),
        "{:?}",
        read.messages
    );
    assert_eq!(read.messages.len(), 2);
}

#[tokio::test]
async fn the_search_tool_says_where_each_passage_stands() {
    let home = tempfile::tempdir().unwrap();
    let tool = Search::new(library(home.path()).await, vec!["shop".to_owned()]);
    let ask = |arguments| {
        tool.call(Invocation {
            arguments,
            ..Invocation::default()
        })
    };
    let result = ask(json!({"query": "bicycle repair"})).await.unwrap();
    assert_eq!(
        result,
        json!({"passages": [{"document_id": "prices", "document": "The prices", "chunk_id": "prices:0",
            "text": "A repair of a bicycle costs forty euros."}]})
    );
    assert!(ask(json!({})).await.is_err());
    assert!(ask(json!({"query": "lentil"})).await.unwrap().is_string());
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn pdf(text: &str) -> Vec<u8> {
    let content = format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET");
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, body) in [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n{body}\nendobj\n", number + 1).into_bytes());
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).into_bytes());
    for place in &places {
        file.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    file.extend(
        format!(
            "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
            places.len() + 1
        )
        .into_bytes(),
    );
    file
}

#[tokio::test]
async fn files_of_every_kind_give_their_text() {
    let docx = archive(&[(
        "word/document.xml",
        b"<w:p><w:r><w:t>Ten euros.</w:t></w:r></w:p>",
    )]);
    let epub = archive(&[
        ("META-INF/container.xml", b"<rootfiles><rootfile full-path=\"OPS/book.opf\"/></rootfiles>"),
        ("OPS/book.opf", b"<package><manifest><item id=\"b\" href=\"two%20.html\"/><item href='one.html' id='a'/></manifest><spine><itemref idref=\"a\"/><itemref idref=\"b\"/></spine></package>"),
        ("OPS/one.html", b"<p>First.</p>"),
        ("OPS/two .html", b"<p>Second.</p>"),
    ]);
    for (kind, bytes, text) in [
        (
            FileKind::Text,
            b"\xef\xbb\xbfHello\r\nthere".to_vec(),
            "Hello\nthere",
        ),
        (FileKind::Text, b"\xff\xfeH\0i\0".to_vec(), "Hi"),
        (FileKind::Text, b"caf\xe9".to_vec(), "café"),
        (
            FileKind::Markdown,
            b"# Hours\n\nNine.".to_vec(),
            "# Hours\n\nNine.",
        ),
        (
            FileKind::Html,
            b"<h1>Hours</h1><p>Nine.".to_vec(),
            "# Hours\n\nNine.",
        ),
        (FileKind::Docx, docx, "Ten euros."),
        (FileKind::Epub, epub, "First.\n\nSecond."),
        (
            FileKind::Pdf,
            pdf("The key is under the mat."),
            "The key is under the mat.",
        ),
    ] {
        assert_eq!(text_of(kind, bytes).await.as_deref(), Ok(text), "{kind:?}");
    }
}

#[tokio::test]
async fn files_that_mean_harm_are_refused_with_a_word_on_why() {
    let zeros = vec![b' '; MOST_UNPACKED + 1];
    let bomb = archive(&[("word/document.xml", &zeros)]);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let error = text_of(FileKind::Docx, bomb).await.unwrap_err();
    assert!(matches!(&error, ExtractError::TooMuch(_)), "{error}");
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&zeros).unwrap();
    let mut swollen = b"%PDF-1.4\n1 0 obj << /Filter /FlateDecode >>\nstream\n".to_vec();
    swollen.extend(packed.finish().unwrap());
    swollen.extend(b"\nendstream endobj");
    let error = text_of(FileKind::Pdf, swollen).await.unwrap_err();
    assert!(matches!(&error, ExtractError::TooMuch(_)), "{error}");
    let good = pdf("Hello");
    for (kind, bytes) in [
        (FileKind::Pdf, good[..good.len() / 2].to_vec()),
        (FileKind::Pdf, b"%PDF-1.7".to_vec()),
        (FileKind::Pdf, b"not at all".to_vec()),
        (FileKind::Docx, b"PK\x03\x04broken".to_vec()),
        (FileKind::Docx, archive(&[("other.xml", b"x")])),
        (
            FileKind::Epub,
            archive(&[("META-INF/container.xml", b"<x/>")]),
        ),
        (FileKind::Text, b"a\0b".to_vec()),
        (FileKind::Html, b"<script>x".to_vec()),
    ] {
        let error = text_of(kind, bytes).await.unwrap_err();
        assert!(
            matches!(error, ExtractError::Broken(_) | ExtractError::Empty(_)),
            "{kind:?}: {error}"
        );
    }
    let nested = [
        b"%PDF-1.4\n1 0 obj ".as_slice(),
        &b"[".repeat(200_000),
        b" endobj\ntrailer << /Root 1 0 R >>",
    ]
    .concat();
    assert!(text_of(FileKind::Pdf, nested).await.is_err());
    let huge = vec![b'a'; (32 << 20) + 1];
    assert!(matches!(
        text_of(FileKind::Text, huge).await,
        Err(ExtractError::TooMuch(_))
    ));
    assert!(FileKind::of("tune.mp3", Some("audio/mpeg"), b"ID3").is_err());
}

//! Text out of files.
//!
//! | limit | value |
//! |---|---|
//! | a file | [`LARGEST_FILE`] |
//! | what an archive or a PDF may unpack to | [`MOST_UNPACKED`] |
//! | text that is kept of a document | [`MOST_TEXT`] |
//! | files within an archive | 5,000 |
//! | time | [`LONGEST`] |
//!
//! A file beyond a limit is refused with a word on which.

use std::{
    io::{Cursor, Read as _},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::{sync::Semaphore, time::timeout};
use zip::ZipArchive;

use crate::markup::{self, Format};

/// No file is larger.
pub const LARGEST_FILE: usize = 32 << 20;
/// No archive unpacks to more.
pub const MOST_UNPACKED: usize = 128 << 20;
/// No more text is kept of one document.
pub const MOST_TEXT: usize = 8 << 20;
/// Reading a file takes no longer.
pub const LONGEST: Duration = Duration::from_secs(30);

const MOST_FILES: usize = 5_000;
/// Files that are read at a time. One that hangs keeps its place: when all do, further ones are refused.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(4)));

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Plain text.
    Text,
    /// Markdown; read as plain text.
    Markdown,
    /// A page.
    Html,
    /// A PDF document.
    Pdf,
    /// A Word document.
    Docx,
    /// A book.
    Epub,
}

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// It is of a kind that cannot be read.
    #[error("{0:?} cannot be read: text, Markdown, HTML, PDF, DOCX and EPUB can")]
    Unknown(String),
    /// It is damaged, or not what its name says.
    #[error("the file is damaged or not what its name says: {0}")]
    Broken(String),
    /// It is beyond a limit.
    #[error("{0}")]
    TooMuch(String),
    /// There is nothing to read in it.
    #[error("there is no text in it{0}")]
    Empty(&'static str),
    /// It took too long, or too many are being read.
    #[error("{0}")]
    Late(String),
}

impl FileKind {
    /// The kind of a file, by its name, else by its media type, else by its first bytes.
    ///
    /// # Errors
    /// [`ExtractError::Unknown`].
    #[expect(clippy::match_same_arms, reason = "a name counts before a media type")]
    pub fn of(name: &str, media: Option<&str>, bytes: &[u8]) -> Result<Self, ExtractError> {
        let ending = name
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase());
        let media = media.map(|media| media.split(';').next().unwrap_or_default().trim());
        Ok(match (ending.as_deref(), media) {
            (Some("pdf"), _) | (_, Some("application/pdf")) => Self::Pdf,
            (Some("docx"), _) => Self::Docx,
            (Some("epub"), _) => Self::Epub,
            (Some("html" | "htm" | "xhtml"), _) => Self::Html,
            (Some("md" | "markdown"), _) => Self::Markdown,
            (Some("txt" | "text"), _) => Self::Text,
            (
                _,
                Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            ) => Self::Docx,
            (_, Some("application/epub+zip")) => Self::Epub,
            (_, Some("text/html" | "application/xhtml+xml")) => Self::Html,
            (_, Some("text/markdown")) => Self::Markdown,
            (_, Some("text/plain")) => Self::Text,
            _ if bytes.starts_with(b"%PDF-") => Self::Pdf,
            _ => return Err(ExtractError::Unknown(name.to_owned())),
        })
    }
}

/// The text of a file. Runs on a thread of its own, with limits of size, memory and time.
///
/// # Errors
/// As [`ExtractError`] says.
pub async fn text_of(kind: FileKind, bytes: Vec<u8>) -> Result<String, ExtractError> {
    if bytes.len() > LARGEST_FILE {
        return Err(ExtractError::TooMuch(format!(
            "the file is larger than {} MB",
            LARGEST_FILE >> 20
        )));
    }
    let late = || ExtractError::Late("too many files are being read; try again later".to_owned());
    let place = timeout(LONGEST, Arc::clone(&PLACES).acquire_owned());
    let place = place.await.map_err(|_| late())?.map_err(|_| late())?;
    let (done, text) = tokio::sync::oneshot::channel();
    // Broken files lead readers into deep recursion: a thread of one's own has room for it.
    let thread = std::thread::Builder::new()
        .name("reads a document".to_owned())
        .stack_size(32 << 20)
        .spawn(move || {
            let read = catch_unwind(AssertUnwindSafe(|| read(kind, &bytes)));
            let _ = done.send(
                read.unwrap_or_else(|_| Err(ExtractError::Broken("reading it failed".to_owned()))),
            );
            drop(place);
        });
    thread.map_err(|error| ExtractError::Late(error.to_string()))?;
    match timeout(LONGEST, text).await {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => Err(ExtractError::Broken("reading it failed".to_owned())),
        Err(_) => Err(ExtractError::Late(format!(
            "reading the file takes longer than {} s",
            LONGEST.as_secs()
        ))),
    }
}

/// The title of a page, if it has one.
pub fn title(page: &str) -> Option<String> {
    markup::title(page)
}

fn read(kind: FileKind, bytes: &[u8]) -> Result<String, ExtractError> {
    let text = match kind {
        FileKind::Text | FileKind::Markdown => markup::tidy(&plain(bytes)?),
        FileKind::Html => markup::to_text(&plain(bytes)?, Format::Html, MOST_TEXT),
        FileKind::Docx => docx(bytes)?,
        FileKind::Epub => epub(bytes)?,
        FileKind::Pdf => pdf(bytes)?,
    };
    if text.len() > MOST_TEXT {
        return Err(ExtractError::TooMuch(format!(
            "there is more text in it than {} MB",
            MOST_TEXT >> 20
        )));
    }
    if text.trim().is_empty() {
        let why = if kind == FileKind::Pdf {
            " (pictures of text are not read)"
        } else {
            ""
        };
        return Err(ExtractError::Empty(why));
    }
    Ok(text)
}

/// Text in UTF-8, UTF-16 with a mark, or Latin-1. Bytes that are none are refused.
fn plain(bytes: &[u8]) -> Result<String, ExtractError> {
    let utf16 = |bytes: &[u8], order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| order([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Ok(String::from_utf8_lossy(rest).into_owned());
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return Ok(utf16(rest, u16::from_le_bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return Ok(utf16(rest, u16::from_be_bytes));
    }
    if bytes.contains(&0) {
        return Err(ExtractError::Broken("it is not text".to_owned()));
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    })
}

/// An archive whose files are unpacked within a limit that they share.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    left: usize,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, ExtractError> {
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| ExtractError::Broken(error.to_string()))?;
        if zip.len() > MOST_FILES {
            return Err(ExtractError::TooMuch(format!(
                "there are more than {MOST_FILES} files in it"
            )));
        }
        Ok(Self {
            zip,
            left: MOST_UNPACKED,
        })
    }

    fn file(&mut self, name: &str) -> Result<String, ExtractError> {
        let broken = |error: String| ExtractError::Broken(format!("{name}: {error}"));
        let file = self
            .zip
            .by_name(name)
            .map_err(|error| broken(error.to_string()))?;
        // What the archive says of its sizes is not believed.
        let mut bytes = Vec::new();
        file.take(self.left as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| broken(error.to_string()))?;
        if bytes.len() > self.left {
            return Err(ExtractError::TooMuch(format!(
                "it unpacks to more than {} MB",
                MOST_UNPACKED >> 20
            )));
        }
        self.left -= bytes.len();
        plain(&bytes)
    }
}

fn docx(bytes: &[u8]) -> Result<String, ExtractError> {
    let xml = Archive::open(bytes)?.file("word/document.xml")?;
    Ok(markup::to_text(&xml, Format::Word, MOST_TEXT + 1))
}

/// The chapters in the order in which they are read, else in that of their names.
fn epub(bytes: &[u8]) -> Result<String, ExtractError> {
    let mut archive = Archive::open(bytes)?;
    let container = archive.file("META-INF/container.xml")?;
    let package = attribute(&container, "full-path")
        .ok_or_else(|| ExtractError::Broken("the book names no contents".to_owned()))?;
    let contents = archive.file(&package)?;
    let folder = package.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut items = Vec::new();
    let mut spine = Vec::new();
    for tag in contents.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.rsplit(':').next().unwrap_or_default() {
            "item" => items.extend(attribute(tag, "id").zip(attribute(tag, "href"))),
            "itemref" => spine.extend(attribute(tag, "idref")),
            _ => {}
        }
    }
    let mut text = String::new();
    for id in spine {
        let Some((_, href)) = items.iter().find(|(known, _)| *known == id) else {
            continue;
        };
        let href = decode(href.split('#').next().unwrap_or_default());
        let path = if folder.is_empty() {
            href
        } else {
            format!("{folder}/{href}")
        };
        let page = archive.file(&path)?;
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&markup::to_text(&page, Format::Html, MOST_TEXT + 1));
        if text.len() > MOST_TEXT {
            break;
        }
    }
    Ok(text)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + name.len()..];
        if before.is_none_or(|before| !before.is_whitespace()) {
            continue;
        }
        let value = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = value
            .chars()
            .next()
            .filter(|quote| matches!(quote, '"' | '\''))?;
        return value[1..].split(quote).next().map(str::to_owned);
    }
    None
}

/// `%20` and the like.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn pdf(bytes: &[u8]) -> Result<String, ExtractError> {
    if !bytes[..bytes.len().min(1_024)]
        .windows(5)
        .any(|window| window == b"%PDF-")
    {
        return Err(ExtractError::Broken("it is no PDF".to_owned()));
    }
    measure_streams(bytes)?;
    let broken = |error: lopdf::Error| ExtractError::Broken(error.to_string());
    let document = lopdf::Document::load_mem(bytes).map_err(broken)?;
    if document.is_encrypted() {
        return Err(ExtractError::Broken(
            "it is locked with a password".to_owned(),
        ));
    }
    let mut text = String::new();
    for number in document.get_pages().keys() {
        // A page that cannot be read does not cost the others.
        if let Ok(page) = document.extract_text(&[*number]) {
            text.push_str(page.trim());
            text.push_str("\n\n");
        }
        if text.len() > MOST_TEXT {
            break;
        }
    }
    Ok(markup::tidy(&text.replace('\u{ad}', "")))
}

/// Refuses a PDF whose packed parts grow beyond the limit, before anything unpacks them for good.
fn measure_streams(bytes: &[u8]) -> Result<(), ExtractError> {
    let mut left = MOST_UNPACKED;
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], b"stream") {
        at += found + b"stream".len();
        let body = bytes[at..]
            .strip_prefix(b"\r\n")
            .or_else(|| bytes[at..].strip_prefix(b"\n"));
        if let Some(body) = body.filter(|body| body.first().is_some_and(|byte| byte & 0x0f == 8)) {
            left = unpacked(body, left, 3)?;
        }
    }
    Ok(())
}

/// What is left of the limit after unpacking `packed`, and what is packed in it again.
fn unpacked(packed: &[u8], left: usize, depth: u8) -> Result<usize, ExtractError> {
    let mut inner = Vec::new();
    // Streams that end in the middle of nonsense have still been measured as far as they go.
    let _ = flate2::read::ZlibDecoder::new(packed)
        .take(left as u64 + 1)
        .read_to_end(&mut inner);
    if inner.len() > left {
        return Err(ExtractError::TooMuch(format!(
            "it unpacks to more than {} MB",
            MOST_UNPACKED >> 20
        )));
    }
    let left = left - inner.len();
    if depth > 0 && inner.first().is_some_and(|byte| byte & 0x0f == 8) && inner.len() > 2 {
        return unpacked(&inner, left, depth - 1);
    }
    Ok(left)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

//! `multipart/form-data`.

use bytes::{BufMut, Bytes, BytesMut};

/// A file that is sent along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// How it is called; often only its ending matters.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
}

impl Upload {
    /// A file called `name`.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

/// Fields and files, in the order they were put in.
#[derive(Debug, Default)]
pub(crate) struct Form<'a> {
    parts: Vec<(String, Part<'a>)>,
}

#[derive(Debug)]
enum Part<'a> {
    Text(String),
    File { name: &'a str, bytes: &'a Bytes },
}

impl<'a> Form<'a> {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and words alike are said where they are made"
    )]
    pub(crate) fn text(mut self, name: &str, value: impl ToString) -> Self {
        let part = Part::Text(value.to_string());
        self.parts.push((name.to_owned(), part));
        self
    }

    pub(crate) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(crate) fn file(mut self, field: &str, name: &'a str, bytes: &'a Bytes) -> Self {
        self.parts
            .push((field.to_owned(), Part::File { name, bytes }));
        self
    }

    /// The media type and the body.
    pub(crate) fn finish(self) -> (String, Bytes) {
        let boundary = boundary(&self.parts);
        let size: usize = self
            .parts
            .iter()
            .map(|(_, part)| part.bytes().len() + 256)
            .sum();
        let mut body = BytesMut::with_capacity(size);
        for (field, part) in &self.parts {
            body.put_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"")
                    .as_bytes(),
            );
            if let Part::File { name, .. } = part {
                let name: String = name
                    .chars()
                    .map(|c| if c.is_control() || c == '"' { '_' } else { c })
                    .collect();
                body.put_slice(
                    format!("; filename=\"{name}\"\r\nContent-Type: application/octet-stream")
                        .as_bytes(),
                );
            }
            body.put_slice(b"\r\n\r\n");
            body.put_slice(part.bytes());
            body.put_slice(b"\r\n");
        }
        body.put_slice(format!("--{boundary}--\r\n").as_bytes());
        (
            format!("multipart/form-data; boundary={boundary}"),
            body.freeze(),
        )
    }
}

impl Part<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::File { bytes, .. } => bytes,
        }
    }
}

/// A line that stands in no part.
fn boundary(parts: &[(String, Part<'_>)]) -> String {
    for number in 0_u64.. {
        let boundary = format!("duologue-part-{number}");
        let is_taken = parts
            .iter()
            .any(|(_, part)| contains(part.bytes(), boundary.as_bytes()));
        if !is_taken {
            return boundary;
        }
    }
    // No file is long enough to hold them all.
    String::new()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_survives_a_file_that_looks_like_one() {
        let bytes = Bytes::from_static(b"--duologue-part-0\r\n");
        let form = Form::default()
            .text("a", 7)
            .file("file", "a\"\r\nb.wav", &bytes);
        let (kind, body) = form.finish();
        assert_eq!(kind, "multipart/form-data; boundary=duologue-part-1");
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            text.starts_with(
                "--duologue-part-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n7\r\n"
            ),
            "{text}"
        );
        assert!(text.contains("filename=\"a___b.wav\""), "{text}");
        assert!(text.ends_with("\r\n--duologue-part-1--\r\n"), "{text}");
    }
}

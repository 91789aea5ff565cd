//! Text out of HTML and XML, however badly written. One pass, no recursion.

/// What the tags of a format mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// HTML and XHTML.
    Html,
    /// `word/document.xml` of a DOCX file.
    Word,
}

/// The text, with an empty line between paragraphs and `#` before headings. It is not longer than `limit` bytes.
pub(crate) fn to_text(source: &str, format: Format, limit: usize) -> String {
    let mut text = Text {
        out: String::new(),
        limit,
    };
    let mut rest = source;
    // Word keeps text in `w:t` only; everything else between tags is white space or fields.
    let mut counts = format == Format::Html;
    while !rest.is_empty() && text.out.len() < limit {
        let Some(open) = rest.find('<') else {
            if counts {
                text.words(rest, format);
            }
            break;
        };
        if counts {
            text.words(&rest[..open], format);
        }
        rest = &rest[open..];
        if let Some(after) = rest.strip_prefix("<!--") {
            rest = after.find("-->").map_or("", |at| &after[at + 3..]);
            continue;
        }
        let Some(close) = rest.find('>') else {
            break;
        };
        let tag = &rest[1..close];
        rest = &rest[close + 1..];
        let name = tag
            .trim_start_matches('/')
            .split(|c: char| c.is_whitespace() || c == '/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let ends = tag.starts_with('/');
        match format {
            Format::Html => {
                if !ends
                    && matches!(
                        name.as_str(),
                        "script" | "style" | "template" | "svg" | "head" | "noscript" | "iframe"
                    )
                    && !tag.ends_with('/')
                {
                    rest = after_end(rest, &name);
                    continue;
                }
                html(&name, ends, &mut text);
            }
            Format::Word => match name.as_str() {
                "w:t" => counts = !ends && !tag.ends_with('/'),
                "w:p" if ends => text.paragraph(),
                "w:tab" => text.out.push(' '),
                "w:br" | "w:cr" => text.line(),
                "w:pstyle" if tag.to_ascii_lowercase().contains("heading") => {
                    text.out.push_str("# ");
                }
                _ => {}
            },
        }
    }
    text.out.truncate(text.out.floor_char_boundary(limit));
    tidy(&text.out)
}

/// The title of an HTML page.
pub(crate) fn title(source: &str) -> Option<String> {
    let head = &source[..source.floor_char_boundary(64 * 1024)];
    let lower = head.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let from = open + lower[open..].find('>')? + 1;
    let until = from + lower[from..].find("</title")?;
    let mut title = String::new();
    unescape(&head[from..until], &mut title);
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then_some(title)
}

fn html(name: &str, ends: bool, text: &mut Text) {
    match name {
        "br" => text.line(),
        "li" if !ends => {
            text.line();
            text.out.push_str("- ");
        }
        "td" | "th" if ends => text.out.push(' '),
        "tr" if ends => text.line(),
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
            text.paragraph();
            if !ends {
                text.out.push_str("# ");
            }
        }
        "p" | "div" | "section" | "article" | "header" | "footer" | "nav" | "main" | "aside"
        | "ul" | "ol" | "table" | "blockquote" | "pre" | "dl" | "dt" | "dd" | "figure" | "form"
        | "hr" | "title" => {
            text.paragraph();
        }
        _ => {}
    }
}

/// What follows the end tag of `name`.
fn after_end<'a>(source: &'a str, name: &str) -> &'a str {
    let bytes = source.as_bytes();
    let mut from = 0;
    while let Some(at) = source[from..].find("</") {
        let start = from + at + 2;
        let end = start + name.len();
        if bytes.len() >= end && bytes[start..end].eq_ignore_ascii_case(name.as_bytes()) {
            return source[end..]
                .find('>')
                .map_or("", |at| &source[end + at + 1..]);
        }
        from = start;
    }
    ""
}

struct Text {
    out: String,
    limit: usize,
}

impl Text {
    fn words(&mut self, raw: &str, format: Format) {
        if self.out.len() >= self.limit {
            return;
        }
        let mut plain = String::new();
        unescape(raw, &mut plain);
        if format == Format::Word {
            self.out.push_str(&plain);
            return;
        }
        // White space of HTML is a space, whatever it is.
        for (index, word) in plain.split(char::is_whitespace).enumerate() {
            if index > 0 && !self.out.ends_with([' ', '\n']) {
                self.out.push(' ');
            }
            self.out.push_str(word);
        }
    }

    fn line(&mut self) {
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn paragraph(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.line();
            self.out.push('\n');
        }
    }
}

fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let known = end.and_then(|end| Some((entity(&rest[1..end])?, end)));
        if let Some((letter, end)) = known {
            out.push(letter);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|letter| *letter != '\0');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "ldquo" => '“',
        "rdquo" => '”',
        "euro" => '€',
        "pound" => '£',
        "copy" => '©',
        "reg" => '®',
        "deg" => '°',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "Auml" => 'Ä',
        "Ouml" => 'Ö',
        "Uuml" => 'Ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "ccedil" => 'ç',
        "middot" | "bull" => '·',
        _ => return None,
    })
}

/// Without spaces at the ends of lines, and with one empty line at the most.
pub(crate) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line == "#" || line == "-" {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_the_text_that_people_read() {
        let page = "<html><head><title> Shop &amp; more </title><style>p{}</style></head><body><h1>Hours</h1>\
            <script>if (a < b) { x(\"</p>\") }</script><p>We open\n at <b>nine</b>&nbsp;o&#39;clock.<br>Daily.</p>\
            <ul><li>One</li><li>Two</li></ul><!-- <p>no</p> --><table><tr><td>a</td><td>b</td></tr></table>";
        assert_eq!(
            to_text(page, Format::Html, 10_000),
            "# Hours\n\nWe open at nine o'clock.\nDaily.\n\n- One\n- Two\n\na b"
        );
        assert_eq!(title(page).as_deref(), Some("Shop & more"));
    }

    #[test]
    fn a_word_document_keeps_its_paragraphs() {
        let xml = "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>Fees</w:t></w:r></w:p>\
            <w:p><w:r><w:t xml:space=\"preserve\">Ten </w:t></w:r><w:r><w:t>euros.</w:t></w:r><w:instrText>HIDDEN</w:instrText></w:p>";
        assert_eq!(to_text(xml, Format::Word, 10_000), "# Fees\n\nTen euros.");
    }

    #[test]
    fn broken_markup_ends() {
        for broken in [
            "<",
            "<p",
            "a<!--",
            "<script>",
            "&#xffffffff;&;&",
            "<style><style",
            "</",
        ] {
            let _ = to_text(broken, Format::Html, 100);
        }
        assert!(to_text(&"a ".repeat(10_000), Format::Html, 50).len() <= 50);
    }
}

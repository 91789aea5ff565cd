//! Sums in words: `fifteen percent of eighty` as `15/100*80`.

use super::numbers;

/// The sum in an utterance, in figures and signs, with its first token and one past its last.
pub(crate) fn find(words: &[&str]) -> Option<(String, usize, usize)> {
    changed(words)
        .or_else(|| turned(words))
        .or_else(|| plain(words))
        .or_else(|| joined(words))
}

/// A number made more or less by percent: `eighty minus twenty percent`, `add ten percent to fifty`.
fn changed(words: &[&str]) -> Option<(String, usize, usize)> {
    let percent = |at: usize| {
        let (n, used) = numbers::number(words.get(at..)?)?;
        match words.get(at + used..)? {
            ["percent" | "%", ..] => Some((n, at + used + 1)),
            ["per", "cent", ..] => Some((n, at + used + 2)),
            _ => None,
        }
    };
    for at in 0..words.len() {
        let before = at.checked_sub(1).map_or("", |i| words[i]);
        // The share first: "add ten percent to fifty", "ten percent more than fifty".
        if let Some((share, next)) = percent(at) {
            let up = match (before, &words[next.min(words.len())..]) {
                ("add", ["to", ..]) => Some((true, next + 1)),
                ("take" | "subtract" | "deduct", ["from" | "off", ..]) | (_, ["off", ..]) => {
                    Some((false, next + 1))
                }
                (_, ["more", "than", ..]) => Some((true, next + 2)),
                (_, ["less", "than", ..] | ["discount", "on", ..]) => Some((false, next + 2)),
                (_, ["on", "top", "of", ..]) => Some((true, next + 3)),
                _ => None,
            };
            if let Some((up, from)) = up
                && let Some((n, used)) = words.get(from..).and_then(amount)
            {
                return Some((scaled(n, share, up), at, from + used));
            }
        }
        // The number first: "eighty minus twenty percent", "increase eighty by ten percent".
        if let Some((n, used)) = amount(&words[at..]) {
            let up = match (before, words.get(at + used)) {
                (_, Some(&"plus")) | ("increase" | "raise", Some(&"by")) => true,
                (_, Some(&("minus" | "less"))) | ("reduce" | "decrease" | "lower", Some(&"by")) => {
                    false
                }
                _ => continue,
            };
            if let Some((share, next)) = percent(at + used + 1)
                && words.get(next) != Some(&"of")
            {
                return Some((scaled(n, share, up), at, next));
            }
        }
    }
    None
}

fn scaled(n: f64, share: f64, up: bool) -> String {
    let sign = if up { '+' } else { '-' };
    format!(
        "{}*(100{sign}{})/100",
        numbers::spoken(n),
        numbers::spoken(share)
    )
}

/// Orders that turn the numbers round: `subtract four from ten`, `the sum of two and three`.
fn turned(words: &[&str]) -> Option<(String, usize, usize)> {
    for at in 0..words.len() {
        let (sign, joints, swap): (&str, &[&str], bool) = match words[at] {
            "subtract" | "deduct" => ("-", &["from"], true),
            "take" if words.get(at + 1) != Some(&"away") || words[at..].contains(&"from") => {
                ("-", &["from"], true)
            }
            "add" => ("+", &["and", "to", "plus", "with"], false),
            "sum" | "total" => ("+", &["and", "plus"], false),
            "multiply" => ("*", &["by", "and", "with", "times"], false),
            "product" => ("*", &["and", "times"], false),
            "divide" | "split" => ("/", &["by", "between", "among"], false),
            "difference" => ("-", &["and"], false),
            _ => continue,
        };
        let mut i = at + 1;
        // "Split the bill of eighty", "add up two": what leads to the first number is passed over.
        while i < words.len() && i < at + 5 && amount(&words[i..]).is_none() {
            i += 1;
        }
        let mut parts: Vec<String> = Vec::new();
        while let Some((n, used)) = words.get(i..).and_then(amount) {
            parts.push(numbers::spoken(n));
            i += used;
            i += usize::from(words.get(i).is_some_and(|w| *w == "away"));
            if words.get(i).is_some_and(|w| joints.contains(w))
                && words.get(i + 1..).and_then(amount).is_some()
            {
                i += 1;
            } else if sign == "+" && words.get(i..).and_then(amount).is_some() {
                // "Add two, three and four."
            } else {
                break;
            }
        }
        if parts.len() >= 2 {
            if swap {
                parts.reverse();
            }
            return Some((parts.join(sign), at, i));
        }
    }
    None
}

/// `what is seven and eight`, `seven and eight together`, `how many times does six go into forty two`, `twenty percent off fifty`.
fn joined(words: &[&str]) -> Option<(String, usize, usize)> {
    let pair = |at: usize, joint: &[&str]| {
        let (a, used) = amount(&words[at..])?;
        let next = words.get(at + used..)?;
        let rest = next.strip_prefix(joint)?;
        let (b, more) = amount(rest)?;
        Some((
            numbers::spoken(a),
            numbers::spoken(b),
            at + used + joint.len() + more,
        ))
    };
    let asks = words.iter().any(|w| {
        matches!(
            *w,
            "what" | "much" | "together" | "altogether" | "makes" | "make" | "total" | "sum" | "up"
        )
    });
    if let Some(story) = told(words) {
        return Some(story);
    }
    for at in 0..words.len() {
        if asks && let Some((a, b, end)) = pair(at, &["from"]) {
            return Some((format!("{b}-{a}"), at, end));
        }
        if asks && let Some((a, b, end)) = pair(at, &["and"]) {
            return Some((format!("{a}+{b}"), at, end));
        }
        for joint in [
            &["go", "into"][..],
            &["goes", "into"],
            &["fit", "into"],
            &["into"],
            &["in"],
        ] {
            if (words[..at].contains(&"times") || words.contains(&"into"))
                && let Some((a, b, end)) = pair(at, joint)
            {
                return Some((format!("{b}/{a}"), at, end));
            }
        }
    }
    None
}

/// Two numbers and what is done with them: `seven tickets at twelve pounds`, `four people share a hundred`.
fn told(words: &[&str]) -> Option<(String, usize, usize)> {
    let (at, (a, used)) = (0..words.len()).find_map(|i| amount(&words[i..]).map(|n| (i, n)))?;
    let from = at + used;
    let (next, (b, more)) =
        (from..words.len().min(from + 5)).find_map(|i| amount(&words[i..]).map(|n| (i, n)))?;
    let has = |list: &[&str]| words[from..next].iter().any(|w| list.contains(w));
    let (a, b) = (numbers::spoken(a), numbers::spoken(b));
    let sum = if has(&[
        "spend", "lose", "eat", "use", "give", "spent", "lost", "ate", "used", "gave",
    ]) {
        format!("{a}-{b}")
    } else if has(&["share", "split", "sharing", "splitting"]) {
        format!("{b}/{a}")
    } else if words[..at]
        .iter()
        .chain(&words[from..next])
        .any(|w| matches!(*w, "share" | "split" | "shared"))
        && has(&["between", "among", "by"])
    {
        format!("{a}/{b}")
    } else if has(&["at"]) && words.contains(&"much") {
        format!("{a}*{b}")
    } else {
        return None;
    };
    Some((sum, at, next + more))
}

/// A number, with what is counted after it passed over (`twelve pounds`, `three hundred days`).
fn amount(words: &[&str]) -> Option<(f64, usize)> {
    const UNITS: &[&str] = &[
        "pounds", "pound", "dollars", "dollar", "euros", "euro", "people", "pence", "cents",
        "days", "hours", "minutes", "friends", "ways", "persons", "guests", "units", "metres",
        "kilos", "grams", "miles",
    ];
    let (n, used) = numbers::number(words)?;
    let unit = usize::from(words.get(used).is_some_and(|w| UNITS.contains(w)));
    // "Three pounds fifty".
    if unit == 1
        && words.get(used).is_some_and(|w| {
            matches!(
                *w,
                "pounds" | "pound" | "dollars" | "dollar" | "euros" | "euro"
            )
        })
        && let Some((pence, more)) = words
            .get(used + 1..)
            .and_then(numbers::number)
            .filter(|(p, _)| *p < 100.0)
    {
        return Some((n + pence / 100.0, used + 1 + more));
    }
    Some((n, used + unit))
}

/// Numbers and signs in a row.
fn plain(words: &[&str]) -> Option<(String, usize, usize)> {
    let mut best: Option<(String, usize, usize)> = None;
    let mut at = 0;
    while at < words.len() {
        if let Some((text, used)) = run(&words[at..]) {
            if best.as_ref().is_none_or(|b| b.0.len() < text.len()) {
                best = Some((text, at, at + used));
            }
            at += used;
        } else {
            at += 1;
        }
    }
    best
}

#[expect(
    clippy::too_many_lines,
    clippy::match_same_arms,
    reason = "a table of how signs are said, one line each"
)]
fn run(words: &[&str]) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut i = 0;
    let mut operators = 0;
    let mut wants_number = true;
    // Where the text was complete last.
    let mut whole = (0, 0);
    while i < words.len() {
        let rest = &words[i..];
        if wants_number {
            let (text, used) = match rest {
                ["minus" | "negative", more @ ..]
                    if out.is_empty() || out.ends_with(['*', '/', '(']) =>
                {
                    match numbers::number(more) {
                        Some((n, used)) => (format!("-{}", numbers::spoken(n)), used + 1),
                        None => break,
                    }
                }
                ["the", "square", "of", more @ ..] | ["square", "of", more @ ..] => {
                    match numbers::number(more) {
                        Some((n, used)) => {
                            operators += 1;
                            (
                                format!("{}^2", numbers::spoken(n)),
                                used + rest.len() - more.len(),
                            )
                        }
                        None => break,
                    }
                }
                ["the", "square", "root", "of", more @ ..]
                | ["square", "root", "of", more @ ..] => match numbers::number(more) {
                    Some((n, used)) => {
                        operators += 1;
                        (
                            format!("sqrt({})", numbers::spoken(n)),
                            used + rest.len() - more.len(),
                        )
                    }
                    None => break,
                },
                ["half", "of", ..] | ["half", "the" | "a", ..] => ("0.5*".to_owned(), 2),
                [
                    "a" | "one",
                    "half" | "third" | "quarter" | "fifth" | "tenth",
                    "of",
                    ..,
                ] => {
                    let part = match rest[1] {
                        "half" => 2,
                        "third" => 3,
                        "quarter" => 4,
                        "fifth" => 5,
                        _ => 10,
                    };
                    (format!("1/{part}*"), 3)
                }
                ["half" | "double" | "twice" | "triple", ..] => {
                    let times = match rest[0] {
                        "half" => "0.5*",
                        "triple" => "3*",
                        _ => "2*",
                    };
                    (times.to_owned(), 1)
                }
                _ => match amount(rest) {
                    Some((n, used)) => (numbers::spoken(n), used),
                    None => break,
                },
            };
            i += used;
            if text.ends_with('*') {
                operators += 1;
            } else {
                wants_number = false;
            }
            out.push_str(&text);
            if !wants_number {
                whole = (out.len(), i);
            }
            continue;
        }
        let (text, used): (&str, usize) = match rest {
            ["plus" | "+", ..] | ["add", ..] => ("+", 1),
            ["added", "to", ..] => ("+", 2),
            ["minus" | "-" | "less", ..] => ("-", 1),
            ["take", "away", ..] | ["subtract" | "takeaway", ..] => {
                ("-", if rest[0] == "take" { 2 } else { 1 })
            }
            ["times" | "*" | "x" | "×", ..] => ("*", 1),
            ["multiplied", "by" | "with", ..] => ("*", 2),
            ["multiply", "by", ..] | ["lots", "of", ..] => ("*", 2),
            ["more", "than", ..] => ("+", 2),
            ["at", ..] if words.iter().any(|w| matches!(*w, "each" | "apiece")) => ("*", 1),
            ["divided", "by", ..] | ["divide", "by", ..] | ["split", "between" | "by", ..] => {
                ("/", 2)
            }
            ["over" | "/" | "÷", ..] => ("/", 1),
            ["by", ..] => ("*", 1),
            ["^", ..] => ("^", 1),
            ["to", "the", "power", "of", ..] | ["to", "the", "power", ..] => {
                ("^", if rest.get(3) == Some(&"of") { 4 } else { 3 })
            }
            ["percent" | "%", "of" | "on" | "from", ..] => ("/100*", 2),
            ["per", "cent", "of" | "on", ..] => ("/100*", 3),
            ["percent" | "%", "tip" | "discount", "on" | "of", ..] => ("/100*", 3),
            _ => ("", 0),
        };
        if used > 0 {
            out.push_str(text);
            operators += 1;
            i += used;
            while words.get(i).is_some_and(|w| matches!(*w, "a" | "the"))
                && words.get(i + 1..).and_then(numbers::number).is_some()
                && words
                    .get(i + 1)
                    .is_some_and(|w| *w != "hundred" && *w != "thousand")
            {
                i += 1;
            }
            wants_number = true;
        } else if let ["squared" | "cubed", ..] = rest {
            out.push_str(if rest[0] == "squared" { "^2" } else { "^3" });
            operators += 1;
            i += 1;
            whole = (out.len(), i);
        } else {
            break;
        }
    }
    out.truncate(whole.0);
    (operators > 0 && whole.1 > 0 && out.contains(['+', '-', '*', '/', '^', '(']))
        .then_some((out, whole.1))
}

/// The value of a sum in figures: `+ - * / ^`, brackets, `%`, `sqrt( )`. The error says what cannot be done.
pub(crate) fn value(text: &str) -> Result<f64, String> {
    let text = text
        .replace(['×', 'x'], "*")
        .replace('÷', "/")
        .replace([' ', ','], "");
    if text.len() > 200 {
        return Err("the sum is too long".to_owned());
    }
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
        depth: 0,
    };
    let value = reader.sum()?;
    if reader.at < reader.bytes.len() {
        return Err(format!(
            "{:?} is not part of a sum",
            text.get(reader.at..).unwrap_or_default()
        ));
    }
    if value.is_finite() {
        Ok(value)
    } else {
        Err("that has no answer".to_owned())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        while let Some(sign @ (b'+' | b'-')) = self.peek() {
            self.at += 1;
            let other = self.product()?;
            value = if sign == b'+' {
                value + other
            } else {
                value - other
            };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.power()?;
        while let Some(sign @ (b'*' | b'/')) = self.peek() {
            self.at += 1;
            let other = self.power()?;
            if sign == b'/' && other == 0.0 {
                return Err("nothing can be divided by zero".to_owned());
            }
            value = if sign == b'*' {
                value * other
            } else {
                value / other
            };
        }
        Ok(value)
    }

    fn power(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > 64 {
            return Err("the sum has too many brackets".to_owned());
        }
        let mut value = self.number()?;
        if self.peek() == Some(b'%') {
            self.at += 1;
            value /= 100.0;
        }
        if self.peek() == Some(b'^') {
            self.at += 1;
            value = value.powf(self.power()?);
        }
        self.depth -= 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<f64, String> {
        match self.peek() {
            Some(b'-') => {
                self.at += 1;
                Ok(-self.power()?)
            }
            Some(b'(') => {
                self.at += 1;
                let value = self.sum()?;
                if self.peek() != Some(b')') {
                    return Err("a bracket is not closed".to_owned());
                }
                self.at += 1;
                Ok(value)
            }
            Some(b's') if self.bytes[self.at..].starts_with(b"sqrt(") => {
                self.at += 4;
                let value = self.power()?;
                if value < 0.0 {
                    Err("a negative number has no square root".to_owned())
                } else {
                    Ok(value.sqrt())
                }
            }
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|b| b.is_ascii_digit() || b == b'.') {
                    self.at += 1;
                }
                std::str::from_utf8(&self.bytes[start..self.at])
                    .ok()
                    .and_then(|s| s.parse().ok())
                    .ok_or_else(|| "a number is missing".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::words::tokens;

    fn answer(text: &str) -> Option<f64> {
        let tokens = tokens(text);
        let words: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
        find(&words).and_then(|(sum, _, _)| value(&sum).ok())
    }

    #[test]
    fn sums_in_words_are_reckoned() {
        assert_eq!(answer("what is twelve plus thirty"), Some(42.0));
        assert_eq!(answer("fifteen percent of eighty"), Some(12.0));
        assert_eq!(answer("subtract four from ten"), Some(6.0));
        assert_eq!(answer("what's the square root of eighty one"), Some(9.0));
        assert_eq!(answer("add two, three and four"), Some(9.0));
        assert_eq!(answer("seven times six minus two"), Some(40.0));
        assert_eq!(answer("divide ninety by three please"), Some(30.0));
        assert_eq!(answer("three squared"), Some(9.0));
        assert_eq!(answer("half of thirty"), Some(15.0));
        assert_eq!(answer("7 - 3"), Some(4.0));
        assert_eq!(
            answer("split a bill of ninety between three friends"),
            Some(30.0)
        );
        assert_eq!(answer("take fifteen away from eighty"), Some(65.0));
        assert_eq!(
            answer("three hundred days divided by seven days"),
            Some(300.0 / 7.0)
        );
        assert_eq!(answer("add ten percent to fifty"), Some(55.0));
        assert_eq!(answer("eighty minus twenty percent"), Some(64.0));
        assert_eq!(
            answer("how much would seven tickets at twelve pounds be"),
            Some(84.0)
        );
        assert_eq!(answer("what do seven and eight make"), Some(15.0));
        assert_eq!(
            answer("how many times does six go into forty two"),
            Some(7.0)
        );
        assert_eq!(answer("twenty percent off fifty"), Some(40.0));
        assert_eq!(answer("i have two children"), None);
        assert_eq!(answer("what is five"), None);
    }

    #[test]
    fn what_has_no_answer_says_so() {
        assert!(value("1/0").is_err());
        assert!(value("2+").is_err());
        assert!(value(&"(".repeat(150)).is_err());
        assert_eq!(value("2*(3+4)^2"), Ok(98.0));
        assert_eq!(value("-3+10%"), Ok(-2.9));
    }
}

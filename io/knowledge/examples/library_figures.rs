//! How long 10,000 documents take to be kept, and to be looked through.
//!
//! `cargo run --release -p duologue-knowledge --example library_figures -- 10000`

use std::{
    env,
    fmt::Write as _,
    time::{Duration, Instant},
};

use knowledge::{Kind, Library, New};

/// Text from a few hundred made-up words, never the same twice.
struct Writer(u64);

impl Writer {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn word(&mut self) -> String {
        const PARTS: [&str; 16] = [
            "ka", "lo", "mi", "ter", "sun", "vel", "dra", "po", "ni", "gar", "est", "um", "bre",
            "fi", "zo", "hal",
        ];
        // Few words are common and many are rare, as in any language.
        let rank = (self.next() % 70) * (self.next() % 70);
        (0..3)
            .map(|at| PARTS[(rank >> (4 * at)) as usize % 16])
            .collect()
    }

    fn text(&mut self, words: usize) -> String {
        let mut text = String::new();
        for at in 0..words {
            text.push_str(&self.word());
            text.push_str(if at % 12 == 11 { ". " } else { " " });
            if at % 96 == 95 {
                text.push_str("\n\n");
            }
        }
        text
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = env::args()
        .nth(1)
        .map_or(Ok(10_000), |count| count.parse())?;
    let home = tempfile::tempdir()?;
    let path = home.path().join("library.db");
    let library = Library::open(&path).await?;
    let mut writer = Writer(1);
    let mut bytes = 0;
    let began = Instant::now();
    for number in 0..count {
        let mut text = writer.text(300);
        let _ = write!(text, "The number of this document is needle{number}.");
        bytes += text.len();
        library
            .add(New {
                id: format!("doc_{number}"),
                kind: Kind::Text,
                name: format!("Document {number}"),
                parent: None,
                url: None,
                file: None,
                source: text.clone().into_bytes(),
                text,
            })
            .await?;
    }
    let kept = began.elapsed();
    println!(
        "{count} documents, {:.1} MB: kept and indexed in {:.1} s ({:.1} ms each), {:.0} MB on the disk",
        bytes as f64 / 1e6,
        kept.as_secs_f64(),
        kept.as_secs_f64() * 1e3 / count as f64,
        std::fs::metadata(&path)?.len() as f64 / 1e6
    );
    let all: Vec<String> = (0..count).map(|number| format!("doc_{number}")).collect();
    for (place, within) in [
        ("all", None),
        ("the ten thousand named", Some(all.as_slice())),
    ] {
        let mut times: Vec<Duration> = Vec::new();
        let (mut found, asked) = (0, 200);
        for at in 0..asked {
            let number = at * count / asked;
            let question = format!(
                "what do you know about needle{number} and {} {}",
                writer.word(),
                writer.word()
            );
            let began = Instant::now();
            let hits = library.search(&question, within, 5).await?;
            times.push(began.elapsed());
            found += usize::from(
                hits.first()
                    .is_some_and(|hit| hit.document == format!("doc_{number}")),
            );
        }
        times.sort();
        println!(
            "{asked} questions to {place}: median {:.1} ms, 95th {:.1} ms, slowest {:.1} ms; the right document first {found} times",
            times[asked / 2].as_secs_f64() * 1e3,
            times[asked * 95 / 100].as_secs_f64() * 1e3,
            times[asked - 1].as_secs_f64() * 1e3
        );
    }
    let began = Instant::now();
    library.delete("doc_7").await?;
    println!(
        "one document deleted in {:.1} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

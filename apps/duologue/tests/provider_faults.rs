//! Every vendor failing in every way, over real sockets on both sides: `duologue serve` between a caller who speaks and vendors
//! that refuse, hang, are slow, send garbage, close in the middle or limit the rate. Silence is counted in the caller's own
//! samples: never more than three seconds without a sign, and one end.
#![allow(clippy::unwrap_used)]

mod common;

use std::{ops::Range, time::Duration};

use common::{
    Bench,
    faulty::{ANSWER, FAULTS, Fault, QUESTION, vendors},
    server::{KEY, Server},
};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::agents::{AudioBytes, ClientEvent, ServerEvent};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// Everything is counted in the caller's frames of 20 ms.
const SECOND: usize = 50;
/// When the caller asks, and how long the call lasts.
const ASKS: [usize; 2] = [SECOND, 10 * SECOND];
const LASTS: usize = 20 * SECOND;
/// Longer than this nobody is left without a sign; and than that, when they were asked for patience.
const LONGEST: usize = 3 * SECOND;
const LONGEST_MOMENT: usize = 8 * SECOND;
const FILLER: &str = "One moment, please.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Llm,
    Asr,
    Tts,
}

/// Who stands behind the one that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Nobody,
    Another,
    /// What is there when the agent says nothing: the embedded voice.
    Usual,
}

fn agent(part: Part, fault: Fault, behind: Behind) -> String {
    let bad = format!("openai:{}", fault.model());
    let named = |this| match behind {
        _ if part != this => "\"openai:good\"".to_owned(),
        Behind::Another => format!("[\"{bad}\", \"openai:good\"]"),
        _ => format!("\"{bad}\""),
    };
    // Nobody is asked whether they are still there: that silence is the caller's own.
    format!(
        "name = \"Faulty\"\n[conversation_config.agent.prompt]\nprompt = \"Be brief.\"\n\
         [conversation_config.turn]\nturn_timeout = -1\n[duologue_providers]\n\
         llm = {}\nasr = {}\ntts = {}\nlast_voice = {}\n",
        named(Part::Llm),
        named(Part::Asr),
        named(Part::Tts),
        behind == Behind::Usual,
    )
}

/// What came of a call. Times are in the caller's frames.
#[derive(Debug, Default)]
struct Report {
    heard: Vec<String>,
    said: Vec<String>,
    errors: Vec<String>,
    /// When something could be heard or read, and whether it asked for patience.
    signs: Vec<(usize, usize, bool)>,
    /// When the server closed, and with which code.
    closed: Option<(usize, u16)>,
    /// How much could be heard.
    sounded: usize,
}

enum News {
    Event(Box<ServerEvent>),
    Closed(u16),
}

async fn call(url: &str, agent: &str, question: &[i16]) -> Report {
    let address = url.replace("http://", "ws://");
    let mut request = format!("{address}/v1/convai/conversation?agent_id={agent}")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("xi-api-key", KEY.parse().unwrap());
    let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let (mut sink, mut stream) = socket.split();
    let (told, mut news) = mpsc::unbounded_channel();
    let reader = tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            let news = match message {
                Message::Text(text) => News::Event(Box::new(serde_json::from_str(&text).unwrap())),
                Message::Close(frame) => News::Closed(frame.map_or(0, |frame| frame.code.into())),
                _ => continue,
            };
            if told.send(news).is_err() {
                return;
            }
        }
    });
    let hello = ClientEvent::ConversationInitiationClientData(Box::default());
    sink.send(text(&hello)).await.unwrap();
    let mut report = Report::default();
    let mut plays_until = 0;
    // A caller on a busy machine speaks more slowly, and hears more slowly.
    let mut pace = interval(Duration::from_millis(20));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for now in 0..LASTS {
        pace.tick().await;
        let asked = ASKS.iter().rev().find(|at| **at <= now);
        let at = asked.map_or(usize::MAX, |at| (now - at) * 320);
        let mut frame: Vec<i16> = question.iter().skip(at).take(320).copied().collect();
        frame.resize(320, 0);
        let bytes: Vec<u8> = frame.into_iter().flat_map(i16::to_le_bytes).collect();
        let chunk = ClientEvent::UserAudioChunk {
            user_audio_chunk: AudioBytes::from(bytes),
        };
        // Whoever has closed says so on the other side.
        let _ = sink.send(text(&chunk)).await;
        while let Ok(news) = news.try_recv() {
            match news {
                News::Event(event) => {
                    if let ServerEvent::Ping { ping_event } = &*event {
                        let event_id = ping_event.event_id;
                        let _ = sink.send(text(&ClientEvent::Pong { event_id })).await;
                    }
                    report.note(now, &mut plays_until, *event);
                }
                News::Closed(code) => report.closed = Some((now, code)),
            }
        }
        if report.closed.is_some() {
            break;
        }
    }
    reader.abort();
    report
}

fn text(event: &ClientEvent) -> Message {
    Message::text(serde_json::to_string(event).unwrap())
}

impl Report {
    fn note(&mut self, now: usize, plays_until: &mut usize, event: ServerEvent) {
        match event {
            ServerEvent::Audio { audio_event } => {
                let from = now.max(*plays_until);
                *plays_until = from + audio_event.audio_base_64.len() / 640;
                self.signs.push((from, *plays_until, false));
                self.sounded += *plays_until - from;
            }
            ServerEvent::AgentResponse {
                agent_response_event,
            } => {
                let text = agent_response_event.agent_response;
                let until = now.max(*plays_until);
                self.signs.push((now, until, text == FILLER));
                self.said.push(text);
            }
            ServerEvent::UserTranscript {
                user_transcription_event,
            } => self.heard.push(user_transcription_event.user_transcript),
            ServerEvent::Error { error_event } => {
                self.signs.push((now, now, false));
                let kind = error_event.error_type.unwrap();
                self.errors.push(kind.as_str().to_owned());
            }
            _ => {}
        }
    }

    /// Waits for a sign of the agent that were too long, from the end of a question until the next.
    fn silences(&self, question: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        for (turn, asked) in ASKS.iter().map(|at| at + question).enumerate() {
            let until = ASKS.get(turn + 1).copied().unwrap_or(LASTS);
            if self.closed.is_some_and(|(at, _)| at <= asked) {
                break;
            }
            let between: Range<usize> = asked..until;
            let mut signs: Vec<_> = self.signs.clone();
            signs.extend(self.closed.map(|(at, _)| (at, at, false)));
            // What began before the question's end may still sound.
            signs.retain(|(from, to, _)| between.contains(from) || between.contains(to));
            signs.sort_unstable();
            if signs.is_empty() {
                wrong.push(format!("question {turn} was met with silence"));
            }
            let (mut since, mut patient) = (asked, false);
            for (from, to, asks) in signs {
                let wait = from.saturating_sub(since);
                if wait > if patient { LONGEST_MOMENT } else { LONGEST } {
                    wrong.push(format!("{wait} frames of silence before {from}"));
                }
                patient = asks || patient && wait < 5;
                since = since.max(to);
            }
        }
        wrong
    }

    fn answers(&self) -> usize {
        self.said
            .iter()
            .filter(|text| text.trim() == ANSWER)
            .count()
    }

    fn is_sorry(&self) -> bool {
        self.said.iter().any(|text| text.contains("sorry"))
    }
}

/// Every fault of `parts`, all at once on one server, and what `judge` says is wrong with what came of them.
fn matrix(parts: &[Part], behind: Behind, judge: fn(Part, Fault, &Report) -> Vec<&'static str>) {
    let bench = Bench::new();
    let made = bench.run(&format!(
        "speak \"{QUESTION}\" --voice rms --output question.wav"
    ));
    assert_eq!(made.code, 0, "{}", made.err);
    let wav = std::fs::read(bench.path("question.wav")).unwrap();
    let question: Vec<i16> = wav[44..]
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let web = vendors();
    let url = format!("http://{}/v1", web.address);
    let mut cells = Vec::new();
    for part in parts {
        for fault in FAULTS {
            let name = format!("{part:?}-{fault:?}").to_lowercase();
            cells.push((*part, fault, name, agent(*part, fault, behind)));
        }
    }
    let agents: Vec<_> = cells
        .iter()
        .map(|(_, _, name, text)| (name.as_str(), text.as_str()))
        .collect();
    let server = Server::with(&agents, &[("OPENAI_BASE_URL", &url)]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let length = question.len() / 320 + 1;
    let wrong = runtime.block_on(async {
        let mut calls = JoinSet::new();
        for (part, fault, name, _) in cells {
            let (url, question) = (server.url.clone(), question.clone());
            calls.spawn(async move { (part, fault, call(&url, &name, &question).await) });
        }
        let mut wrong = Vec::new();
        for (part, fault, report) in calls.join_all().await {
            let mut found = report.silences(length);
            found.extend(judge(part, fault, &report).into_iter().map(str::to_owned));
            if !found.is_empty() {
                wrong.push(format!("{part:?} {fault:?}: {found:?}\n  {report:?}"));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong, of what should be so.
fn unless(rules: &[(bool, &'static str)]) -> Vec<&'static str> {
    let broken = rules.iter().filter(|(kept, _)| !kept);
    broken.map(|(_, what)| *what).collect()
}

/// A conversation that was ended had one end with a reason, and nothing after it.
fn ended_once(report: &Report) -> bool {
    match report.closed {
        None => true,
        Some((_, code)) => code == 1_002 && !report.errors.is_empty(),
    }
}

#[test]
fn an_llm_or_a_recogniser_that_stands_alone_is_apologised_for() {
    matrix(
        &[Part::Llm, Part::Asr],
        Behind::Nobody,
        |_, fault, report| {
            if fault == Fault::Slow {
                return unless(&[
                    (report.heard.len() == 2, "a turn was lost"),
                    (report.answers() == 2, "an answer is missing"),
                    (report.errors.is_empty(), "slow is no failure"),
                ]);
            }
            unless(&[
                (report.is_sorry(), "nobody was sorry"),
                (ended_once(report), "it did not end once and with a reason"),
                (report.errors.len() <= 1, "it ended twice"),
            ])
        },
    );
}

#[test]
fn with_another_behind_nobody_notices() {
    let all = [Part::Llm, Part::Asr, Part::Tts];
    matrix(&all, Behind::Another, |part, fault, report| {
        // Half of an answer is not said again: the caller is told that it broke off.
        let breaks_off = part == Part::Llm && fault == Fault::Closes;
        unless(&[
            (report.heard.len() == 2, "a turn was lost"),
            (
                report.answers() == 2 || breaks_off && report.is_sorry(),
                "an answer is missing",
            ),
            (report.errors.is_empty(), "an error was told"),
            (report.closed.is_none(), "it ended"),
        ])
    });
}

#[test]
fn where_the_voice_fails_the_embedded_one_explains_itself_and_goes_on() {
    matrix(&[Part::Tts], Behind::Usual, |_, fault, report| {
        let told = usize::from(fault != Fault::Slow);
        unless(&[
            (report.heard.len() == 2, "a turn was lost"),
            (report.answers() == 2, "an answer is missing"),
            (
                report.errors == vec!["tts_cascade_error"; told],
                "the client is told once",
            ),
            (report.closed.is_none(), "it ended"),
            (report.sounded > 3 * SECOND, "the answers were not heard"),
        ])
    });
}

#[test]
fn without_any_other_voice_the_text_is_told_and_the_conversation_ends_once() {
    matrix(&[Part::Tts], Behind::Nobody, |_, fault, report| {
        let begins = matches!(fault, Fault::Closes | Fault::Slow);
        unless(&[
            (report.answers() >= 1, "it cannot be read"),
            (ended_once(report), "it did not end once and with a reason"),
            (report.closed.is_some() || begins, "it did not end"),
        ])
    });
}

//! Text to speech over a WebSocket: `stream-input`, and `multi-stream-input` with several contexts on one socket.
//!
//! Text is collected until there is enough of it to sound well: the lengths of `chunk_length_schedule`, cut at the end of a
//! sentence where there is one. What was collected is spoken in the order in which it came, whichever context it is of.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse as _, Response},
};
use protocol::{
    agents::AudioBytes,
    speech::{CharAlignment, TtsAudio, TtsError, TtsOutput},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    single_use::{Door, need_key_or_token},
    speech,
    tts::manner,
};
use crate::{
    Problem,
    access::Caller,
    http::House,
    speech::{
        Speech,
        output::{Coder, Output, Step},
        speaking::{Letter, Manner, Speaking},
    },
    websocket::{self, Incoming, Lost, Reader, Writer},
};

/// Characters that are collected before the first, second, … sound is made.
const SCHEDULE: [usize; 4] = [120, 160, 250, 290];
/// So much text may wait, in bytes. More is not read from the socket until some of it has been spoken.
const MOST_WAITING: usize = 64 * 1024;
/// Contexts on one socket.
const MOST_CONTEXTS: usize = 16;

#[derive(Clone, Default, Deserialize)]
pub(super) struct Wanted {
    output_format: Option<String>,
    language_code: Option<String>,
    inactivity_timeout: Option<f64>,
    auto_mode: Option<String>,
    sync_alignment: Option<String>,
    #[serde(alias = "token")]
    single_use_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    text: Option<String>,
    context_id: Option<String>,
    flush: Option<bool>,
    try_trigger_generation: Option<bool>,
    close_context: Option<bool>,
    close_socket: Option<bool>,
    voice_settings: Option<Value>,
    generation_config: Option<Value>,
    #[serde(rename = "xi-api-key", alias = "xi_api_key")]
    key: Option<String>,
    authorization: Option<String>,
}

type House_ = State<Arc<House>>;

/// `stream-input`.
pub(super) async fn one(
    State(house): House_,
    Path(voice): Path<String>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Response {
    open(&house, voice, wanted, request, false)
}

/// `multi-stream-input`.
pub(super) async fn many(
    State(house): House_,
    Path(voice): Path<String>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Response {
    open(&house, voice, wanted, request, true)
}

fn open(
    house: &Arc<House>,
    voice: String,
    wanted: Wanted,
    request: Request,
    multi: bool,
) -> Response {
    let token = wanted.single_use_token.as_deref();
    let known = need_key_or_token(house, request.headers(), Door::TtsWebsocket, token).is_ok();
    let speech = match speech(house) {
        Ok(speech) => speech.clone(),
        Err(problem) => return problem.into_response(),
    };
    let inner = Arc::clone(house);
    websocket::upgrade(house, request, move |mut reader, mut writer| async move {
        let desk = Desk::new(speech, &voice, &wanted, multi);
        let end = match desk {
            Ok(mut desk) => desk.talk(&inner, known, &mut reader, &mut writer).await,
            Err(problem) => {
                reader.first_word().await;
                End::Wrong(problem.message().to_owned(), "invalid_parameters")
            }
        };
        match end {
            // The other side's close has its answer with this.
            End::Done | End::Gone => writer.close(&mut reader, 1000, "").await,
            End::Wrong(message, error) => {
                let event = TtsOutput::Error(TtsError {
                    message: message.clone(),
                    error: Some(error.to_owned()),
                    code: Some(1008),
                });
                if writer.send(event.to_json()).await.is_ok() {
                    writer.close(&mut reader, 1008, &message).await;
                }
            }
        }
    })
}

enum End {
    Done,
    Gone,
    Wrong(String, &'static str),
}

impl From<Lost> for End {
    fn from(_: Lost) -> Self {
        Self::Gone
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Wrong(problem.message().to_owned(), "generation_failed")
    }
}

/// Text of a context that has not been given to the voice.
#[derive(Default)]
struct Context {
    text: String,
    schedule: Vec<usize>,
    /// How many pieces were made of it.
    made: usize,
    closing: bool,
}

/// What is to be done, in order.
enum Work {
    Say(Option<String>, String),
    /// A context is over.
    Close(Option<String>),
}

struct Desk {
    speech: Speech,
    manner: Manner,
    output: Output,
    multi: bool,
    eager: bool,
    patience: Duration,
    settings: Option<Value>,
    contexts: BTreeMap<Option<String>, Context>,
    work: VecDeque<Work>,
    /// Nothing follows.
    ending: bool,
}

/// The piece that is being spoken.
struct Job {
    context: Option<String>,
    speaking: Speaking,
    coder: Coder,
    letters: Vec<Letter>,
    /// Where the sound that has not been sent begins.
    sent: Duration,
    given: Duration,
}

impl Desk {
    fn new(speech: Speech, voice: &str, wanted: &Wanted, multi: bool) -> Result<Self, Problem> {
        let output = Output::parse(wanted.output_format.as_deref())?;
        let language = wanted
            .language_code
            .as_deref()
            .filter(|code| !code.is_empty());
        let manner = manner(&speech, voice, output, language, None)?;
        let seconds = wanted.inactivity_timeout.unwrap_or(20.0).clamp(1.0, 180.0);
        let is = |flag: &Option<String>| {
            flag.as_deref()
                .is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
        };
        Ok(Self {
            speech,
            manner,
            output,
            multi,
            eager: is(&wanted.auto_mode) || is(&wanted.sync_alignment),
            patience: Duration::from_secs_f64(seconds),
            settings: None,
            contexts: BTreeMap::new(),
            work: VecDeque::new(),
            ending: false,
        })
    }

    async fn talk(
        &mut self,
        house: &House,
        mut known: bool,
        reader: &mut Reader,
        writer: &mut Writer,
    ) -> End {
        let mut job: Option<Job> = None;
        let mut until = Instant::now() + self.patience;
        loop {
            while job.is_none() {
                match self.work.pop_front() {
                    Some(Work::Say(context, text)) => job = Some(self.begin(context, text)),
                    Some(Work::Close(context)) => {
                        if writer.send(self.last(&context)).await.is_err() {
                            return End::Gone;
                        }
                    }
                    None if self.ending => return End::Done,
                    None => break,
                }
            }
            let room = self.waiting() < MOST_WAITING && !self.ending;
            tokio::select! {
                incoming = reader.next(), if room => {
                    until = Instant::now() + self.patience;
                    let text = match incoming {
                        Incoming::Text(text) => text,
                        Incoming::Wrong(words) => return End::Wrong(words.to_owned(), "invalid_message"),
                        Incoming::Gone => return End::Gone,
                    };
                    if let Err(end) = self.hear(house, &mut known, &text) {
                        return end;
                    }
                }
                piece = next(&mut job) => {
                    let Some(current) = job.as_mut() else { continue };
                    until = Instant::now() + self.patience;
                    let piece = match piece {
                        Ok(piece) => piece,
                        Err(problem) => return problem.into(),
                    };
                    let done = piece.is_none();
                    let step = match piece {
                        Some(piece) => {
                            current.letters.extend(piece.letters);
                            current.given += self.output.rate.duration_of(piece.samples.len());
                            Step::Push(piece.samples)
                        }
                        None => Step::Flush,
                    };
                    let taken = job.take();
                    let Some(taken) = taken else { continue };
                    let (taken, message) = match taken.step(step, self.multi).await {
                        Ok(stepped) => stepped,
                        Err(problem) => return problem.into(),
                    };
                    if let Some(message) = message
                        && writer.send(message).await.is_err()
                    {
                        return End::Gone;
                    }
                    if !done {
                        job = Some(taken);
                    }
                }
                () = sleep_until(until), if job.is_none() => {
                    let words = format!("No text came for {} s.", self.patience.as_secs());
                    return End::Wrong(words, "input_timeout_exceeded");
                }
            }
        }
    }

    fn waiting(&self) -> usize {
        let work = self.work.iter().map(|work| match work {
            Work::Say(_, text) => text.len(),
            Work::Close(_) => 64,
        });
        work.sum::<usize>()
            + self
                .contexts
                .values()
                .map(|context| context.text.len())
                .sum::<usize>()
    }

    fn begin(&self, context: Option<String>, text: String) -> Job {
        Job {
            context,
            speaking: Speaking::saying(&self.speech, &self.manner, text),
            coder: self.output.coder(false, &self.speech.mp3),
            letters: Vec::new(),
            sent: Duration::ZERO,
            given: Duration::ZERO,
        }
    }

    /// The end of a context, or of all.
    #[expect(clippy::ref_option, reason = "contexts are kept by it")]
    fn last(&mut self, context: &Option<String>) -> String {
        self.contexts.remove(context);
        let end = TtsOutput::Audio(TtsAudio {
            is_final: Some(true),
            ..TtsAudio::default()
        });
        named(end.to_json(), context.as_deref().filter(|_| self.multi))
    }

    fn hear(&mut self, house: &House, known: &mut bool, text: &str) -> Result<(), End> {
        let wrong = |words: &str, error| Err(End::Wrong(words.to_owned(), error));
        let input: Input = match serde_json::from_str(text) {
            Ok(input) => input,
            Err(error) => {
                return wrong(&format!("This is no message: {error}."), "invalid_message");
            }
        };
        if !*known {
            *known = has_key(house, &input);
            if !*known {
                return wrong("An API key is needed.", "invalid_api_key");
            }
        }
        if let Some(settings) = input
            .voice_settings
            .clone()
            .filter(|settings| !settings.is_null())
        {
            let same = self
                .settings
                .as_ref()
                .is_none_or(|known| *known == settings);
            if !same && !self.multi {
                return wrong(
                    "The voice settings cannot change.",
                    "voice_settings_changed",
                );
            }
            let speed = settings.get("speed").and_then(Value::as_f64);
            if let Some(speed) = speed {
                if !(0.7..=1.2).contains(&speed) {
                    return wrong(
                        "voice_settings.speed is 0.7 to 1.2.",
                        "invalid_voice_settings",
                    );
                }
                self.manner.speed = speed as f32;
            }
            self.settings = Some(settings);
        }
        let id = if self.multi {
            input.context_id.clone()
        } else {
            None
        };
        if input.close_socket == Some(true) {
            let ids: Vec<Option<String>> = self.contexts.keys().cloned().collect();
            for id in ids {
                self.finish(&id);
            }
            self.ending = true;
            return Ok(());
        }
        if input.close_context == Some(true) {
            self.finish(&id);
            return Ok(());
        }
        let ends = !self.multi && input.text.as_deref() == Some("");
        if ends {
            self.contexts.entry(None).or_default();
            self.finish(&None);
            self.ending = true;
            return Ok(());
        }
        if !self.contexts.contains_key(&id) && self.contexts.len() >= MOST_CONTEXTS {
            return wrong(
                &format!("There are {MOST_CONTEXTS} contexts at the most; close one."),
                "max_active_contexts_exceeded",
            );
        }
        let eager = self.eager;
        let context = self.contexts.entry(id.clone()).or_default();
        if context.closing {
            return Ok(());
        }
        if let Some(schedule) = input
            .generation_config
            .as_ref()
            .and_then(|config| config.get("chunk_length_schedule")?.as_array())
        {
            context.schedule = schedule
                .iter()
                .filter_map(|length| usize::try_from(length.as_u64()?).ok())
                .map(|length| length.clamp(5, 500))
                .collect();
        }
        context
            .text
            .push_str(input.text.as_deref().unwrap_or_default());
        if context.text.len() > MOST_WAITING * 2 {
            return wrong("This text is too long for one message.", "text_too_long");
        }
        let _ = input.try_trigger_generation;
        while let Some(piece) = context.piece(eager, input.flush == Some(true)) {
            self.work.push_back(Work::Say(id.clone(), piece));
        }
        Ok(())
    }

    #[expect(clippy::ref_option, reason = "contexts are kept by it")]
    /// Nothing follows in a context: what is left of it is said, and its end told.
    fn finish(&mut self, id: &Option<String>) {
        let Some(context) = self.contexts.get_mut(id).filter(|context| !context.closing) else {
            return;
        };
        context.closing = true;
        while let Some(piece) = context.piece(true, true) {
            self.work.push_back(Work::Say(id.clone(), piece));
        }
        self.work.push_back(Work::Close(id.clone()));
    }
}

/// What the voice gives; without a voice nothing ever.
async fn next(job: &mut Option<Job>) -> Result<Option<crate::speech::speaking::Piece>, Problem> {
    match job {
        Some(job) => job.speaking.next(false).await,
        None => std::future::pending().await,
    }
}

fn has_key(house: &House, input: &Input) -> bool {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: Option<&String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    };
    put("xi-api-key", input.key.as_ref());
    put("authorization", input.authorization.as_ref());
    matches!(
        house.settings.keys.caller(&headers),
        Ok(Caller::Key(_) | Caller::Local)
    )
}

impl Context {
    /// Text that may be said now.
    fn piece(&mut self, eager: bool, all: bool) -> Option<String> {
        let length = self.text.chars().count();
        let schedule: &[usize] = if self.schedule.is_empty() {
            &SCHEDULE
        } else {
            &self.schedule
        };
        let wanted = schedule
            .get(self.made)
            .or(schedule.last())
            .copied()
            .unwrap_or(SCHEDULE[0]);
        let end = if all {
            self.text.len()
        } else {
            let sentence = end_of(&self.text, &['.', '!', '?', '\n']);
            match sentence {
                Some(end) if eager || length >= wanted => end,
                _ if length >= wanted => end_of(&self.text, &[',', ';', ':'])
                    .or_else(|| self.text.rfind(char::is_whitespace))
                    .filter(|end| *end > 0)?,
                _ => return None,
            }
        };
        let rest = self.text.split_off(end);
        let piece = std::mem::replace(&mut self.text, rest);
        if piece.trim().is_empty() {
            return None;
        }
        self.made += 1;
        Some(piece)
    }
}

/// Behind the last of these marks that white space follows.
fn end_of(text: &str, marks: &[char]) -> Option<usize> {
    text.char_indices()
        .rev()
        .find(|(at, mark)| {
            marks.contains(mark) && text[at + mark.len_utf8()..].starts_with(char::is_whitespace)
        })
        .map(|(at, mark)| at + mark.len_utf8())
}

impl Job {
    async fn step(mut self, step: Step, multi: bool) -> Result<(Self, Option<String>), Problem> {
        let (coder, coded) = self.coder.step(step).await;
        self.coder = coder;
        let bytes = coded?;
        if bytes.is_empty() {
            return Ok((self, None));
        }
        let alignment = align(&std::mem::take(&mut self.letters), self.sent);
        self.sent = self.given.saturating_sub(self.coder.held());
        let audio = TtsOutput::Audio(TtsAudio {
            audio: Some(AudioBytes::from(bytes)),
            is_final: None,
            normalized_alignment: alignment.clone(),
            alignment,
        });
        let message = named(audio.to_json(), self.context.as_deref().filter(|_| multi));
        Ok((self, Some(message)))
    }
}

fn align(letters: &[Letter], from: Duration) -> Option<CharAlignment> {
    if letters.is_empty() {
        return None;
    }
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    Some(CharAlignment {
        chars: letters.iter().map(|letter| letter.letter.clone()).collect(),
        starts_ms: letters
            .iter()
            .map(|letter| millis(letter.start.saturating_sub(from)))
            .collect(),
        durations_ms: letters
            .iter()
            .map(|letter| millis(letter.end.saturating_sub(letter.start)))
            .collect(),
    })
}

/// The message with the name of its context.
fn named(json: String, context: Option<&str>) -> String {
    let Some(context) = context else {
        return json;
    };
    match serde_json::from_str::<Value>(&json) {
        Ok(mut message) => {
            message["contextId"] = context.into();
            message.to_string()
        }
        Err(_) => json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_it_sounds_well_once_there_is_enough() {
        let mut context = Context {
            schedule: vec![20],
            ..Context::default()
        };
        context.text = "Too short. ".to_owned();
        assert_eq!(context.piece(false, false), None);
        context.text.push_str("Now it is long enough, and go");
        assert_eq!(context.piece(false, false).as_deref(), Some("Too short."));
        assert_eq!(
            context.piece(false, false).as_deref(),
            Some(" Now it is long enough,")
        );
        assert_eq!(context.piece(false, false), None);
        assert_eq!(context.piece(false, true).as_deref(), Some(" and go"));
        assert_eq!(context.piece(false, true), None);
    }

    #[test]
    fn an_eager_context_says_every_sentence_at_once() {
        let mut context = Context {
            text: "Hello. Wor".to_owned(),
            ..Context::default()
        };
        assert_eq!(context.piece(true, false).as_deref(), Some("Hello."));
        assert_eq!(context.piece(true, false), None);
    }
}

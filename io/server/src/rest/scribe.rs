//! `/v1/speech-to-text/realtime`: Scribe's socket, with the recogniser of this server.

use std::{sync::Arc, time::Duration};

use audio::{Decoder, Format, Resampler};
use axum::{
    extract::{RawQuery, Request, State},
    response::{IntoResponse as _, Response},
};
use protocol::speech::{Committed, ScribeInput, ScribeOutput, ScribeWord};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    list::{repeated, single},
    need_key, speech,
    stt::round,
};
use crate::{
    Problem,
    http::House,
    ids,
    speech::{
        Speech,
        hearing::{Cutter, Cutting, Hearing, RATE, words},
    },
    websocket::{self, Incoming, Reader, Writer},
};

/// A client that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest stretch without a commit; then there is one.
const LONGEST: Duration = Duration::from_secs(90);
/// Less than this cannot be committed by hand.
const LEAST: Duration = Duration::from_millis(300);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    model_id: Option<String>,
    audio_format: Option<String>,
    commit_strategy: Option<String>,
    vad_silence_threshold_secs: Option<f64>,
    vad_threshold: Option<f64>,
    min_speech_duration_ms: Option<u64>,
    min_silence_duration_ms: Option<u64>,
    language_code: Option<String>,
    include_timestamps: Option<String>,
    include_language_detection: Option<String>,
}

pub(super) async fn open(
    State(house): State<Arc<House>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let refused = need_key(&house, request.headers()).err();
    let speech = match speech(&house) {
        Ok(speech) => speech.clone(),
        Err(problem) => return problem.into_response(),
    };
    // Of repeated parameters (keyterms, languages) the last one would do; reading by pairs keeps the others.
    let query = query.unwrap_or_default();
    let terms = repeated(&query, "keyterms");
    let wanted = single(&query);
    websocket::upgrade(&house, request, move |mut reader, mut writer| async move {
        let begun = match (refused, wanted) {
            (Some(problem), _) => Err(("auth_error", problem)),
            (None, Err(problem)) => Err(("invalid_request", problem)),
            (None, Ok(wanted)) => {
                Desk::new(&speech, &wanted, terms).map_err(|problem| ("invalid_request", problem))
            }
        };
        let end = match begun {
            Ok(mut desk) => desk.talk(&mut reader, &mut writer).await,
            Err((kind, problem)) => {
                reader.first_word().await;
                Err(Trouble::new(kind, problem.message()))
            }
        };
        match end {
            // The other side's close has its answer with this.
            Ok(()) => writer.close(&mut reader, 1000, "").await,
            Err(trouble) => {
                let event = ScribeOutput::Error {
                    kind: trouble.kind.to_owned(),
                    error: trouble.words.clone(),
                };
                if writer.send(event.to_json()).await.is_ok() {
                    writer.close(&mut reader, 1008, &trouble.words).await;
                }
            }
        }
    })
}

struct Trouble {
    kind: &'static str,
    words: String,
}

impl Trouble {
    fn new(kind: &'static str, words: &str) -> Self {
        Self {
            kind,
            words: words.to_owned(),
        }
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::new("transcriber_error", problem.message())
    }
}

struct Desk {
    hearing: Hearing,
    cutter: Cutter,
    decoder: Decoder,
    resampler: Resampler,
    /// Commits come from the client.
    manual: bool,
    timed: bool,
    language: String,
    tells_language: bool,
    config: Value,
    /// Samples that came, at the recogniser's rate.
    heard: usize,
    /// Where the stretch that the recogniser hears begins, and how much of it it has.
    open: Option<(usize, usize)>,
    told: String,
}

impl Desk {
    fn new(speech: &Speech, wanted: &Wanted, terms: Vec<String>) -> Result<Self, Problem> {
        let Some(model) = wanted.model_id.as_deref().filter(|model| !model.is_empty()) else {
            return Err(Problem::missing("model_id"));
        };
        let name = wanted.audio_format.as_deref().unwrap_or("pcm_16000");
        let format: Format = name.parse().map_err(|error: audio::UnknownFormat| {
            Problem::invalid(error.to_string()).at("audio_format")
        })?;
        let manual = match wanted.commit_strategy.as_deref() {
            None | Some("manual") => true,
            Some("vad") => false,
            Some(other) => {
                let words = format!("commit_strategy {other:?} is neither manual nor vad.");
                return Err(Problem::invalid(words).at("commit_strategy"));
            }
        };
        let language = wanted
            .language_code
            .clone()
            .unwrap_or_else(|| "en".to_owned());
        speech.understands(&language)?;
        let pause = wanted.vad_silence_threshold_secs.unwrap_or(1.5);
        if !(0.3..=3.0).contains(&pause) {
            let words = "vad_silence_threshold_secs is 0.3 to 3.0.";
            return Err(Problem::invalid(words).at("vad_silence_threshold_secs"));
        }
        let threshold = wanted.vad_threshold.unwrap_or(0.4);
        if !(0.1..=0.9).contains(&threshold) {
            return Err(Problem::invalid("vad_threshold is 0.1 to 0.9.").at("vad_threshold"));
        }
        let is = |flag: &Option<String>| {
            flag.as_deref()
                .is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
        };
        let timed = is(&wanted.include_timestamps);
        let strategy = if manual { "manual" } else { "vad" };
        let config = json!({
            "sample_rate": format.rate().hz(), "audio_format": format.name(), "language_code": language,
            "timestamps_granularity": if timed { "word" } else { "none" }, "include_timestamps": timed,
            "vad_commit_strategy": !manual, "commit_strategy": strategy,
            "vad_silence_threshold_secs": pause, "vad_threshold": threshold,
            "min_speech_duration_ms": wanted.min_speech_duration_ms.unwrap_or(100),
            "min_silence_duration_ms": wanted.min_silence_duration_ms.unwrap_or(100),
            "max_tokens_to_recompute": 0, "model_id": model, "enable_logging": false, "keyterms": terms,
        });
        let cutting = Cutting {
            pause: Duration::from_secs_f64(pause),
            threshold: threshold as f32,
        };
        Ok(Self {
            hearing: Hearing::new(speech, &language, terms, true),
            cutter: Cutter::new(speech, cutting)?,
            decoder: Decoder::new(format),
            resampler: Resampler::new(format.rate(), RATE),
            manual,
            timed,
            tells_language: is(&wanted.include_language_detection),
            language,
            config,
            heard: 0,
            open: None,
            told: String::new(),
        })
    }

    async fn talk(&mut self, reader: &mut Reader, writer: &mut Writer) -> Result<(), Trouble> {
        let started = ScribeOutput::SessionStarted {
            session_id: ids::new(""),
            config: self.config.clone(),
        };
        if writer.send(started.to_json()).await.is_err() {
            return Ok(());
        }
        loop {
            let incoming = timeout(PATIENCE, reader.next()).await.map_err(|_| {
                Trouble::new("session_time_limit_exceeded", "Nothing came for a minute.")
            })?;
            let text = match incoming {
                Incoming::Text(text) => text,
                Incoming::Wrong(words) => return Err(Trouble::new("input_error", words)),
                Incoming::Gone => return Ok(()),
            };
            let input = ScribeInput::from_json(&text)
                .map_err(|error| Trouble::new("input_error", &error.to_string()))?;
            let mut events = Vec::new();
            self.hear(&input, &mut events).await?;
            for event in events {
                if writer.send(event.to_json()).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    async fn hear(
        &mut self,
        input: &ScribeInput,
        events: &mut Vec<ScribeOutput>,
    ) -> Result<(), Trouble> {
        let samples = self.decoder.decode(input.audio.as_ref());
        let samples = self.resampler.push(&samples);
        let from = self.heard;
        self.heard += samples.len();
        if self.manual {
            if !samples.is_empty() {
                if self.open.is_none() {
                    self.hearing.begin().await;
                    self.open = Some((from, 0));
                }
                self.hearing.audio(&samples).await;
                if let Some((_, got)) = &mut self.open {
                    *got += samples.len();
                }
            }
            self.partial(events);
            let length = self.open.map_or(0, |(_, got)| got);
            if input.commit {
                if length < RATE.samples_in(LEAST) {
                    events.push(ScribeOutput::Error {
                        kind: "commit_throttled".to_owned(),
                        error: "There are less than 0.3 s of sound to commit.".to_owned(),
                    });
                } else {
                    self.commit(self.heard, events).await?;
                }
            } else if length >= RATE.samples_in(LONGEST) {
                self.commit(self.heard, events).await?;
            }
            return Ok(());
        }
        for stretch in self.cutter.push(&samples) {
            self.catch_up(stretch.start, &stretch.samples).await;
            self.commit(stretch.end, events).await?;
        }
        if self.cutter.is_speaking() {
            let so_far = self.cutter.so_far().to_vec();
            let start = self.heard.saturating_sub(so_far.len());
            self.catch_up(start, &so_far).await;
            self.partial(events);
        }
        if input.commit
            && let Some(stretch) = self.cutter.finish()
        {
            self.catch_up(stretch.start, &stretch.samples).await;
            self.commit(stretch.end, events).await?;
        }
        Ok(())
    }

    /// Gives the recogniser what it has not heard of a stretch.
    async fn catch_up(&mut self, start: usize, samples: &[i16]) {
        let (start, got) = match self.open {
            Some(open) => open,
            None => {
                self.hearing.begin().await;
                (start, 0)
            }
        };
        if let Some(new) = samples.get(got..).filter(|new| !new.is_empty()) {
            self.hearing.audio(new).await;
        }
        self.open = Some((start, samples.len().max(got)));
    }

    fn partial(&mut self, events: &mut Vec<ScribeOutput>) {
        if let Some(text) = self
            .hearing
            .partial()
            .filter(|text| !text.is_empty() && *text != self.told)
        {
            self.told.clone_from(&text);
            events.push(ScribeOutput::Partial { text });
        }
    }

    async fn commit(&mut self, end: usize, events: &mut Vec<ScribeOutput>) -> Result<(), Trouble> {
        let Some((start, _)) = self.open.take() else {
            return Ok(());
        };
        self.told.clear();
        let text = self.hearing.end().await?.trim().to_owned();
        let committed = Committed {
            text: text.clone(),
            language_code: None,
            words: None,
        };
        events.push(ScribeOutput::Committed(committed.clone()));
        if self.timed {
            let seconds = |at| RATE.duration_of(at).as_secs_f64();
            let words = words(&text, seconds(start), seconds(end));
            events.push(ScribeOutput::CommittedWithTimestamps(Committed {
                language_code: self.tells_language.then(|| self.language.clone()),
                words: Some(
                    words
                        .into_iter()
                        .map(|word| ScribeWord {
                            kind: if word.is_space { "spacing" } else { "word" }.to_owned(),
                            text: word.text,
                            logprob: 0.0,
                            start: Some(round(word.start)),
                            end: Some(round(word.end)),
                            speaker_id: None,
                        })
                        .collect(),
                ),
                ..committed
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameters_are_all_read() {
        let query = "model_id=m&keyterms=Ada%20L&keyterms=Grace&secondary_languages=fr&secondary_languages=de";
        assert_eq!(repeated(query, "keyterms"), ["Ada L", "Grace"]);
        assert_eq!(
            single::<Wanted>(query).unwrap().model_id.as_deref(),
            Some("m")
        );
    }
}

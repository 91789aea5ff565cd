//! A reply's way from text to sound to the edge.

use std::{collections::VecDeque, time::Duration};

use audio::{Moment, Resampler, SampleRate};
use bytes::Bytes;
use protocol::agents::{
    Alignment, AudioBytes, AudioEvent, ErrorEvent, ErrorType, EventId, ServerEvent,
};
use providers::{ProviderError, tts};
use tokio::{sync::mpsc, time::Instant};
use turn::{AlignedText, Input, ReplyId};

use super::{MOST_VOICE_FAILURES, Session};
use crate::record::Fact;

/// Sound is sent in pieces no longer than this, so that stopping and remembering are exact.
const LONGEST_PIECE: Duration = Duration::from_millis(500);
/// A voice that has aligned nothing after this much sound aligns nothing at all.
const UNALIGNED_AFTER: Duration = Duration::from_millis(500);
/// Sound for recordings.
const RECORDED: SampleRate = SampleRate::HZ_16000;
/// A voice may be silent so long before the caller at least reads what it was to say.
const UNEXPLAINED: Duration = Duration::from_secs(3);
/// What another voice says first that has to take the place of the agent's own.
const VOICE_FAILED: &str = "I am sorry, my usual voice has failed. I go on with this one.";
/// The same where it cannot say the rest.
const MUTE: &str = "I am sorry, my voice has failed, and this one does not speak your language. Please try again later.";
/// The llm is told once, under this name.
const NOTE: &str = "duologue_voice";

/// What is known of a voice that speaks as a last resort.
#[derive(Default)]
pub(super) struct StandIn {
    /// The caller has heard why.
    excused: bool,
    /// The client was told.
    told: bool,
}

/// A reply being spoken.
pub(super) struct Voice {
    pub(super) session: tts::Session,
    /// What the voice has no room for yet.
    pub(super) waiting: VecDeque<tts::Input>,
    /// It was given all of the text.
    pub(super) ended: bool,
    /// Until when it may be silent.
    pub(super) patience: Instant,
    /// When its silence is explained by telling the text. None: it was heard, or the text was told.
    pub(super) explain: Option<Instant>,
    /// What sounds is the explanation of a voice that cannot say the rest.
    gives_up: bool,
    sound: Option<Sound>,
}

/// Sound on its way from the voice's rate to the edge's.
struct Sound {
    to_edge: Resampler,
    to_record: Option<Resampler>,
    /// What the voice has given, in its own time.
    taken: Duration,
    /// What was passed on, in the same time.
    given: Duration,
    /// Text whose sound has not been passed on, at its place in the whole.
    texts: VecDeque<AlignedText>,
    /// The voice says when its words sound.
    aligns: bool,
}

/// A chunk that waits for the machine's word.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) duration: Duration,
    pub(super) alignment: Vec<AlignedText>,
    pub(super) recorded: Vec<i16>,
}

impl Sound {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        Self {
            to_edge: Resampler::new(from, to),
            to_record: (to != RECORDED).then(|| Resampler::new(from, RECORDED)),
            taken: Duration::ZERO,
            given: Duration::ZERO,
            texts: VecDeque::new(),
            aligns: false,
        }
    }

    fn take(&mut self, chunk: &tts::Chunk) -> (Vec<i16>, Vec<i16>) {
        self.aligns |= !chunk.alignment.is_empty();
        for piece in chunk
            .alignment
            .iter()
            .filter(|piece| !piece.text.is_empty())
        {
            self.texts.push_back(AlignedText {
                text: piece.text.clone(),
                start: self.taken + piece.start,
                duration: piece.duration,
            });
        }
        self.taken += chunk.rate.duration_of(chunk.samples.len());
        let edge = self.to_edge.push(&chunk.samples);
        let recorded = match &mut self.to_record {
            Some(resampler) => resampler.push(&chunk.samples),
            None => edge.clone(),
        };
        (edge, recorded)
    }

    fn flush(&mut self) -> (Vec<i16>, Vec<i16>) {
        let edge = self.to_edge.flush();
        let recorded = match &mut self.to_record {
            Some(resampler) => resampler.flush(),
            None => edge.clone(),
        };
        (edge, recorded)
    }

    /// The texts that begin within the next `duration`.
    fn texts_within(&mut self, duration: Duration, last: bool) -> Vec<AlignedText> {
        let end = self.given + duration;
        let mut texts = Vec::new();
        while let Some(text) = self.texts.pop_front_if(|text| last || text.start < end) {
            texts.push(AlignedText {
                start: text.start.saturating_sub(self.given),
                ..text
            });
        }
        self.given = end;
        texts
    }
}

impl Session {
    pub(super) fn speak(&mut self, id: ReplyId, text: String) {
        let now = self.clock.now();
        let patience = self.voice_deadline();
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.first_clause.get_or_insert(now);
        if reply.keys.is_some() {
            return self.sound_keys(id, text);
        }
        let voice = reply.voice.get_or_insert_with(|| Voice {
            session: self.inner.providers.tts.start(tts::Options {
                voice: self.plan.voice.clone(),
                speed: self.plan.speed,
                rate: self.plan.output_format.1.rate(),
                language: self.plan.language.clone(),
                // Once is enough: the caller knows the voice by then.
                excuse: (!self.stand_in.excused).then(|| tts::Excuse {
                    goes_on: VOICE_FAILED.to_owned(),
                    gives_up: MUTE.to_owned(),
                }),
            }),
            waiting: VecDeque::new(),
            ended: false,
            patience,
            explain: Some(Instant::now() + UNEXPLAINED),
            gives_up: false,
            sound: None,
        });
        voice.waiting.push_back(tts::Input::Text(text));
        voice.feed();
    }

    pub(super) fn speak_end(&mut self, id: ReplyId) {
        let patience = self.voice_deadline();
        if self
            .replies
            .get(&id)
            .is_some_and(|reply| reply.keys.is_some())
        {
            return self.tell(Input::SpeechComplete { reply: id });
        }
        if let Some(voice) = self
            .replies
            .get_mut(&id)
            .and_then(|reply| reply.voice.as_mut())
        {
            voice.ended = true;
            if voice.sound.is_some() {
                voice.patience = patience;
            }
            voice.waiting.push_back(tts::Input::End);
            voice.feed();
        }
    }

    /// Keys sound in the place of a voice. The text comes in one piece or in several; all of it sounds with the first.
    fn sound_keys(&mut self, id: ReplyId, text: String) {
        let format = self.plan.output_format.1;
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let Some(keys) = reply.keys.as_ref().filter(|_| reply.first_sound.is_none()) else {
            return;
        };
        reply.first_sound = Some(self.clock.now());
        let samples = keys.samples(format.rate());
        let recorded = keys.samples(RECORDED);
        let duration = format.rate().duration_of(samples.len());
        let alignment = vec![AlignedText {
            text,
            start: Duration::ZERO,
            duration,
        }];
        self.facts.push_back((
            Input::Chunk {
                reply: id,
                duration,
                alignment: alignment.clone(),
            },
            Some(Chunk {
                bytes: format.encode(&samples),
                duration,
                alignment,
                recorded,
            }),
        ));
    }

    /// Hands over what providers have room for.
    pub(super) fn feed(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.feed();
        }
        for voice in self
            .replies
            .values_mut()
            .filter_map(|reply| reply.voice.as_mut())
        {
            voice.feed();
        }
    }

    pub(super) async fn on_tts(
        &mut self,
        id: ReplyId,
        event: Option<Result<tts::Event, ProviderError>>,
    ) {
        let now = self.clock.now();
        let patience = self.voice_deadline();
        let rate = self.plan.output_format.1.rate();
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let Some(voice) = &mut reply.voice else {
            return;
        };
        voice.patience = patience;
        match event {
            Some(Ok(tts::Event::Chunk(chunk))) => {
                reply.first_sound.get_or_insert(now);
                voice.explain = None;
                if !voice.gives_up {
                    self.voice_failures = 0;
                }
                let sound = voice
                    .sound
                    .get_or_insert_with(|| Sound::new(chunk.rate, rate));
                let (edge, recorded) = sound.take(&chunk);
                self.pass_on(id, &edge, &recorded, false);
            }
            Some(Ok(tts::Event::TookOver(news))) => {
                voice.gives_up = news.gives_up;
                self.voice_taken_over(&news).await;
            }
            Some(Ok(tts::Event::Done)) => {
                let rest = voice.sound.as_mut().map(Sound::flush);
                if let Some((edge, recorded)) = rest {
                    self.pass_on(id, &edge, &recorded, true);
                }
                if let Some(reply) = self.replies.get_mut(&id) {
                    reply.voice = None;
                }
                self.tell(Input::SpeechComplete { reply: id });
            }
            Some(Err(error)) => self.voice_failed(id, &error).await,
            None => {
                let error = ProviderError::Failed {
                    provider: self.inner.providers.tts.name().to_owned(),
                    reason: "it closed before it had spoken everything".to_owned(),
                };
                self.voice_failed(id, &error).await;
            }
        }
    }

    /// Tells of sound in pieces of bearable length.
    fn pass_on(&mut self, id: ReplyId, edge: &[i16], recorded: &[i16], last: bool) {
        let format = self.plan.output_format.1;
        let Some(sound) = self
            .replies
            .get_mut(&id)
            .and_then(|reply| reply.voice.as_mut())
            .and_then(|voice| voice.sound.as_mut())
        else {
            return;
        };
        let length = format.rate().samples_in(LONGEST_PIECE);
        let count = edge.len().div_ceil(length);
        for (index, samples) in edge.chunks(length).enumerate() {
            let duration = format.rate().duration_of(samples.len());
            let alignment = sound.texts_within(duration, last && index + 1 == count);
            let mut told = alignment.clone();
            if told.is_empty() && (sound.aligns || sound.given <= UNALIGNED_AFTER) {
                // In this piece nothing begins. Without a word on that the machine would guess what is said in it.
                told.push(AlignedText {
                    text: String::new(),
                    start: Duration::ZERO,
                    duration: Duration::ZERO,
                });
            }
            let share = recorded.len() * index / count..recorded.len() * (index + 1) / count;
            self.facts.push_back((
                Input::Chunk {
                    reply: id,
                    duration,
                    alignment: told,
                },
                Some(Chunk {
                    bytes: format.encode(samples),
                    duration,
                    alignment,
                    recorded: recorded[share].to_vec(),
                }),
            ));
        }
    }

    /// Another voice speaks in the place of the agent's own. Of a last resort the client is told as well, once.
    async fn voice_taken_over(&mut self, news: &tts::TookOver) {
        if news.excused {
            self.stand_in.excused = true;
            let note =
                "The agent's usual voice has failed. The user has heard an apology for that.";
            self.context.note(Some(NOTE.to_owned()), note.to_owned());
        }
        if news.gives_up {
            // The failure follows, and is told then.
            return;
        }
        let text = format!("the voice failed: {}; {} goes on", news.because, news.by);
        self.warn(&text);
        if !news.last_resort || std::mem::replace(&mut self.stand_in.told, true) {
            return;
        }
        self.send(ServerEvent::Error {
            error_event: ErrorEvent::new(ErrorType::TtsCascadeError, text),
        })
        .await;
    }

    pub(super) async fn voice_failed(&mut self, id: ReplyId, error: &ProviderError) {
        self.voice_failures += 1;
        self.warn(&format!("the voice failed: {error}"));
        let mut sounds = false;
        if let Some(reply) = self.replies.get_mut(&id)
            && let Some(voice) = reply.voice.take()
        {
            sounds = voice.sound.is_some();
        }
        if !error.is_transient() || self.voice_failures >= MOST_VOICE_FAILURES {
            self.announce(id).await;
            if sounds {
                // What was said, an explanation perhaps, is heard before the end.
                self.fatal
                    .get_or_insert((ErrorType::TtsCascadeError, error.to_string()));
                self.tell(Input::AgentEnds { reply: id });
                return self.tell(Input::SpeechFailed { reply: id });
            }
            // There is no voice to say it with.
            return self
                .fail(ErrorType::TtsCascadeError, error.to_string())
                .await;
        }
        self.announce(id).await;
        self.send(ServerEvent::Error {
            error_event: ErrorEvent::new(ErrorType::TtsCascadeError, error.to_string()),
        })
        .await;
        self.tell(Input::SpeechFailed { reply: id });
    }

    /// Sends a chunk under its id.
    pub(super) async fn play(&mut self, now: Moment, id: ReplyId, event: u64, chunk: Chunk) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        let first = reply.first_event.is_none();
        reply.first_event.get_or_insert(event);
        let written = reply.written;
        if first && written {
            self.announce(id).await;
        }
        self.last_event = self.last_event.max(event);
        self.plays_until = self.plays_until.max(now) + chunk.duration;
        self.track.push(event, now, self.one_way, chunk.recorded);
        let alignment = (!chunk.alignment.is_empty()).then(|| letters(&chunk.alignment));
        self.send(
            AudioEvent {
                audio_base_64: AudioBytes(Bytes::from(chunk.bytes)),
                event_id: EventId(event),
                alignment,
                is_final: None,
            }
            .into(),
        )
        .await;
        if first {
            self.measure(now, id, event).await;
        }
    }

    /// The first sound after a user's turn: where did the time go?
    async fn measure(&mut self, now: Moment, id: ReplyId, event: u64) {
        let Some(mut moments) = self.turn_moments.take() else {
            return;
        };
        if let Some(reply) = self.replies.get(&id) {
            moments.first_token = reply.first_token;
            moments.first_clause = reply.first_clause;
            moments.first_sound = reply.first_sound;
        }
        moments.sent = Some(now);
        let stages = moments.stages();
        self.options.recorder.record(
            &self.id,
            now,
            Fact::Latency {
                event,
                stages: &stages,
            },
        );
        if self.wants_metrics {
            self.send(ServerEvent::DuologueMetrics {
                event_id: EventId(event),
                stages,
            })
            .await;
        }
    }

    /// A voice that takes long: its text is told without it.
    pub(super) async fn explain_silence(&mut self, now: Instant) {
        let mut mute = Vec::new();
        for (id, reply) in &mut self.replies {
            let written = reply.written;
            if let Some(voice) = &mut reply.voice
                && voice.explain.is_some_and(|at| at <= now)
            {
                voice.explain = (!written).then(|| now + UNEXPLAINED);
                if written {
                    mute.push(*id);
                }
            }
        }
        for id in mute {
            self.warn("the voice is slow; the caller reads what it was to say");
            self.announce(id).await;
        }
    }
}

impl Voice {
    /// Whether it has something to say: its first sound, or all the rest.
    pub(super) fn owes_sound(&self) -> bool {
        self.ended || self.sound.is_none()
    }

    fn feed(&mut self) {
        while let Some(input) = self.waiting.pop_front() {
            match self.session.input.try_send(input) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(input)) => {
                    self.waiting.push_front(input);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    // It says why, or closes, on the other channel.
                    self.waiting.clear();
                    return;
                }
            }
        }
    }
}

/// Aligned texts letter by letter, as the wire has them.
fn letters(alignment: &[AlignedText]) -> Alignment {
    let mut letters = Alignment::default();
    let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    for piece in alignment {
        let count = u32::try_from(piece.text.chars().count())
            .unwrap_or(u32::MAX)
            .max(1);
        for (index, letter) in (0..count).zip(piece.text.chars()) {
            let from = piece.start + piece.duration * index / count;
            let to = piece.start + piece.duration * (index + 1) / count;
            letters.chars.push(letter.to_string());
            letters.char_start_times_ms.push(millis(from));
            letters
                .char_durations_ms
                .push(millis(to).saturating_sub(millis(from)));
        }
    }
    letters
}

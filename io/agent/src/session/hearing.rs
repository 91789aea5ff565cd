//! From the client's bytes to the vad and the recogniser.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use audio::{Decoder, Framer, Melody, Moment, Resampler, SampleRate};
use protocol::agents::{ErrorType, TurnProbability};
use providers::{
    ProviderError,
    asr::{self, Expected},
    vad::Detector,
};
use tokio::{sync::mpsc, time::Instant};
use turn::{Input, UtteranceId};

use super::Session;
use crate::{
    agent::Inner,
    plan::{Plan, Refusal},
    record::Fact,
};

const RATE: SampleRate = SampleRate::HZ_16000;
/// How much sound is kept from before an utterance was noticed.
const PRE_ROLL: Duration = Duration::from_millis(1_500);
/// A longer piece of sound is not judged at once but over the time it lasts. Some clients send a quarter of a second at a
/// time: were it told in one moment, every pause between two pieces would look like silence.
const LONGEST_AT_ONCE: Duration = Duration::from_millis(60);
/// Pieces that may wait for a recogniser that cannot keep up, beside its own queue: half a minute.
const MOST_WAITING: usize = 2_000;
/// How long a final text may be owed on the real clock. The machine's own limit comes first where time is real.
const FINAL_PATIENCE: Duration = Duration::from_secs(10);
/// A gap in the caller's stream that the recording shows as silence.
const GAP: Duration = Duration::from_millis(300);
/// Recognisers that fail so often without a text between end the conversation.
const MOST_FAILURES: u32 = 3;

type Drained = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Hearing {
    decoder: Decoder,
    resampler: Resampler,
    framer: Framer,
    detector: Box<dyn Detector>,
    frame: Duration,
    melody: Melody,
    before: VecDeque<i16>,
    /// How much of `before` no utterance has had yet: two utterances never share a sound, or words would be heard twice.
    fresh: usize,
    asr: asr::Session,
    waiting: VecDeque<asr::Input>,
    drained: Option<Drained>,
    /// The utterance that is being heard.
    open: Option<UtteranceId>,
    /// Utterances whose final text is owed, and until when that is patiently waited for.
    owed: BTreeMap<u64, Instant>,
    pub(super) expected: Expected,
    /// When the next frame of a long piece is to be judged.
    pub(super) next_frame: Option<Moment>,
    /// When the next sample of the caller sounds, on the caller's own count.
    position: Moment,
    gone: bool,
}

impl Hearing {
    pub(super) fn new(inner: &Inner, plan: &Plan) -> Result<Self, Refusal> {
        let detector = inner.providers.vad.detector();
        if detector.rate() != RATE {
            return Err(Refusal {
                error_type: ErrorType::VadError,
                message: format!(
                    "the vad {} wants {}; this agent hears at {RATE}",
                    inner.providers.vad.name(),
                    detector.rate()
                ),
            });
        }
        let format = plan.input_format.1;
        Ok(Self {
            decoder: Decoder::new(format),
            resampler: Resampler::new(format.rate(), RATE),
            framer: Framer::new(detector.frame_len().max(1)),
            frame: RATE.duration_of(detector.frame_len().max(1)),
            detector,
            melody: Melody::new(RATE),
            before: VecDeque::with_capacity(RATE.samples_in(PRE_ROLL)),
            fresh: 0,
            asr: listen(inner, plan),
            waiting: VecDeque::new(),
            drained: None,
            open: None,
            owed: BTreeMap::new(),
            expected: Expected::default(),
            next_frame: None,
            position: Moment::ZERO,
            gone: false,
        })
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<asr::Event, ProviderError>>> {
        if self.gone {
            return Poll::Pending;
        }
        self.asr.events.poll_recv(cx)
    }

    /// Whether the recogniser has taken all it was given.
    pub(super) fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.gone {
            return Poll::Ready(());
        }
        loop {
            // What waits is handed over first; a future that has permits set aside would stand in its way.
            self.feed();
            let all = self.asr.input.max_capacity();
            let wanted = if self.waiting.is_empty() { all } else { 1 };
            if self.asr.input.capacity() >= wanted && self.waiting.is_empty() {
                self.drained = None;
                return Poll::Ready(());
            }
            let drained = self.drained.get_or_insert_with(|| {
                let input = self.asr.input.clone();
                Box::pin(async move {
                    let _ = input.reserve_many(wanted).await;
                })
            });
            if drained.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.drained = None;
        }
    }

    /// There is no recogniser any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn patience(&self) -> Option<Instant> {
        self.owed.values().min().copied()
    }

    pub(super) fn outstanding(&self) -> usize {
        usize::from(!self.owed.is_empty())
    }

    /// Hands over what the recogniser has room for.
    pub(super) fn feed(&mut self) {
        if !self.waiting.is_empty() {
            // Who waits for all places holds those that are free already.
            self.drained = None;
        }
        while let Some(input) = self.waiting.pop_front() {
            match self.asr.input.try_send(input) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(input)) => {
                    self.waiting.push_front(input);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.waiting.clear();
                    return;
                }
            }
        }
    }

    fn give(&mut self, input: asr::Input) {
        // Permits that it has set aside are needed now.
        self.drained = None;
        self.waiting.push_back(input);
        self.feed();
    }

    pub(super) fn open(&mut self, utterance: UtteranceId, since: Duration) {
        self.give(asr::Input::Begin {
            utterance: utterance.0,
            expected: self.expected.clone(),
        });
        let kept = RATE.samples_in(since).min(self.fresh);
        self.fresh = 0;
        let sound: Vec<i16> = self
            .before
            .range(self.before.len() - kept..)
            .copied()
            .collect();
        self.give(asr::Input::Audio(sound));
        self.open = Some(utterance);
    }

    /// The utterance is over. Gives how final its melody sounded, if that can be told.
    pub(super) fn close(&mut self, utterance: UtteranceId) -> Option<f32> {
        if self.open == Some(utterance) {
            self.open = None;
            self.owed
                .insert(utterance.0, Instant::now() + FINAL_PATIENCE);
            self.give(asr::Input::End);
        }
        self.melody.contour().map(turn::finality)
    }

    pub(super) fn drop_utterance(&mut self, utterance: UtteranceId) {
        if self.open == Some(utterance) {
            self.open = None;
            self.give(asr::Input::Drop);
        }
        self.owed.remove(&utterance.0);
    }

    fn keep(&mut self, frame: &[i16]) {
        let limit = RATE.samples_in(PRE_ROLL);
        let over = (self.before.len() + frame.len())
            .saturating_sub(limit)
            .min(self.before.len());
        self.before.drain(..over);
        self.before.extend(frame);
        self.fresh = if self.open.is_some() {
            0
        } else {
            (self.fresh + frame.len()).min(self.before.len())
        };
    }

    /// All utterances that wait for a text.
    fn unanswered(&mut self) -> Vec<u64> {
        let mut ids: Vec<u64> = std::mem::take(&mut self.owed).into_keys().collect();
        ids.extend(self.open.take().map(|utterance| utterance.0));
        ids
    }
}

fn listen(inner: &Inner, plan: &Plan) -> asr::Session {
    inner.providers.asr.start(asr::Options {
        rate: RATE,
        language: plan.language.clone(),
        keywords: plan.keywords.clone(),
        partials: true,
    })
}

impl Session {
    /// A piece of the caller's sound.
    pub(super) async fn on_audio(&mut self, bytes: &[u8]) {
        let Some(hearing) = &mut self.hearing else {
            return;
        };
        let mut samples = Vec::with_capacity(bytes.len());
        hearing.decoder.decode_into(bytes, &mut samples);
        let mut sound = Vec::with_capacity(samples.len() + 64);
        hearing.resampler.push_into(&samples, &mut sound);
        let now = self.clock.now();
        let length = RATE.duration_of(sound.len());
        // The caller's count of samples is the clock of the recording; a gap in the stream moves it on.
        if hearing.position + GAP + length < now {
            hearing.position = now - length;
        }
        let from = hearing.position;
        hearing.position += length;
        self.options.recorder.record(
            &self.id,
            now,
            Fact::CallerAudio {
                from,
                samples: &sound,
            },
        );
        let Some(hearing) = &mut self.hearing else {
            return;
        };
        let was_spread = hearing.next_frame.take().is_some();
        if was_spread {
            // The next piece is here: what is left of the last one is late.
            while self.over.is_none() && self.hear_frame().await {}
        }
        let Some(hearing) = &mut self.hearing else {
            return;
        };
        hearing.framer.push(&sound);
        if length > LONGEST_AT_ONCE {
            hearing.next_frame = Some(now);
            self.hear_spread().await;
        } else {
            while self.over.is_none() && self.hear_frame().await {}
        }
    }

    /// Judges those frames of a long piece whose time has come.
    pub(super) async fn hear_spread(&mut self) {
        while let Some(hearing) = &mut self.hearing
            && let Some(due) = hearing.next_frame
            && due <= self.clock.now()
            && self.over.is_none()
        {
            // A little faster than it sounded, so that all of it is judged when the next piece comes.
            hearing.next_frame = Some(due + hearing.frame * 9 / 10);
            if !self.hear_frame().await
                && let Some(hearing) = &mut self.hearing
            {
                hearing.next_frame = None;
            }
        }
    }

    /// Judges the next whole frame, if there is one.
    async fn hear_frame(&mut self) -> bool {
        let threshold = self.plan.turn.voice_threshold;
        let Some(hearing) = &mut self.hearing else {
            return false;
        };
        let Some(frame) = hearing.framer.next_frame().map(<[i16]>::to_vec) else {
            return false;
        };
        hearing.keep(&frame);
        let probability = hearing.detector.probability(&frame);
        hearing.melody.push(&frame, probability >= threshold);
        let length = hearing.frame;
        let open = hearing.open;
        if probability >= threshold {
            self.last_voice = self.clock.now();
        }
        self.tell(Input::Voice {
            probability,
            frame: length,
        });
        self.settle_facts().await;
        if let Some(hearing) = &mut self.hearing
            && open.is_some()
            && hearing.open == open
        {
            hearing.give(asr::Input::Audio(frame));
            if hearing.waiting.len() > MOST_WAITING {
                let failure = ProviderError::Failed {
                    provider: self.inner.providers.asr.name().to_owned(),
                    reason: "it cannot keep up with speech".to_owned(),
                };
                self.on_asr(Some(Err(failure))).await;
            }
        }
        self.send(
            protocol::agents::VadScore {
                vad_score: f64::from(probability),
            }
            .into(),
        )
        .await;
        true
    }

    pub(super) async fn on_asr(&mut self, event: Option<Result<asr::Event, ProviderError>>) {
        let now = self.clock.now();
        match event {
            Some(Ok(asr::Event::Partial { utterance, text })) => {
                self.send_tentative(&text).await;
                self.tell(Input::Partial {
                    utterance: UtteranceId(utterance),
                    text,
                });
            }
            Some(Ok(asr::Event::Final { utterance, text })) => {
                self.asr_failures = 0;
                self.last_final = Some(now);
                if let Some(hearing) = &mut self.hearing {
                    hearing.owed.remove(&utterance);
                    if hearing.open == Some(UtteranceId(utterance)) {
                        hearing.open = None;
                    }
                }
                self.tell(Input::Final {
                    utterance: UtteranceId(utterance),
                    text,
                });
                self.settle_facts().await;
                if let Some(probability) = self.machine.turn_probability() {
                    let event = TurnProbability {
                        turn_probability: f64::from(probability),
                    };
                    self.send(event.into()).await;
                }
            }
            Some(Err(error)) => self.asr_failed(&error).await,
            None => {
                let error = ProviderError::Failed {
                    provider: self.inner.providers.asr.name().to_owned(),
                    reason: "it closed in the middle of the conversation".to_owned(),
                };
                self.asr_failed(&error).await;
            }
        }
    }

    /// The recogniser failed: what it owed stays unsaid, and a new session takes its place.
    async fn asr_failed(&mut self, error: &ProviderError) {
        self.asr_failures += 1;
        self.warn(&format!("recognition failed: {error}"));
        let inner = Arc::clone(&self.inner);
        let Some(hearing) = &mut self.hearing else {
            return;
        };
        let unanswered = hearing.unanswered();
        hearing.waiting.clear();
        hearing.drained = None;
        let give_up = !error.is_transient() || self.asr_failures >= MOST_FAILURES;
        if give_up {
            hearing.gone = true;
        } else {
            hearing.asr = listen(&inner, &self.plan);
        }
        if give_up {
            self.deaf = Some((ErrorType::AsrTranscriptionError, error.to_string()));
        }
        for utterance in unanswered {
            self.tell(Input::Unheard {
                utterance: UtteranceId(utterance),
            });
        }
        if give_up {
            self.settle_facts().await;
            // Where nobody waits for an answer, there is nobody to apologise to.
            if let Some((error_type, message)) = self.deaf.take() {
                self.fail(error_type, message).await;
            }
        }
    }

    /// A final text is owed for too long.
    pub(super) async fn give_up_finals(&mut self, now: Instant) {
        let late = self
            .hearing
            .as_ref()
            .is_some_and(|hearing| hearing.patience().is_some_and(|at| at <= now));
        if late {
            let error = ProviderError::TimedOut {
                provider: self.inner.providers.asr.name().to_owned(),
                after: FINAL_PATIENCE,
            };
            self.asr_failed(&error).await;
        }
    }

    /// Begins to listen anew, in the plan's language.
    pub(super) fn listen_anew(&mut self) {
        let inner = Arc::clone(&self.inner);
        if let Some(hearing) = &mut self.hearing {
            hearing.asr = listen(&inner, &self.plan);
            for utterance in hearing.unanswered() {
                self.facts.push_back((
                    Input::Final {
                        utterance: UtteranceId(utterance),
                        text: String::new(),
                    },
                    None,
                ));
            }
        }
    }
}

//! What every provider must keep to, as tests that a provider's own tests call.
//!
//! Each function plays a few sessions and says what was broken. Waits end after [`PATIENCE`], which only a provider that
//! hangs meets: nothing here measures speed.

use std::time::Duration;

use audio::SampleRate;
use tokio::time::timeout;

use crate::{ProviderError, asr, tts, vad};

/// How long a provider may take for anything before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What a provider did not keep to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

fn broken<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken(what.into()))
}

fn keep(kept: bool, what: impl Into<String>) -> Result<(), Broken> {
    if kept { Ok(()) } else { broken(what) }
}

/// A detector answers 0 to 1 for every frame, finds no speech in silence and some in `speech` (mono, at the detector's
/// rate), and one conversation's detector does not know what another has heard.
pub fn vad(vad: &dyn vad::Vad, speech: &[i16]) -> Result<(), Broken> {
    keep(!vad.name().is_empty(), "a detector has a name")?;
    let judge = |sound: &[i16]| -> Result<Vec<f32>, Broken> {
        let mut detector = vad.detector();
        let length = detector.frame_len();
        keep(length > 0, "a frame has samples")?;
        sound
            .chunks_exact(length)
            .map(|frame| {
                let probability = detector.probability(frame);
                keep(
                    (0.0..=1.0).contains(&probability),
                    format!("a probability is from 0 to 1, not {probability}"),
                )?;
                Ok(probability)
            })
            .collect()
    };
    let silence = vec![0; speech.len()];
    keep(
        judge(&silence)?
            .iter()
            .all(|&probability| probability < 0.5),
        "silence is not speech",
    )?;
    let first = judge(speech)?;
    keep(
        first.iter().any(|&probability| probability > 0.5),
        "speech is speech",
    )?;
    keep(
        first == judge(speech)?,
        "a fresh detector judges the same sound in the same way",
    )?;
    judge(&vec![i16::MIN; speech.len()])?;
    Ok(())
}

/// A recogniser gives exactly one final text per ended utterance, in order, an empty one for nothing; nothing for a
/// dropped one; survives sound out of turn, sessions that vanish, and many at once. `speech` is mono at 16 kHz and is
/// understood as something.
pub async fn asr(asr: &dyn asr::Asr, speech: &[i16]) -> Result<(), Broken> {
    keep(!asr.name().is_empty(), "a recogniser has a name")?;
    let options = || asr::Options {
        rate: SampleRate::HZ_16000,
        ..asr::Options::default()
    };

    let mut session = asr.start(options());
    // Sound that belongs to nothing is nobody's fault.
    tell(&session, asr::Input::Audio(vec![0; 320])).await?;
    tell(&session, asr::Input::End).await?;
    tell(&session, asr::Input::Drop).await?;
    utter(&session, 1, speech, asr::Input::End).await?;
    let spoken = final_text(&mut session, 1).await?;
    keep(!spoken.is_empty(), "speech gives words")?;
    utter(&session, 2, &[], asr::Input::End).await?;
    keep(
        final_text(&mut session, 2).await?.is_empty(),
        "an utterance without sound gives an empty text",
    )?;
    utter(&session, 3, speech, asr::Input::Drop).await?;
    utter(&session, 4, speech, asr::Input::End).await?;
    keep(
        !final_text(&mut session, 4).await?.is_empty(),
        "after a dropped utterance the next is heard",
    )?;
    // One that is never ended is forgotten when the next begins.
    begin(&session, 5).await?;
    tell(&session, asr::Input::Audio(speech.to_vec())).await?;
    utter(&session, 6, speech, asr::Input::End).await?;
    final_text(&mut session, 6).await?;
    drop(session.input);
    closes(&mut session.events).await?;

    // Whoever goes in the middle of a sentence leaves nothing behind that keeps others waiting.
    for utterance in 0..12 {
        let session = asr.start(options());
        begin(&session, utterance).await?;
        tell(&session, asr::Input::Audio(speech.to_vec())).await?;
        if utterance % 2 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut session = asr.start(options());
    utter(&session, 1, speech, asr::Input::End).await?;
    final_text(&mut session, 1).await?;

    // More at once than there are decoders or connections.
    let mut sessions: Vec<_> = (0..6).map(|_| asr.start(options())).collect();
    for session in &sessions {
        utter(session, 9, speech, asr::Input::End).await?;
    }
    for session in &mut sessions {
        keep(
            !final_text(session, 9).await?.is_empty(),
            "one of many at once is heard too",
        )?;
    }

    // What it cannot do it says, in a way that a program understands.
    let mut session = asr.start(asr::Options {
        language: "zz".to_owned(),
        ..options()
    });
    if !asr.languages().is_empty() {
        let _ = begin(&session, 1).await;
        match next(&mut session.events).await? {
            Some(Err(ProviderError::Unsupported { .. })) => {}
            other => return broken(format!("an unknown language is unsupported, not {other:?}")),
        }
        closes(&mut session.events).await?;
    }
    Ok(())
}

/// A voice streams chunks at one rate, their words join to the text, [`tts::Event::Done`] comes once and last; nothing to
/// say is done at once; a session that vanishes keeps nobody waiting; a listener who does not listen holds the voice back.
pub async fn tts(tts: &dyn tts::Tts) -> Result<(), Broken> {
    keep(!tts.name().is_empty(), "a voice has a name")?;
    for text in [
        "Hello there.",
        "On May 3rd, Dr. Lee paid $12.50 (about 10%) at 3:30 p.m.; write to jo.doe@example.com!",
        "**Bold**, `code`, a [link](https://example.com/x) 🎉 and \u{7} a bell —\n- one\n- two",
        "🎉🎉",
        "ééé ça 中文 текст",
        &"word ".repeat(60),
        &"x".repeat(300),
    ] {
        let spoken = speak(tts, &[text]).await?;
        keep(
            plain(&spoken.aligned) == plain(text),
            format!(
                "the words of the chunks join to the text: {:?} is not {text:?}",
                spoken.aligned
            ),
        )?;
    }
    let whole = speak(tts, &["Good morning. ", "How are you? "]).await?;
    keep(whole.samples > 4_000, "speech is heard")?;
    keep(whole.chunks > 1, "sound is streamed in more than one chunk")?;
    keep(
        plain(&whole.aligned) == "Goodmorning.Howareyou?",
        "texts follow each other",
    )?;
    keep(
        speak(tts, &[]).await?.samples == 0,
        "nothing to say makes no sound",
    )?;

    // A listener who goes away, and one who does not listen, keep nobody waiting.
    let mut idle = Vec::new();
    for turn in 0..6 {
        let mut session = tts.start(tts::Options::default());
        let text = "This reply is interrupted long before it is over, as replies are. ".repeat(6);
        say(&session, &text).await?;
        if turn % 2 == 0 {
            next(&mut session.events).await?;
        } else {
            idle.push(session);
        }
    }
    speak(tts, &["Still here."]).await?;
    for session in &idle {
        keep(
            session.events.len() <= session.events.max_capacity(),
            "chunks that nobody takes are bounded",
        )?;
    }
    drop(idle);

    let mut session = tts.start(tts::Options {
        voice: Some("no such voice".to_owned()),
        ..tts::Options::default()
    });
    if !tts.voices().is_empty() {
        let _ = say(&session, "Hello.").await;
        match next(&mut session.events).await? {
            Some(Err(ProviderError::Unsupported { .. })) => {}
            other => return broken(format!("an unknown voice is unsupported, not {other:?}")),
        }
        closes(&mut session.events).await?;
    }
    Ok(())
}

/// What came of a reply.
struct Spoken {
    aligned: String,
    samples: usize,
    chunks: usize,
}

async fn speak(tts: &dyn tts::Tts, texts: &[&str]) -> Result<Spoken, Broken> {
    let mut session = tts.start(tts::Options::default());
    for text in texts {
        say(&session, text).await?;
    }
    match timeout(PATIENCE, session.input.send(tts::Input::End)).await {
        Ok(Ok(())) => {}
        _ => return broken("a voice takes the end of the text"),
    }
    let mut spoken = Spoken {
        aligned: String::new(),
        samples: 0,
        chunks: 0,
    };
    let mut rate = None;
    loop {
        match next(&mut session.events).await? {
            Some(Ok(tts::Event::Chunk(chunk))) => {
                keep(
                    *rate.get_or_insert(chunk.rate) == chunk.rate,
                    "all chunks of a reply have one rate",
                )?;
                let lasts = chunk.rate.duration_of(chunk.samples.len());
                let mut before = Duration::ZERO;
                for word in &chunk.alignment {
                    keep(
                        word.start >= before && word.start <= lasts,
                        "words begin in order and within their chunk",
                    )?;
                    before = word.start;
                    spoken.aligned.push_str(&word.text);
                }
                spoken.samples += chunk.samples.len();
                spoken.chunks += 1;
            }
            Some(Ok(tts::Event::TookOver(_))) => {}
            Some(Ok(tts::Event::Done)) => break,
            Some(Err(error)) => return broken(format!("the voice failed: {error}")),
            None => return broken("a reply that was spoken ends with done"),
        }
    }
    closes(&mut session.events).await?;
    Ok(spoken)
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect()
}

async fn say(session: &tts::Session, text: &str) -> Result<(), Broken> {
    match timeout(
        PATIENCE,
        session.input.send(tts::Input::Text(text.to_owned())),
    )
    .await
    {
        Ok(Ok(())) => Ok(()),
        _ => broken("a voice takes text"),
    }
}

async fn tell(session: &asr::Session, input: asr::Input) -> Result<(), Broken> {
    match timeout(PATIENCE, session.input.send(input)).await {
        Ok(Ok(())) => Ok(()),
        _ => broken("a recogniser takes sound"),
    }
}

async fn begin(session: &asr::Session, utterance: u64) -> Result<(), Broken> {
    let expected = asr::Expected::default();
    tell(
        session,
        asr::Input::Begin {
            utterance,
            expected,
        },
    )
    .await
}

async fn utter(
    session: &asr::Session,
    utterance: u64,
    sound: &[i16],
    end: asr::Input,
) -> Result<(), Broken> {
    begin(session, utterance).await?;
    for piece in sound.chunks(1_600) {
        tell(session, asr::Input::Audio(piece.to_vec())).await?;
    }
    tell(session, end).await
}

/// The next final text, which must be that of `utterance`.
async fn final_text(session: &mut asr::Session, utterance: u64) -> Result<String, Broken> {
    loop {
        match next(&mut session.events).await? {
            Some(Ok(asr::Event::Partial { .. })) => {}
            Some(Ok(asr::Event::Final {
                utterance: of,
                text,
            })) => {
                keep(
                    of == utterance,
                    format!("the final text of utterance {utterance} is next, not that of {of}"),
                )?;
                return Ok(text);
            }
            Some(Err(error)) => return broken(format!("the recogniser failed: {error}")),
            None => return broken("an utterance that was ended has a final text"),
        }
    }
}

async fn next<T>(events: &mut tokio::sync::mpsc::Receiver<T>) -> Result<Option<T>, Broken> {
    match timeout(PATIENCE, events.recv()).await {
        Ok(event) => Ok(event),
        Err(_) => broken("the provider hangs"),
    }
}

/// Nothing comes any more.
async fn closes<T: std::fmt::Debug>(
    events: &mut tokio::sync::mpsc::Receiver<T>,
) -> Result<(), Broken> {
    match next(events).await? {
        None => Ok(()),
        Some(event) => broken(format!("nothing comes after the last event, not {event:?}")),
    }
}

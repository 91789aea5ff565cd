//! `/v1/text-to-speech/{voice_id}`: whole, streamed, and with the times of letters.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body as Bytes, Bytes as Chunk},
    extract::{Path, Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures_util::stream;
use protocol::agents::AudioBytes;
use providers::{mp3::Mp3, tts::Voice};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io,
    sync::{OwnedSemaphorePermit, mpsc},
};

use super::{body::Body, speech, tts_socket};
use crate::{
    Problem,
    http::House,
    ids,
    speech::{
        Speech,
        output::{Coder, Output, Step},
        speaking::{Letter, Manner, Speaking},
    },
};

/// The longest text of a request, in characters.
pub(super) const LONGEST: usize = 40_000;

pub(super) fn routes() -> Router<Arc<House>> {
    let place = "/v1/text-to-speech/{voice}";
    Router::new()
        .route(place, post(convert))
        .route(&format!("{place}/stream"), post(convert_streamed))
        .route(&format!("{place}/with-timestamps"), post(timed))
        .route(
            &format!("{place}/stream/with-timestamps"),
            post(timed_streamed),
        )
        .route(&format!("{place}/stream-input"), get(tts_socket::one))
        .route(
            &format!("{place}/multi-stream-input"),
            get(tts_socket::many),
        )
}

type House_ = State<Arc<House>>;

#[derive(Deserialize)]
struct Wanted {
    output_format: Option<String>,
}

/// A request that can be answered.
struct Order {
    speaking: Speaking,
    output: Output,
    mp3: Arc<dyn Mp3>,
    characters: usize,
    turn: OwnedSemaphorePermit,
}

async fn order(
    house: &House,
    voice: &str,
    wanted: &Wanted,
    body: &Value,
) -> Result<Order, Problem> {
    let speech = speech(house)?;
    let output = Output::parse(wanted.output_format.as_deref())?;
    let text = match body.get("text") {
        None | Some(Value::Null) => return Err(Problem::missing("text")),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(_) => return Err(Problem::invalid("text must be a text.").at("text")),
    };
    let characters = text.chars().count();
    if characters == 0 {
        return Err(Problem::bad_text("empty_text", "There is nothing to say."));
    }
    if characters > LONGEST {
        return Err(Problem::bad_text(
            "text_too_long",
            format!("The text has {characters} characters; {LONGEST} are the most."),
        ));
    }
    let language = body.get("language_code").and_then(Value::as_str);
    let manner = manner(
        speech,
        voice,
        output,
        language,
        body.pointer("/voice_settings/speed"),
    )?;
    let turn = speech.turn().await?;
    Ok(Order {
        speaking: Speaking::saying(speech, &manner, text),
        output,
        mp3: Arc::clone(&speech.mp3),
        characters,
        turn,
    })
}

/// How to speak, from what a client asked for.
pub(super) fn manner(
    speech: &Speech,
    voice: &str,
    output: Output,
    language: Option<&str>,
    speed: Option<&Value>,
) -> Result<Manner, Problem> {
    let language = language.unwrap_or("en");
    speech.speaks(language)?;
    let speed = match speed {
        None | Some(Value::Null) => 1.0,
        Some(value) => value
            .as_f64()
            .filter(|speed| (0.7..=1.2).contains(speed))
            .ok_or_else(|| {
                Problem::invalid("voice_settings.speed is 0.7 to 1.2.").at("voice_settings.speed")
            })?,
    };
    Ok(Manner {
        voice: speech.voice(voice)?.map(|voice| voice.id),
        speed: speed as f32,
        language: language.to_owned(),
        rate: output.rate,
    })
}

fn sound(output: Output, characters: usize, body: Bytes) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(output.media_type()),
    );
    mark(&mut response, characters);
    response
}

/// What ElevenLabs tells beside the sound. Characters cost nothing here.
fn mark(response: &mut Response, characters: usize) {
    let headers = response.headers_mut();
    if let Ok(id) = ids::new("").parse() {
        headers.insert("request-id", id);
    }
    headers.insert("character-cost", HeaderValue::from_static("0"));
    headers.insert("duologue-characters", HeaderValue::from(characters));
}

/// How a voice sounds, as MP3. It is made once.
pub(super) async fn sample(speech: &Speech, voice: &Voice) -> Result<Chunk, Problem> {
    // Whoever else asks for one waits, instead of having the same made.
    let mut samples = speech.samples.lock().await;
    if let Some(sample) = samples.get(&voice.id) {
        return Ok(sample.clone());
    }
    let output = Output::parse(None)?;
    let manner = manner(speech, &voice.id, output, Some(&voice.language), None)?;
    let text = format!("Hello, I am {}. This is how I sound.", voice.name);
    let order = Order {
        turn: speech.turn().await?,
        characters: 0,
        speaking: Speaking::saying(speech, &manner, text),
        mp3: Arc::clone(&speech.mp3),
        output,
    };
    let sample = Chunk::from(whole(order).await?.0);
    samples.insert(voice.id.clone(), sample.clone());
    Ok(sample)
}

async fn convert(
    State(house): House_,
    Path(voice): Path<String>,
    Query(wanted): Query<Wanted>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let order = order(&house, &voice, &wanted, &body).await?;
    let (output, characters) = (order.output, order.characters);
    let (bytes, _) = whole(order).await?;
    Ok(sound(output, characters, Bytes::from(bytes)))
}

async fn timed(
    State(house): House_,
    Path(voice): Path<String>,
    Query(wanted): Query<Wanted>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let order = order(&house, &voice, &wanted, &body).await?;
    let characters = order.characters;
    let (bytes, letters) = whole(order).await?;
    let mut response = Json(with_times(bytes, &letters)).into_response();
    mark(&mut response, characters);
    Ok(response)
}

async fn whole(order: Order) -> Result<(Vec<u8>, Vec<Letter>), Problem> {
    let Order {
        mut speaking,
        output,
        mp3,
        turn,
        ..
    } = order;
    let mut coder = output.coder(true, &mp3);
    let (mut bytes, mut letters) = (Vec::new(), Vec::new());
    while let Some(piece) = speaking.next(false).await? {
        letters.extend(piece.letters);
        let coded;
        (coder, coded) = coder.step(Step::Push(piece.samples)).await;
        bytes.extend(coded?);
    }
    let (_, coded) = coder.step(Step::Finish).await;
    bytes.extend(coded?);
    drop(turn);
    Ok((bytes, letters))
}

async fn convert_streamed(
    State(house): House_,
    Path(voice): Path<String>,
    Query(wanted): Query<Wanted>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let order = order(&house, &voice, &wanted, &body).await?;
    let (output, characters) = (order.output, order.characters);
    let body = streamed(order, |bytes, _| bytes).await?;
    Ok(sound(output, characters, body))
}

async fn timed_streamed(
    State(house): House_,
    Path(voice): Path<String>,
    Query(wanted): Query<Wanted>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let order = order(&house, &voice, &wanted, &body).await?;
    let characters = order.characters;
    let body = streamed(order, |bytes, letters| {
        let mut line = with_times(bytes, letters).to_string();
        line.push('\n');
        line.into_bytes()
    })
    .await?;
    let mut response = body.into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    mark(&mut response, characters);
    Ok(response)
}

/// Sound as it is made. What goes wrong before the first of it is told as an error; after that the stream breaks off.
async fn streamed(
    order: Order,
    write: impl Fn(Vec<u8>, &[Letter]) -> Vec<u8> + Send + 'static,
) -> Result<Bytes, Problem> {
    let Order {
        mut speaking,
        output,
        mp3,
        turn,
        ..
    } = order;
    let first = speaking.next(false).await?;
    let (sender, receiver) = mpsc::channel::<io::Result<Chunk>>(4);
    tokio::spawn(async move {
        let _turn = turn;
        let mut made = Making {
            coder: Some(output.coder(false, &mp3)),
            letters: Vec::new(),
        };
        let mut next = Ok(first);
        loop {
            let bytes = match next {
                Ok(Some(piece)) => {
                    made.letters.extend(piece.letters);
                    made.step(Step::Push(piece.samples)).await
                }
                Ok(None) => break,
                Err(problem) => Err(problem),
            };
            match bytes {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    let line = write(bytes, &std::mem::take(&mut made.letters));
                    // A client that has gone stops the voice: it is dropped with this task.
                    if sender.send(Ok(Chunk::from(line))).await.is_err() {
                        return;
                    }
                }
                Err(problem) => {
                    let _ = sender.send(Err(io::Error::other(problem))).await;
                    return;
                }
            }
            next = speaking.next(false).await;
        }
        let last = made.step(Step::Finish).await;
        let last = match last {
            Ok(bytes) if bytes.is_empty() && made.letters.is_empty() => return,
            Ok(bytes) => Ok(Chunk::from(write(bytes, &made.letters))),
            Err(problem) => Err(io::Error::other(problem)),
        };
        let _ = sender.send(last).await;
    });
    Ok(Bytes::from_stream(stream::unfold(
        receiver,
        |mut receiver| async move { receiver.recv().await.map(|chunk| (chunk, receiver)) },
    )))
}

/// Sound being coded, and the letters whose sound has not been sent.
struct Making {
    coder: Option<Coder>,
    letters: Vec<Letter>,
}

impl Making {
    async fn step(&mut self, step: Step) -> Result<Vec<u8>, Problem> {
        let Some(coder) = self.coder.take() else {
            return Ok(Vec::new());
        };
        let (coder, coded) = coder.step(step).await;
        self.coder = Some(coder);
        coded
    }
}

fn with_times(bytes: Vec<u8>, letters: &[Letter]) -> Value {
    let alignment = (!letters.is_empty()).then(|| {
        json!({
            "characters": letters.iter().map(|one| one.letter.as_str()).collect::<Vec<_>>(),
            "character_start_times_seconds": letters.iter().map(|one| one.start.as_secs_f64()).collect::<Vec<_>>(),
            "character_end_times_seconds": letters.iter().map(|one| one.end.as_secs_f64()).collect::<Vec<_>>(),
        })
    });
    json!({
        "audio_base64": AudioBytes::from(bytes).to_base64(),
        "alignment": alignment,
        "normalized_alignment": alignment,
    })
}

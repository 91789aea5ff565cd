//! `/v1/speech-to-text`: a whole file at once.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, State},
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{
    list::repeated,
    scribe,
    single_use::{Door, need_key_or_token},
    speech,
};
use crate::{
    Problem,
    http::House,
    ids,
    speech::{
        Speech, file,
        hearing::{Cutter, Cutting, Hearing, RATE, Stretch, Word, words},
    },
};

/// The longest sound.
const LONGEST: Duration = Duration::from_hours(2);
/// The largest upload: two hours of 48 kHz stereo are less.
const LARGEST: usize = 1 << 30;
/// Fields other than the file are short.
const LONGEST_FIELD: usize = 64 * 1024;
/// Voices are not told apart.
const ONE_SPEAKER: &str = "speaker_0";
/// So many key terms.
const MOST_TERMS: usize = 1_000;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(
            "/v1/speech-to-text",
            post(convert).layer(DefaultBodyLimit::max(LARGEST)),
        )
        .route("/v1/speech-to-text/realtime", get(scribe::open))
}

#[derive(Default)]
struct Order {
    file: Option<Vec<u8>>,
    model: Option<String>,
    language: Option<String>,
    raw: bool,
    granularity: Option<String>,
    terms: Vec<String>,
    /// Every word names its speaker.
    speakers: bool,
}

async fn convert(
    State(house): State<Arc<House>>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let token = repeated(query, "token").pop();
    need_key_or_token(
        &house,
        request.headers(),
        Door::BatchScribe,
        token.as_deref(),
    )?;
    let speech = speech(&house)?.clone();
    let order = read(request, &house).await?;
    if order.model.is_none() {
        return Err(Problem::missing("model_id"));
    }
    let bytes = order.file.ok_or_else(|| Problem::missing("file"))?;
    let language = order.language.unwrap_or_else(|| "en".to_owned());
    speech.understands(&language)?;
    let characters = match order.granularity.as_deref() {
        None | Some("word" | "none") => false,
        Some("character") => true,
        Some(other) => {
            let words =
                format!("timestamps_granularity {other:?} is none of none, word and character.");
            return Err(Problem::invalid(words).at("timestamps_granularity"));
        }
    };
    let timed = order.granularity.as_deref() != Some("none");
    let samples = tokio::task::spawn_blocking(move || decode(bytes, order.raw))
        .await
        .map_err(|_| Problem::bad_audio("The file cannot be read."))??;
    let turn = speech.turn().await?;
    let found = understand(&speech, &samples, &language, order.terms).await?;
    drop(turn);
    let text: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    let mut words = Vec::new();
    for (index, (_, said)) in found.iter().enumerate() {
        if index > 0 {
            let at = (said.first()).map_or(0.0, |word| word.start);
            words.push(
                json!({"text": " ", "type": "spacing", "logprob": 0.0, "start": at, "end": at}),
            );
        }
        words.extend(said.iter().map(|word| to_rest(word, timed, characters)));
    }
    if order.speakers {
        for word in &mut words {
            word["speaker_id"] = ONE_SPEAKER.into();
        }
    }
    Ok(Json(json!({
        "language_code": language,
        "language_probability": 1.0,
        "text": text.join(" "),
        "words": words,
        "transcription_id": ids::new(""),
        "audio_duration_secs": RATE.duration_of(samples.len()).as_secs_f64(),
    })))
}

fn to_rest(word: &Word, timed: bool, characters: bool) -> Value {
    let mut object = Map::new();
    object.insert("text".to_owned(), word.text.clone().into());
    let kind = if word.is_space { "spacing" } else { "word" };
    object.insert("type".to_owned(), kind.into());
    object.insert("logprob".to_owned(), 0.0.into());
    if timed {
        object.insert("start".to_owned(), round(word.start).into());
        object.insert("end".to_owned(), round(word.end).into());
    }
    if characters {
        let count = word.text.chars().count().max(1) as f64;
        let moment = |at: usize| round(word.start + (word.end - word.start) * at as f64 / count);
        let letters: Vec<Value> = word
            .text
            .chars()
            .enumerate()
            .map(|(at, letter)| json!({"text": letter.to_string(), "start": moment(at), "end": moment(at + 1)}))
            .collect();
        object.insert("characters".to_owned(), letters.into());
    }
    Value::Object(object)
}

/// Milliseconds are as exact as it gets.
pub(super) fn round(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

async fn understand(
    speech: &Speech,
    samples: &[i16],
    language: &str,
    terms: Vec<String>,
) -> Result<Vec<(String, Vec<Word>)>, Problem> {
    let mut cutter = Cutter::new(speech, Cutting::default())?;
    let mut hearing = Hearing::new(speech, language, terms, false);
    let mut found = Vec::new();
    // In pieces, so that others get their turn.
    for piece in samples.chunks(RATE.hz() as usize) {
        for stretch in cutter.push(piece) {
            hear(&mut hearing, stretch, &mut found).await?;
        }
        tokio::task::yield_now().await;
    }
    if let Some(stretch) = cutter.finish() {
        hear(&mut hearing, stretch, &mut found).await?;
    }
    Ok(found)
}

async fn hear(
    hearing: &mut Hearing,
    stretch: Stretch,
    found: &mut Vec<(String, Vec<Word>)>,
) -> Result<(), Problem> {
    hearing.begin().await;
    for piece in stretch.samples.chunks(RATE.hz() as usize) {
        hearing.audio(piece).await;
    }
    let text = hearing.end().await?;
    let text = text.trim();
    if !text.is_empty() {
        let seconds = |at| RATE.duration_of(at).as_secs_f64();
        let words = words(text, seconds(stretch.start), seconds(stretch.end));
        found.push((text.to_owned(), words));
    }
    Ok(())
}

fn decode(bytes: Vec<u8>, raw: bool) -> Result<Vec<i16>, Problem> {
    if raw {
        if bytes.len() < 2 {
            return Err(Problem::bad_audio("There is no sound in the file."));
        }
        let most = RATE.samples_in(LONGEST) * 2;
        return Ok(bytes[..bytes.len().min(most)]
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect());
    }
    file::read(bytes, RATE, LONGEST).map_err(|words| {
        Problem::bad_audio(format!(
            "The file cannot be read: {words}. Send {}, or 16-bit PCM of 16 kHz with file_format pcm_s16le_16.",
            file::KINDS
        ))
    })
}

async fn read(request: Request, house: &Arc<House>) -> Result<Order, Problem> {
    let mut form = Multipart::from_request(request, house)
        .await
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let mut order = Order::default();
    loop {
        let field = form.next_field().await;
        let Some(mut field) = field.map_err(|error| Problem::malformed(error.to_string()))? else {
            return Ok(order);
        };
        let name = field.name().unwrap_or_default().to_owned();
        let limit = if name == "file" {
            LARGEST
        } else {
            LONGEST_FIELD
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = field
            .chunk()
            .await
            .map_err(|error| Problem::malformed(error.to_string()))?
        {
            if bytes.len() + chunk.len() > limit {
                return Err(Problem::too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        if name == "file" {
            order.file = Some(bytes);
            continue;
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if text.is_empty() || text == "null" {
            continue;
        }
        let no = |what: &str| Err(Problem::not_built(what).at(name.clone()));
        let wants = text == "true";
        match name.as_str() {
            "model_id" => order.model = Some(text),
            "language_code" => order.language = Some(text),
            "file_format" => match text.as_str() {
                "pcm_s16le_16" => order.raw = true,
                "other" => {}
                _ => {
                    let words = "file_format is pcm_s16le_16 or other.";
                    return Err(Problem::invalid(words).at("file_format"));
                }
            },
            "timestamps_granularity" => order.granularity = Some(text),
            "keyterms" if order.terms.len() < MOST_TERMS => order.terms.push(text),
            "webhook" if wants => {
                return no("Transcriptions are not sent to webhooks here: wait for the answer.");
            }
            "use_multi_channel" if wants => {
                return no("Channels are mixed here: send one file for each.");
            }
            "diarize" => order.speakers = wants,
            "num_speakers" if !matches!(text.as_str(), "0" | "1") => {
                return no("Who speaks is not told apart here: leave out num_speakers.");
            }
            "cloud_storage_url" | "source_url" => {
                return no("Files are not fetched here: send the file itself.");
            }
            "additional_formats" if text != "[]" => {
                return no("Other formats are not written here: leave out additional_formats.");
            }
            "entity_detection" | "entity_redaction" => {
                return no("Entities are not looked for here: leave out entity_detection.");
            }
            _ => {}
        }
    }
}

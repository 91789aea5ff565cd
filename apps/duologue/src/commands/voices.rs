//! `duologue voices`: who can speak, here and for the account, and how they sound.

use std::path::Path;

use embedded::voice::{DEFAULT_VOICE, FliteVoice};
use providers::tts::Tts as _;
use sdk::{
    Account,
    account::{SharedVoicesQuery, VoicesQuery},
};
use serde_json::json;

use crate::{
    Context, account,
    cli::{Speaker, Voices},
    files,
    problem::{Outcome, Problem},
    speech::{self, Manner},
};

/// The most of an account's voices, or of the library's, that one call lists: ten pages.
const MOST: usize = 1_000;
/// The largest sample.
const SAMPLE_BYTES: usize = 16 << 20;

/// Lists voices, or keeps the sample of one.
pub(crate) async fn run(context: &Context, arguments: &Voices) -> Outcome<()> {
    if let (Some(id), Some(output)) = (&arguments.preview, &arguments.output) {
        return preview(context, arguments.provider, id, output).await;
    }
    let found = match (arguments.library, arguments.provider) {
        (true, _) => library(context, arguments.search.as_deref()).await?,
        (false, Speaker::Elevenlabs) => of_account(context, arguments.search.as_deref()).await?,
        (false, Speaker::Embedded) => embedded(context, arguments.search.as_deref())?,
    };
    if found == 0 {
        context
            .out
            .line("no voice fits; the same without a word lists all of them")?;
    }
    Ok(())
}

fn embedded(context: &Context, search: Option<&str>) -> Outcome<usize> {
    let voice = FliteVoice::new(speech::paths(&context.settings));
    let wanted = search.unwrap_or("").to_lowercase();
    let out = context.out;
    let mut found = 0;
    for v in voice.voices() {
        let words = format!("{} {} {} {}", v.id, v.name, v.description, v.language).to_lowercase();
        if !words.contains(&wanted) {
            continue;
        }
        found += 1;
        let default = v.id == DEFAULT_VOICE;
        out.line(format!(
            "{:<8}{:<8}{:<4}{}{}",
            v.id,
            v.name,
            v.language,
            v.description,
            if default { " (default)" } else { "" }
        ))?;
        out.object(&json!({
            "type": "voice", "id": v.id, "name": v.name, "language": v.language,
            "description": v.description, "provider": voice.name(), "default": default,
        }))?;
    }
    Ok(found)
}

async fn of_account(context: &Context, search: Option<&str>) -> Outcome<usize> {
    let account = account::of(&context.settings)?;
    let mut query = VoicesQuery {
        search: search.map(str::to_owned),
        page_size: Some(100),
        ..VoicesQuery::default()
    };
    let mut found = 0;
    while found < MOST {
        let page = account.voices().list(&query).await;
        let page = page.map_err(|error| unlisted(&error))?;
        found += page.items.len();
        for voice in &page.items {
            let name = voice.name.as_deref().unwrap_or_default();
            let category = voice.category.as_deref().unwrap_or_default();
            let description = voice.description.as_deref().unwrap_or_default();
            let (id, preview) = (&voice.voice_id, &voice.preview_url);
            context
                .out
                .line(format!("{id:<22}{name:<24}{category:<14}{description}"))?;
            context.out.object(&json!({
                "type": "voice", "id": id, "name": name, "category": category, "description": description,
                "labels": voice.labels, "preview_url": preview, "provider": "elevenlabs",
            }))?;
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn library(context: &Context, search: Option<&str>) -> Outcome<usize> {
    let account = account::of(&context.settings)?;
    let mut query = SharedVoicesQuery {
        search: search.map(str::to_owned),
        page_size: Some(100),
        ..SharedVoicesQuery::default()
    };
    let mut found = 0;
    while found < MOST {
        let page = account.voices().search_library(&query).await;
        let page = page.map_err(|error| unlisted(&error))?;
        found += page.items.len();
        for voice in &page.items {
            let language = voice.language.as_deref().unwrap_or_default();
            let description = voice.description.as_deref().unwrap_or_default();
            let (id, name, owner) = (&voice.voice_id, &voice.name, &voice.public_owner_id);
            context
                .out
                .line(format!("{id:<22}{name:<24}{language:<4}{description}"))?;
            context.out.object(&json!({
                "type": "voice", "id": id, "name": name, "language": language, "description": description,
                "owner": owner, "preview_url": voice.preview_url, "provider": "elevenlabs", "library": true,
            }))?;
        }
        query.page = page.next.and_then(|next| next.parse().ok());
        if query.page.is_none() {
            break;
        }
    }
    Ok(found)
}

fn unlisted(error: &sdk::account::ApiError) -> Problem {
    account::refused("the voices could not be listed", error)
}

async fn preview(context: &Context, whose: Speaker, id: &str, output: &Path) -> Outcome<()> {
    match whose {
        Speaker::Embedded => embedded_preview(context, id, output).await?,
        Speaker::Elevenlabs => {
            account_preview(&account::of(&context.settings)?, id, output).await?;
        }
    }
    if !files::is_pipe(output) {
        context.out.line(output.display().to_string())?;
    }
    context
        .out
        .object(&json!({ "type": "preview", "id": id, "file": output }))
}

async fn embedded_preview(context: &Context, id: &str, output: &Path) -> Outcome<()> {
    let voice = FliteVoice::new(speech::paths(&context.settings));
    let voices = voice.voices();
    let Some(chosen) = voices.iter().find(|voice| voice.id == id) else {
        let ids: Vec<&str> = voices.iter().map(|voice| voice.id.as_str()).collect();
        return Err(
            Problem::failure(format!("there is no voice {id} on this machine"))
                .because(format!("there are: {}", ids.join(", ")))
                .fix("for a voice of the account, add --provider elevenlabs"),
        );
    };
    let manner = Manner {
        voice: Some(chosen.id.clone()),
        speed: 1.0,
    };
    let text = format!("Hello, I am {}. This is how I sound.", chosen.name);
    let sound = speech::spoken(&voice, &text, &manner).await?;
    let mut wav = files::create_sound(output, 1)?;
    wav.write(&sound)
        .and_then(|()| wav.finish())
        .map_err(|error| files::write_failed(output, &error))
}

async fn account_preview(account: &Account, id: &str, output: &Path) -> Outcome<()> {
    let refused = |error| account::refused(&format!("there is no sample of {id}"), &error);
    let voice = account.voices().get(id).await.map_err(refused)?;
    let sample = account.voices().preview(&voice).await.map_err(refused)?;
    let sample = sample.whole(SAMPLE_BYTES).await.map_err(refused)?;
    std::fs::write(output, sample).map_err(|error| {
        Problem::failure(format!("could not write {}", output.display())).because_io(&error)
    })
}

//! `duologue voices`: who can speak.

use embedded::voice::{DEFAULT_VOICE, FliteVoice};
use providers::tts::Tts as _;
use serde_json::json;

use crate::{Context, cli::Voices, problem::Outcome, speech};

/// Lists the voices.
pub(crate) fn run(context: &Context, arguments: &Voices) -> Outcome<()> {
    let voice = FliteVoice::new(speech::paths(&context.settings));
    let wanted = arguments.search.as_deref().unwrap_or("").to_lowercase();
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
    if found == 0 {
        out.line("no voice fits; `duologue voices` lists all of them")?;
    }
    Ok(())
}

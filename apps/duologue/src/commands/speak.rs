//! `duologue speak`: text to a recording.

use std::time::Duration;

use embedded::{Engine, recogniser};
use serde_json::json;

use crate::{
    Context,
    cli::Speak,
    files::{self, RATE},
    problem::{Outcome, Problem},
    progress::Progress,
    script::{self, Cue, Line},
    settings::keys,
    speech::{self, Manner},
    vendors::{Named, Vendors},
};

/// Speaks a text or a script.
pub(crate) async fn run(context: &Context, arguments: &Speak) -> Outcome<()> {
    let manner = Manner {
        voice: context.settings.get(keys::VOICE).map(str::to_owned),
        speed: arguments.speed,
    };
    let lines = lines(arguments)?;
    let out = if files::is_pipe(&arguments.output) {
        context.out.aside()
    } else {
        context.out
    };
    let engine = Engine::new(
        speech::paths(&context.settings),
        &recogniser::Settings::default(),
    );
    let names: Vec<Named> = arguments
        .providers
        .iter()
        .map(|name| Named::parse(name))
        .collect();
    let voice = Vendors::of(&context.settings)?.tts(&engine, &names)?;
    let path = &arguments.output;
    // The first sound is made before the file is: a voice that is missing must not leave an empty file.
    let mut wav = None;
    let mut progress = Progress::new("speaking", Some(lines.len() as u64));
    let mut position = 0_usize;
    for (index, line) in lines.iter().enumerate() {
        let start = match line.cue {
            Cue::At(time) => {
                let at = RATE.samples_in(time);
                if at < position {
                    return Err(Problem::usage(format!(
                        "line {} of the script begins too early",
                        line.number
                    ))
                    .because(format!(
                        "the line before it ends at {:.1} s",
                        RATE.duration_of(position).as_secs_f32()
                    ))
                    .fix("give it a later time, or use `wait`"));
                }
                at
            }
            Cue::Wait(time) | Cue::After(time) | Cue::During(time) => {
                position + RATE.samples_in(time)
            }
        };
        let mut silence = start - position;
        speech::speak(&*voice, &line.text, &manner, |piece| {
            let wav = match &mut wav {
                Some(wav) => wav,
                None => wav.insert(files::create_sound(path, 1)?),
            };
            let failed = |error| files::write_failed(path, &error);
            if silence > 0 {
                wav.write(&vec![0; silence]).map_err(failed)?;
                silence = 0;
            }
            wav.write(piece).map_err(failed)
        })
        .await?;
        position = wav.as_ref().map_or(0, |w| w.frames() as usize);
        let (from, to) = (RATE.duration_of(start), RATE.duration_of(position));
        out.object(&json!({
            "type": "line", "text": line.text,
            "start": from.as_secs_f64(), "end": to.as_secs_f64(),
        }))?;
        progress.at(index as u64 + 1);
    }
    if let Some(wav) = wav {
        wav.finish()
            .map_err(|error| files::write_failed(path, &error))?;
    }
    drop(progress);
    let seconds = RATE.duration_of(position).as_secs_f64();
    if !files::is_pipe(path) {
        out.line(format!("{}: {seconds:.1} s", path.display()))?;
    }
    out.object(&json!({ "type": "spoken", "file": path, "seconds": seconds }))
}

/// What is to be said, and when.
fn lines(arguments: &Speak) -> Outcome<Vec<Line>> {
    Ok(match (&arguments.script, &arguments.text) {
        (Some(path), _) => {
            let name = path.display().to_string();
            let lines = script::parse(&name, &files::read_text(path)?)?;
            if let Some(line) = lines.iter().find(|line| line.cue.needs_agent()) {
                return Err(Problem::usage(format!("{name}:{} has no time", line.number))
                    .because("it waits for an agent, and a recording has none")
                    .fix("write `at 4.5s: …` or `wait 2s: …`, or let an agent answer: duologue talk --caller FILE"));
            }
            lines
        }
        (None, text) => {
            let text = files::text_argument(text.as_deref().unwrap_or("-"))?;
            if text.trim().is_empty() {
                return Err(Problem::usage("there is nothing to say")
                    .because("the text is empty")
                    .fix("give a text: duologue speak \"Hello.\" --output hello.wav"));
            }
            vec![Line {
                number: 1,
                cue: Cue::Wait(Duration::ZERO),
                text,
            }]
        }
    })
}

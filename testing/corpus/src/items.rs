//! The corpus: what is said, by whom, where, and what is true about it.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use turn::Expected;

use crate::{
    rng::{Chance, hash},
    sounds::{self, Room, gain, levelled, mix},
    voice::{Clip, RATE, SPEAKERS, Speaker, Voices, Word},
};

/// The texts in the repository.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turns {
    group: Vec<Group>,
}

impl Turns {
    /// Each text, and of what sort it is.
    fn texts(&self) -> impl Iterator<Item = (&str, &TurnText)> {
        self.group.iter().flat_map(|group| {
            let name = group.name.as_str();
            group.turn.iter().map(move |text| (name, text))
        })
    }
}

/// Texts of one sort.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    turn: Vec<TurnText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnText {
    text: String,
    #[serde(default)]
    expected: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlaps {
    reply: Vec<String>,
    backchannel: Vec<String>,
    barge_in: Vec<String>,
    noise: Vec<String>,
    beside: Vec<String>,
}

/// What an item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The caller has the floor; when is the turn over?
    Turn,
    /// The agent speaks, the caller says "mm-hm".
    Backchannel,
    /// The agent speaks, the caller wants the floor.
    BargeIn,
    /// The agent speaks, something makes a noise.
    Noise,
}

/// Where it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A quiet room, a good microphone.
    Quiet,
    /// Noise 20 dB below the voice.
    Noise20,
    /// Noise 10 dB below the voice.
    Noise10,
    /// Noise 5 dB below the voice.
    Noise5,
    /// A room with an echo of 0.4 s.
    Room,
    /// Music 18 dB below the voice.
    Music,
    /// Somebody else talks, 20 dB below the voice.
    Beside,
}

const PLACES: [Place; 7] = [
    Place::Quiet,
    Place::Noise20,
    Place::Noise10,
    Place::Noise5,
    Place::Room,
    Place::Music,
    Place::Beside,
];

/// The truth about an item. Samples count from the item's beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truth {
    /// Where the caller's sound begins.
    pub onset: usize,
    /// Where it ends: the turn is over from here on, and not before.
    pub end: usize,
    /// What is said and where.
    pub words: Vec<Word>,
    /// Silences inside the turn: first sample and length.
    pub hesitations: Vec<(usize, usize)>,
}

/// One recording of the corpus.
#[derive(Clone, Debug)]
pub struct Item {
    /// Which text, who, where.
    pub name: String,
    /// Which text alone: what learns by heart must not see the same one twice.
    pub text: String,
    /// What it is about.
    pub kind: Kind,
    /// What sort of text, for turns: `plain`, `hesitation`, `spelling` …
    pub group: String,
    /// Where.
    pub place: Place,
    /// Kept away from tuning.
    pub held_out: bool,
    /// What the agent had asked for.
    pub expected: Expected,
    /// What the agent says meanwhile, and its sound.
    pub reply: Option<(String, Clip)>,
    /// What the microphone hears.
    pub sound: Vec<i16>,
    /// What is true.
    pub truth: Truth,
}

/// How long callers hesitate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hesitations {
    /// From 0.3 to 1.5 s, each length as often: harder than people make it, and what is tuned for.
    #[default]
    Long,
    /// Half of them below 0.4 s, one in ten above 1 s, a few for seconds: about as in spontaneous speech, where a typical
    /// pause lasts a quarter to half a second (Lundholm Fors, *Production and Perception of Pauses in Speech*, 2015) and
    /// pauses over a second occur (Campione and Véronis, *A large-scale multilingual study of silent pause duration*, 2002).
    Human,
}

impl Hesitations {
    /// The length in seconds that is longer than this share of them.
    fn length(self, share: f32) -> f32 {
        match self {
            Self::Long => 0.3 + (1.5 - 0.3) * share,
            Self::Human => (0.4 * (share / (1.0 - share)).powf(0.41)).clamp(0.15, 4.0),
        }
    }
}

/// So much silence precedes a turn.
const LEAD: usize = RATE;
/// So much follows: long enough for every timer.
const TRAIL: usize = RATE * 5;

/// Makes the corpus. The same on every machine.
///
/// # Errors
/// When the texts are damaged or the voices are missing.
pub fn build(voices: &mut Voices, hesitations: Hesitations) -> anyhow::Result<Vec<Item>> {
    let turns: Turns =
        toml::from_str(include_str!("../texts/turns.toml")).context("texts/turns.toml")?;
    let overlaps: Overlaps =
        toml::from_str(include_str!("../texts/overlaps.toml")).context("texts/overlaps.toml")?;
    let tuning: Turns =
        toml::from_str(include_str!("../texts/tuning.toml")).context("texts/tuning.toml")?;
    let mut items = Vec::new();
    let texts = turns.texts().map(|text| (text, true));
    let texts = texts.chain(tuning.texts().map(|text| (text, false)));
    for (index, ((group, text), divided)) in texts.enumerate() {
        for variant in 0..5 {
            let made = (index, variant, hesitations);
            let mut item = turn(voices, &overlaps, group, text, made)?;
            item.held_out &= divided;
            items.push(item);
        }
    }
    for (kind, texts, variants) in [
        (Kind::Backchannel, &overlaps.backchannel, 10),
        (Kind::BargeIn, &overlaps.barge_in, 8),
        (Kind::Noise, &overlaps.noise, 16),
    ] {
        for text in texts {
            for variant in 0..variants {
                items.push(overlap(voices, &overlaps, kind, text, variant)?);
            }
        }
    }
    Ok(items)
}

/// Whether everything made of this text is held out.
fn held_out(text: &str) -> bool {
    // The high bits: FNV's lowest bit only counts odd letters.
    (hash(text.as_bytes()) >> 40) & 1 == 1
}

fn expected(name: &str) -> Expected {
    match name {
        "name" => Expected::Name,
        "day" => Expected::Day,
        "time" => Expected::Time,
        "email" => Expected::Email,
        "phone" => Expected::Phone,
        "number" => Expected::Number,
        "spelling" => Expected::Spelling,
        "confirmation" => Expected::Confirmation,
        _ => Expected::Anything,
    }
}

fn speaker(chance: &mut Chance) -> Speaker {
    chance.pick(&SPEAKERS).copied().unwrap_or(SPEAKERS[0])
}

fn turn(
    voices: &mut Voices,
    overlaps: &Overlaps,
    group: &str,
    text: &TurnText,
    (index, variant, hesitations): (usize, usize, Hesitations),
) -> anyhow::Result<Item> {
    let mut chance = Chance::of(&format!("{} {variant}", text.text));
    let speaker = speaker(&mut chance);
    let place = PLACES[(index + variant) % PLACES.len()];
    let plain = text.text.replace(['|', '~'], " ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let clip = voices.say(speaker, &plain)?;
    let (mut samples, mut truth) = hesitate(&mut chance, hesitations, &text.text, &clip);
    samples = levelled(samples, -24.0 + chance.between(-5.0, 4.0));
    let end = last_loud(
        &samples,
        truth.words.last().map_or(samples.len(), |w| w.end),
    );
    let onset = first_loud(&samples);
    samples.truncate(end + RATE / 10);
    let mut sound = vec![0.0; LEAD + samples.len() + TRAIL];
    mix(&mut sound, LEAD, &samples);
    truth.onset = LEAD + onset;
    truth.end = LEAD + end;
    for word in &mut truth.words {
        word.start += LEAD;
        word.end += LEAD;
    }
    for hesitation in &mut truth.hesitations {
        hesitation.0 += LEAD;
    }
    let sound = placed(
        voices,
        overlaps,
        &mut chance,
        place,
        sound,
        sounds::rms(&samples),
    )?;
    Ok(Item {
        name: format!(
            "turn {index:02}.{variant} {}{:+.0}% {place:?}: {}",
            speaker.voice,
            (speaker.pitch - 1.0) * 100.0,
            text.text
        ),
        text: text.text.clone(),
        kind: Kind::Turn,
        group: group.to_owned(),
        place,
        held_out: held_out(&text.text),
        expected: expected(&text.expected),
        reply: None,
        sound,
        truth,
    })
}

/// Puts silence where somebody hesitates and draws words out.
fn hesitate(
    chance: &mut Chance,
    hesitations: Hesitations,
    marked: &str,
    clip: &Clip,
) -> (Vec<f32>, Truth) {
    let mut truth = Truth::default();
    let mut out: Vec<f32> = Vec::new();
    let mut taken = 0;
    let mut words = clip.words.iter().filter(|w| !w.text.is_empty()).peekable();
    for token in marked.split_whitespace() {
        if token == "|" {
            // A hesitation: what was said until here, then silence.
            let until = words
                .peek()
                .map_or(clip.samples.len(), |w| w.start)
                .min(clip.samples.len());
            faded(&mut out, &clip.samples[taken..until]);
            taken = until;
            let length = (hesitations.length(chance.between(0.0, 1.0)) * RATE as f32) as usize;
            truth.hesitations.push((out.len(), length));
            out.resize(out.len() + length, 0.0);
            continue;
        }
        let Some(word) = words.next() else { break };
        let end = word.end.clamp(taken, clip.samples.len());
        let start = word.start.clamp(taken, end);
        out.extend(&clip.samples[taken..start]);
        let begins = out.len();
        if token.ends_with('~') {
            out.extend(sounds::drawn_out(
                &clip.samples[start..end],
                chance.between(1.4, 2.0),
            ));
        } else {
            out.extend(&clip.samples[start..end]);
        }
        taken = end;
        truth.words.push(Word {
            text: word.text.clone(),
            start: begins,
            end: out.len(),
        });
    }
    out.extend(&clip.samples[taken..]);
    (out, truth)
}

/// Appends sound whose last milliseconds fade, so that a cut makes no click.
fn faded(out: &mut Vec<f32>, samples: &[f32]) {
    const FADE: usize = 160;
    out.extend(samples);
    let length = out.len();
    let fade = FADE.min(length);
    for (i, sample) in out[length - fade..].iter_mut().enumerate() {
        *sample *= 1.0 - i as f32 / fade as f32;
    }
}

const LOUD: usize = RATE / 100;

/// The end of the last hundredth of a second that is within 35 dB of the loudest.
fn last_loud(samples: &[f32], hint: usize) -> usize {
    let levels: Vec<f32> = samples.chunks(LOUD).map(sounds::rms).collect();
    let floor = levels.iter().copied().fold(0.0, f32::max) * gain(-35.0);
    let last = levels.iter().rposition(|level| *level > floor);
    last.map_or(hint, |i| (i + 1) * LOUD).min(samples.len())
}

fn first_loud(samples: &[f32]) -> usize {
    let levels: Vec<f32> = samples.chunks(LOUD).map(sounds::rms).collect();
    let floor = levels.iter().copied().fold(0.0, f32::max) * gain(-35.0);
    levels.iter().position(|level| *level > floor).unwrap_or(0) * LOUD
}

/// Puts a voice into its surroundings. `loud` is the voice's own loudness.
fn placed(
    voices: &mut Voices,
    overlaps: &Overlaps,
    chance: &mut Chance,
    place: Place,
    mut sound: Vec<f32>,
    loud: f32,
) -> anyhow::Result<Vec<i16>> {
    let length = sound.len();
    let mut noise = sounds::pink(chance, length);
    let level = match place {
        Place::Noise20 => loud * gain(-20.0),
        Place::Noise10 => loud * gain(-10.0),
        Place::Noise5 => loud * gain(-5.0),
        // No microphone is silent.
        _ => gain(-68.0),
    };
    for sample in &mut noise {
        *sample *= level;
    }
    match place {
        Place::Room => {
            sound = Room::new(chance, 0.4, -6.0).hear(&sound);
            sound.truncate(length);
        }
        Place::Music => {
            let mut music = sounds::music(chance, length);
            let factor = loud * gain(-18.0) / sounds::rms(&music).max(1e-6);
            for sample in &mut music {
                *sample *= factor;
            }
            mix(&mut sound, 0, &music);
        }
        Place::Beside => {
            let mut at = 0;
            while at < length {
                let Some(text) = chance.pick(&overlaps.beside).cloned() else {
                    break;
                };
                let talk = voices.say(speaker(chance), &text)?.samples;
                let talk = Room::new(chance, 0.5, 0.0).hear(&talk);
                let factor = loud * gain(-20.0) / sounds::rms(&talk).max(1e-6);
                let talk: Vec<f32> = talk.iter().map(|s| s * factor).collect();
                mix(&mut sound, at, &talk);
                at += talk.len() + (chance.between(0.2, 1.5) * RATE as f32) as usize;
            }
        }
        _ => {}
    }
    mix(&mut sound, 0, &noise);
    Ok(sounds::to_i16(&sound))
}

fn overlap(
    voices: &mut Voices,
    overlaps: &Overlaps,
    kind: Kind,
    text: &str,
    variant: usize,
) -> anyhow::Result<Item> {
    let mut chance = Chance::of(&format!("{kind:?} {text} {variant}"));
    let reply = chance.pick(&overlaps.reply).cloned().unwrap_or_default();
    let agent = SPEAKERS[variant % 2];
    let reply_clip = voices.say(agent, &reply)?;
    let at = (chance.between(1.2, 3.5) * RATE as f32) as usize;
    let place = PLACES[variant % 5];
    let mut words = Vec::new();
    let samples = match (kind, text) {
        (Kind::Noise, "cough") => sounds::cough(&mut chance),
        (Kind::Noise, "double cough") => {
            let mut twice = sounds::cough(&mut chance);
            twice.resize(twice.len() + RATE / 5, 0.0);
            twice.extend(sounds::cough(&mut chance));
            twice
        }
        (Kind::Noise, "laughter") => sounds::laughter(&mut chance),
        (Kind::Noise, "music") => sounds::music(&mut chance, RATE * 2),
        (Kind::Noise, "keys") => sounds::keys(&mut chance),
        (Kind::Noise, "door") => sounds::door(&mut chance),
        (Kind::Noise, "talker beside") => {
            let said = chance.pick(&overlaps.beside).cloned().unwrap_or_default();
            let talk = voices.say(speaker(&mut chance), &said)?;
            words.clone_from(&talk.words);
            Room::new(&mut chance, 0.5, 0.0).hear(&talk.samples)
        }
        (Kind::Noise, _) => sounds::hiss(&mut chance),
        _ => {
            let clip = voices.say(speaker(&mut chance), text)?;
            words.clone_from(&clip.words);
            clip.samples
        }
    };
    let beside = kind == Kind::Noise && text == "talker beside";
    let level = if beside { -42.0 } else { -24.0 } + chance.between(-5.0, 4.0);
    let samples = levelled(samples, level);
    let (onset, end) = (first_loud(&samples), last_loud(&samples, samples.len()));
    let loud = gain(-24.0).max(sounds::rms(&samples));
    let mut sound = vec![0.0; reply_clip.samples.len() + RATE * 4];
    mix(&mut sound, at, &samples);
    for word in &mut words {
        word.start += at;
        word.end += at;
    }
    let sound = placed(voices, overlaps, &mut chance, place, sound, loud)?;
    Ok(Item {
        name: format!("{kind:?} {place:?} {variant}: {text}"),
        text: text.to_owned(),
        kind,
        group: String::new(),
        place,
        // Noises have no texts to learn by heart: their seeds are divided.
        held_out: if kind == Kind::Noise {
            held_out(&format!("{text} {variant}"))
        } else {
            held_out(text)
        },
        expected: Expected::Anything,
        reply: Some((reply, reply_clip)),
        sound,
        truth: Truth {
            onset: at + onset,
            end: at + end,
            words: words.into_iter().filter(|w| !w.text.is_empty()).collect(),
            hesitations: Vec::new(),
        },
    })
}

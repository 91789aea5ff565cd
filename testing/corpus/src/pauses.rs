//! Every pause of the corpus' turns, with what was known in it and whether the caller went on.

use audio::{Contour, Melody, SampleRate};
use embedded::vad::Earshot;
use providers::vad::Vad;
use turn::Expected;

use crate::{
    ears::Simulated,
    items::{Item, Kind},
    voice::RATE,
};

/// A silence that was long enough to close an utterance.
#[derive(Clone, Debug)]
pub struct Pause {
    /// In which text.
    pub text: String,
    /// Of what sort.
    pub group: String,
    /// What the recogniser had made of the turn so far.
    pub heard: String,
    /// What the agent had asked for.
    pub expected: Expected,
    /// How the melody ended, if there was enough to tell.
    pub contour: Option<Contour>,
    /// After how much silence the caller went on, in samples. None: the turn was over.
    pub goes_on: Option<usize>,
}

/// So much voice opens an utterance and so much silence closes it, as in [`turn::Settings`].
const ONSET: usize = RATE * 60 / 1_000;
const PAUSE: usize = RATE * 200 / 1_000;

/// The pauses of `items`' turns, up to the end of each.
pub fn of(items: &[&Item]) -> Vec<Pause> {
    items
        .iter()
        .filter(|item| item.kind == Kind::Turn)
        .flat_map(|item| of_turn(item))
        .collect()
}

fn of_turn(item: &Item) -> Vec<Pause> {
    let mut vad = Earshot.detector();
    let mut melody = Melody::new(SampleRate::HZ_16000);
    let ear = Simulated::new(&item.name, &item.truth.words, &[]);
    let length = vad.frame_len();
    let mut pauses = Vec::new();
    let (mut voiced, mut gap, mut last) = (0, 0, None);
    for (index, frame) in item.sound.chunks_exact(length).enumerate() {
        let now = (index + 1) * length;
        let speech = vad.probability(frame) >= 0.5;
        melody.push(frame, speech);
        if speech {
            voiced += length;
            gap = 0;
            if voiced >= ONSET {
                last = Some(now);
            }
            continue;
        }
        gap += length;
        if gap >= ONSET {
            voiced = 0;
        }
        let Some(voice) = last.take_if(|last| now >= *last + PAUSE) else {
            continue;
        };
        let middle = |w: &&crate::voice::Word| w.start.midpoint(w.end) > voice;
        let next = item.truth.words.iter().find(middle).map(|w| w.start);
        let heard = ear.text(0, now);
        if heard.is_empty() {
            continue;
        }
        pauses.push(Pause {
            text: item.text.clone(),
            group: item.group.clone(),
            heard,
            expected: item.expected,
            contour: melody.contour(),
            goes_on: next.map(|next| next.saturating_sub(voice)),
        });
        if next.is_none() {
            break;
        }
    }
    pauses
}

//! Measures voice and recogniser against each other: `cargo run --release -p duologue-embedded --example speech_figures`.

use std::{
    error::Error,
    fs,
    time::{Duration, Instant},
};

use embedded::{
    Paths,
    recogniser::{Settings, Sphinx},
    voice::FliteVoice,
};
use providers::{
    asr::{self, Asr as _, Expected},
    tts::{self, Tts as _},
};

/// What to say, what should be heard, what is expected.
type Case = (&'static str, &'static str, Expected);

const VOICES: [&str; 3] = ["slt", "rms", "awb"];

/// Free speech.
const SENTENCES: [&str; 24] = [
    "the meeting has been moved to three thirty tomorrow afternoon",
    "can you tell me what the weather will be like on saturday",
    "i need to cancel my order because it arrived broken",
    "please call me back when you have found the answer",
    "how much does it cost to send a letter to canada",
    "we are looking for a small house near the river",
    "my brother lives in a town with two hospitals",
    "what time does the last train leave for london",
    "she forgot her keys on the kitchen table again",
    "could you repeat the last part more slowly",
    "i would like to speak with somebody about my bill",
    "the doctor said that i should drink more water",
    "there is a problem with the light in the bathroom",
    "we had dinner at a new restaurant last night",
    "do you have a table for four people at seven",
    "the children are playing football in the garden",
    "he bought three tickets for the concert on friday",
    "it takes about twenty minutes to walk to the station",
    "tell me a story about a dog and a cat",
    "i have never been to this part of the city before",
    "where can i find the nearest post office",
    "the price of bread has gone up since january",
    "remember to close the windows before you leave",
    "thank you very much for all of your help today",
];

/// What the expectation below covers.
const EXPECTED: [&str; 24] = [
    "i would like to book an appointment",
    "i want to cancel my appointment",
    "can i move my appointment to friday",
    "what are your opening hours",
    "where are you located",
    "yes please",
    "no thank you",
    "tuesday afternoon",
    "wednesday morning please",
    "next monday at ten",
    "my name is olivia",
    "my name is gareth",
    "it is nadia",
    "i would like to see the dentist",
    "can i speak to a person",
    "goodbye",
    "that is correct",
    "that is wrong",
    "thursday at half past three",
    "monday at nine thirty",
    "how much does a cleaning cost",
    "do you take insurance",
    "it is a toothache",
    "change it to saturday",
];

fn expected() -> Expected {
    let days = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ];
    let times = [
        "nine",
        "nine thirty",
        "ten",
        "ten thirty",
        "eleven",
        "two",
        "half past three",
        "four",
    ];
    let names = ["olivia", "gareth", "nadia", "peter", "siobhan", "marcus"];
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Expected {
        phrases: own(&[
            "i would like to book an appointment",
            "i want to cancel my appointment",
            "can i move my appointment to {day}",
            "what are your opening hours",
            "where are you located",
            "yes",
            "no",
            "no thank you",
            "{day} morning",
            "{day} afternoon",
            "next {day} at {time}",
            "{day} at {time}",
            "my name is {name}",
            "it is {name}",
            "i would like to see the dentist",
            "can i speak to a person",
            "goodbye",
            "that is correct",
            "that is wrong",
            "how much does a cleaning cost",
            "do you take insurance",
            "it is a toothache",
            "change it to {day}",
        ]),
        slots: vec![
            ("day".to_owned(), own(&days)),
            ("time".to_owned(), own(&times)),
            ("name".to_owned(), own(&names)),
        ],
        kind: None,
    }
}

/// Spelled things: how they are written for the voice, what should be heard, what kind it is.
const SPELLED: [(&str, &str, &str); 10] = [
    (
        "j o h n at gmail dot com",
        "j o h n at gmail dot com",
        "email",
    ),
    (
        "m a r y dot k at example dot org",
        "m a r y dot k at example dot org",
        "email",
    ),
    (
        "five five five one two three four",
        "five five five one two three four",
        "phone",
    ),
    (
        "oh seven nine double four six one",
        "oh seven nine double four six one",
        "phone",
    ),
    (
        "two hundred and forty five",
        "two hundred and forty five",
        "number",
    ),
    ("seventeen", "seventeen", "number"),
    ("three point one four", "three point one four", "number"),
    ("s m i t h", "s m i t h", "name"),
    ("w i l k o", "w i l k o", "name"),
    ("b r a d y", "b r a d y", "name"),
];

async fn say(voice: &FliteVoice, id: &str, text: &str) -> Result<Vec<i16>, Box<dyn Error>> {
    let mut session = voice.start(tts::Options {
        voice: Some(id.to_owned()),
        ..tts::Options::default()
    });
    session
        .input
        .send(tts::Input::Text(text.to_owned()))
        .await?;
    session.input.send(tts::Input::End).await?;
    // The silence that a voice activity detector would leave around the words.
    let mut samples = vec![0; 3_200];
    while let Some(event) = session.events.recv().await {
        if let tts::Event::Chunk(chunk) = event? {
            samples.extend(chunk.samples);
        }
    }
    samples.extend([0; 4_800]);
    // Not digital silence: a little noise, the same each time.
    let mut seed = 1_u32;
    for sample in &mut samples {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = sample.saturating_add((seed >> 28) as i16 - 8);
    }
    Ok(samples)
}

struct Ear {
    session: asr::Session,
    utterance: u64,
    sound: Duration,
    work: Duration,
    finals: Vec<Duration>,
    firsts: Vec<Duration>,
}

impl Ear {
    fn new(asr: &Sphinx) -> Self {
        Self {
            session: asr.start(asr::Options::default()),
            utterance: 0,
            sound: Duration::ZERO,
            work: Duration::ZERO,
            finals: Vec::new(),
            firsts: Vec::new(),
        }
    }

    async fn hear(
        &mut self,
        samples: &[i16],
        expected: Expected,
    ) -> Result<String, Box<dyn Error>> {
        self.utterance += 1;
        let began = Instant::now();
        self.session
            .input
            .send(asr::Input::Begin {
                utterance: self.utterance,
                expected,
            })
            .await?;
        for (at, step) in samples.chunks(320).enumerate() {
            self.session
                .input
                .send(asr::Input::Audio(step.to_vec()))
                .await?;
            // As fast as the recogniser hears, so that the time after the end is its own.
            while self.session.input.capacity() < self.session.input.max_capacity() {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            while let Ok(event) = self.session.events.try_recv() {
                if let asr::Event::Partial { text, .. } = event?
                    && !text.is_empty()
                    && self.firsts.len() < self.utterance as usize
                {
                    self.firsts.push(Duration::from_millis(20 * at as u64));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.sound += Duration::from_secs_f64(samples.len() as f64 / 16_000.0);
        let ended = Instant::now();
        self.session.input.send(asr::Input::End).await?;
        while let Some(event) = self.session.events.recv().await {
            if let asr::Event::Final { text, .. } = event? {
                self.finals.push(ended.elapsed());
                self.work += began.elapsed();
                return Ok(text);
            }
        }
        Err("the recogniser has gone".into())
    }
}

/// Word errors between what was said and heard.
fn errors(said: &str, heard: &str) -> usize {
    let heard: Vec<&str> = heard.split_whitespace().collect();
    let mut above: Vec<usize> = (0..=heard.len()).collect();
    for word in said.split_whitespace() {
        let mut row = vec![above[0] + 1];
        for (at, other) in heard.iter().enumerate() {
            let replaced = above[at] + usize::from(word != *other);
            row.push(replaced.min(above[at + 1] + 1).min(row[at] + 1));
        }
        above = row;
    }
    above[heard.len()]
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times
        .get(at)
        .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Resident memory, MiB.
fn memory() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0.0);
    pages * 4096.0 / 1_048_576.0
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verbose = std::env::args().any(|argument| argument == "--words");
    let repeatable = std::env::args().any(|argument| argument == "--repeatable");
    let settings = Settings {
        repeatable,
        ..Settings::default()
    };
    let voice = FliteVoice::new(Paths::default());
    let asr = Sphinx::new(Paths::default(), &settings);
    println!("memory at the start {:.0} MiB", memory());
    let sets: [(&str, Vec<Case>); 5] = [
        (
            "free speech, nothing expected",
            SENTENCES
                .iter()
                .map(|s| (*s, *s, Expected::default()))
                .collect(),
        ),
        (
            "free speech, something else expected",
            SENTENCES.iter().map(|s| (*s, *s, expected())).collect(),
        ),
        (
            "expected phrases, nothing expected",
            EXPECTED
                .iter()
                .map(|s| (*s, *s, Expected::default()))
                .collect(),
        ),
        (
            "expected phrases, expected",
            EXPECTED.iter().map(|s| (*s, *s, expected())).collect(),
        ),
        (
            "spelled",
            SPELLED
                .iter()
                .map(|(s, t, k)| {
                    (
                        *s,
                        *t,
                        Expected {
                            kind: Some((*k).to_owned()),
                            ..Expected::default()
                        },
                    )
                })
                .collect(),
        ),
    ];
    for (name, set) in &sets {
        println!("{name}");
        for id in VOICES {
            let mut ear = Ear::new(&asr);
            let (mut wrong, mut words, mut exact) = (0, 0, 0);
            for (said, want, expected) in set {
                let samples = say(&voice, id, said).await?;
                let heard = ear.hear(&samples, expected.clone()).await?;
                let mistakes = errors(want, &heard);
                if verbose && mistakes > 0 {
                    println!("    {want}\n  > {heard}");
                }
                wrong += mistakes;
                words += want.split_whitespace().count();
                exact += usize::from(mistakes == 0);
            }
            println!(
                "  {id}: word errors {:.1} % ({wrong} of {words}), exact {exact} of {}, final after {:.0} ms (p50) {:.0} ms (p95), first partial {:.0} ms into the sound (p50), time per second of sound {:.3} s",
                100.0 * wrong as f64 / words as f64,
                set.len(),
                percentile(&mut ear.finals, 50),
                percentile(&mut ear.finals, 95),
                percentile(&mut ear.firsts, 50),
                ear.work.as_secs_f64() / ear.sound.as_secs_f64(),
            );
        }
    }
    println!("memory with one decoder {:.0} MiB", memory());
    Ok(())
}

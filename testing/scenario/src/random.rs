//! Dialogues made from a seed: settings, a caller, an agent and a world with faults.

use std::time::Duration;

use turn::{Eagerness, InterruptionMode};

use crate::{
    chance::Chance,
    script::{Act, Deed, Line, Manners, Said, Script, Then, When},
    world::{Liveliness, Outcome, World},
};

/// How much goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// What a bad day brings.
    #[default]
    Some,
    /// Everything, often.
    Many,
}

const SAYINGS: &[&str] = &[
    "what time do you open tomorrow",
    "I would like to (0.7) book a table for two",
    "my name is (0.9) Mia",
    "yes please",
    "no",
    "can you move my appointment to thursday",
    "my number is five five (0.8) five one two (0.6) three four",
    "um (0.5) I am not sure",
    "that sounds good thank you",
    "tell me more about that",
    "how much does it cost and (1.1) is it far",
    "mia at example dot com",
    "tuesday at ten",
    "what was that again",
    "I need help with my order",
    "nothing else",
];

const ANSWERS: &[&str] = &[
    "Of course.",
    "We open at nine in the morning, and we close at six in the evening. Is there anything else?",
    "Let me see. Tuesday is free at ten, at eleven and at half past two. Which of these would you prefer?",
    "Your order left this morning and should arrive on Tuesday. You will get a message before it comes.",
    "I am sorry, I did not understand that. Could you say it again?",
    "There is a lot to say about this. First, it is quite old. Second, nobody knows who made it. Third, it still works.",
    "Yes.",
    "That costs twelve euros, including delivery.",
];

/// Runs a dialogue that `seed` makes.
pub fn random(seed: u64, faults: Faults) -> Outcome {
    let mut chance = Chance::new(seed);
    let script = script(&mut chance, faults, seed);
    let share = |chance: &mut Chance| chance.share() * 0.2;
    let liveliness = Liveliness {
        backchannel: share(&mut chance),
        cough: share(&mut chance),
        barge_in: share(&mut chance),
        echo: share(&mut chance) / 2.0,
    };
    World::new(script, liveliness).run(Duration::from_secs(30))
}

fn script(chance: &mut Chance, faults: Faults, seed: u64) -> Script {
    let mut script = Script {
        seed,
        ..Script::default()
    };
    let settings = &mut script.settings;
    settings.greets = chance.happens(0.8);
    settings.text_only = chance.happens(0.05);
    settings.eagerness = *chance.pick(&[Eagerness::Patient, Eagerness::Normal, Eagerness::Eager]);
    settings.speculative = chance.happens(0.7);
    settings.edge_can_pause = chance.happens(0.5);
    settings.edge_reports = chance.happens(0.5);
    settings.greeting_interruptible = chance.happens(0.7);
    settings.interruption = if chance.happens(0.05) {
        InterruptionMode::Never
    } else {
        InterruptionMode::Allowed
    };
    settings.turn_timeout = chance.happens(0.8).then(|| chance.millis(2_000, 8_000));
    settings.silence_end = chance.happens(0.3).then(|| chance.millis(10_000, 30_000));
    settings.soft_timeout = chance.happens(0.4).then(|| chance.millis(800, 3_000));
    settings.max_duration = if chance.happens(0.1) {
        chance.millis(10_000, 60_000)
    } else {
        Duration::from_mins(10)
    };
    settings.reply_timeout = chance.millis(4_000, 20_000);
    let rate = match faults {
        Faults::None => 0.0,
        Faults::Some => 0.02,
        Faults::Many => 0.15,
    };
    script.manners = Manners {
        // Now and then slower than anybody waits for.
        asr_delay: if chance.happens(rate / 2.0) {
            chance.millis(1_500, 4_000)
        } else {
            chance.millis(40, 400)
        },
        llm_delay: chance.millis(50, 1_200),
        llm_word: chance.millis(5, 60),
        voice_delay: chance.millis(40, 400),
        chunk: chance.millis(100, 800),
        network: chance.millis(0, 120),
        word_errors: rate * 2.0,
        lost_finals: rate,
        lost_reports: rate * 2.0,
        vad_errors: rate / 4.0,
        faults: rate,
        late: rate * 2.0,
    };
    let turns = 1 + chance.number() % 8;
    script.agent.push(vec![line(
        "Hello, this is the front desk. How can I help you today?",
    )]);
    for turn in 0..turns {
        let when = When::After(chance.millis(100, 1_500));
        let what = if script.settings.text_only {
            typed(chance)
        } else {
            deed(chance)
        };
        script.caller.push(Act { when, what });
        let last = turn + 1 == turns;
        script.agent.push(group(chance, last));
    }
    if chance.happens(0.2) {
        script.caller.push(Act {
            when: When::After(chance.millis(0, 2_000)),
            what: Deed::HangsUp,
        });
    }
    script
}

fn typed(chance: &mut Chance) -> Deed {
    Deed::Types(chance.pick(SAYINGS).replace(['(', ')'], ""))
}

fn deed(chance: &mut Chance) -> Deed {
    match chance.number() % 20 {
        0 => typed(chance),
        1 => Deed::Noise(chance.millis(50, 900)),
        2 => Deed::Moves,
        3 => Deed::Context,
        _ => {
            let said = chance.pick(SAYINGS).split_whitespace();
            Deed::Says(
                said.map(|word| match word.trim_matches(['(', ')']).parse::<f64>() {
                    Ok(pause) => Said::Pause(Duration::from_secs_f64(pause)),
                    Err(_) => Said::Word(word.to_owned()),
                })
                .collect(),
            )
        }
    }
}

fn group(chance: &mut Chance, last: bool) -> Vec<Line> {
    let mut first = line(pick(chance, ANSWERS));
    if last && chance.happens(0.5) {
        first = line("Thank you for calling, goodbye.");
        first.then.push(Then::Ends);
        return vec![first];
    }
    match chance.number() % 16 {
        0..=2 => {
            if chance.happens(0.5) {
                first = line("One moment please.");
            } else {
                first = Line::default();
            }
            for _ in 0..=chance.number() % 2 {
                first.then.push(Then::Tool {
                    takes: chance.happens(0.9).then(|| chance.millis(50, 4_000)),
                    fails: chance.happens(0.1),
                    interruptible: chance.happens(0.7),
                });
            }
            vec![first, line(pick(chance, ANSWERS))]
        }
        3 => {
            first = Line::default();
            first.then.push(Then::Skips);
            vec![first]
        }
        4 => vec![Line::default()],
        _ => vec![first],
    }
}

fn line(text: &str) -> Line {
    Line {
        text: text.to_owned(),
        then: Vec::new(),
    }
}

fn pick(chance: &mut Chance, texts: &[&'static str]) -> &'static str {
    chance.pick::<&'static str>(texts)
}

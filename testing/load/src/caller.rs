//! One caller: speaks, waits, listens, and sometimes does not let the agent finish.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use crate::{
    speech::{Line, Piece, Repertoire},
    wire::{Heard, Wire, text},
};

/// The length of a piece.
pub(crate) const PIECE: Duration = Duration::from_millis(20);

/// What a caller says in a piece: silence, or a part of a sentence.
pub(crate) type Said = Option<(u8, u16)>;

/// A call, written down.
pub(crate) struct Log {
    pub(crate) line: Line,
    /// What was said in each piece, and when it was handed to the system.
    pub(crate) pieces: Vec<(Said, Instant)>,
    /// How much later than planned each piece was handed over.
    pub(crate) lateness: Vec<Duration>,
    /// What was heard and when.
    pub(crate) heard: Vec<(Heard, Instant)>,
    /// Pieces at which the caller spoke into the agent's answer.
    pub(crate) barged: Vec<usize>,
    /// It ended before its time.
    pub(crate) broken: Option<String>,
}

/// Small, and good enough to shuffle with.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `limit`.
    pub(crate) fn roll(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

enum Mood {
    /// Silent for so many pieces, then speaks.
    Resting(u64),
    Speaking(u8, u16),
    /// Waits for the answer; speaks again if none comes.
    Waiting(u64),
    /// Listens for so many pieces; true: then speaks into it.
    Listening(u64, bool),
}

/// Calls and goes on until `end`.
pub(crate) async fn call(
    address: SocketAddr,
    repertoire: Arc<Repertoire>,
    seed: u64,
    begin: Instant,
    end: Instant,
) -> Log {
    let mut log = Log {
        line: repertoire.line,
        pieces: Vec::new(),
        lateness: Vec::new(),
        heard: Vec::new(),
        barged: Vec::new(),
        broken: None,
    };
    if let Err(error) = converse(address, &repertoire, seed, begin, end, &mut log).await {
        log.broken = Some(format!("{error:#}"));
    }
    log
}

async fn converse(
    address: SocketAddr,
    repertoire: &Repertoire,
    seed: u64,
    begin: Instant,
    end: Instant,
    log: &mut Log,
) -> anyhow::Result<()> {
    let mut dice = Dice::new(seed);
    // Callers come in one after the other.
    let first = begin + Duration::from_micros(dice.roll(4_000_000));
    sleep_until(first.into()).await;
    let mut wire = Wire::open(address, repertoire.line.agent()).await?;
    let mut next = Instant::now();
    let mut mood = Mood::Resting(10 + dice.roll(100));
    while next < end {
        let due = sleep_until(next.into());
        tokio::select! {
            biased;
            filled = wire.fill() => {
                filled?;
                let now = Instant::now();
                while let Some(heard) = wire.next() {
                    match heard {
                        Heard::Ping(id) => {
                            wire.send(&text(&format!(r#"{{"type":"pong","event_id":{id}}}"#))).await?;
                            continue;
                        }
                        Heard::Over => anyhow::bail!("the server ended the conversation"),
                        Heard::Other | Heard::Begun => continue,
                        Heard::Audio(_) if matches!(mood, Mood::Waiting(_)) => {
                            mood = match dice.roll(3) {
                                0 => Mood::Listening(30 + dice.roll(50), true),
                                _ => Mood::Listening(160 + dice.roll(100), false),
                            };
                        }
                        Heard::Audio(_) | Heard::Interruption(_) => {}
                    }
                    log.heard.push((heard, now));
                }
            }
            () = due => {
                let said = step(&mut mood, repertoire, &mut dice, log);
                let piece: &Piece = said
                    .and_then(|(s, p)| repertoire.sentences.get(usize::from(s))?.get(usize::from(p)))
                    .unwrap_or(&repertoire.silence);
                wire.send(&piece.message).await?;
                let now = Instant::now();
                log.pieces.push((said, now));
                log.lateness.push(now - next);
                next += PIECE;
            }
        }
    }
    Ok(())
}

/// What is said in this piece.
fn step(mood: &mut Mood, repertoire: &Repertoire, dice: &mut Dice, log: &mut Log) -> Said {
    let mut begin = || Mood::Speaking(dice.roll(repertoire.sentences.len() as u64) as u8, 0);
    match mood {
        Mood::Resting(0) | Mood::Waiting(0) | Mood::Listening(0, false) => *mood = begin(),
        Mood::Listening(0, true) => {
            log.barged.push(log.pieces.len());
            *mood = begin();
        }
        Mood::Resting(left) | Mood::Waiting(left) | Mood::Listening(left, _) => *left -= 1,
        Mood::Speaking(..) => {}
    }
    let Mood::Speaking(sentence, piece) = *mood else {
        return None;
    };
    let length = repertoire
        .sentences
        .get(usize::from(sentence))
        .map_or(0, Vec::len);
    *mood = if usize::from(piece) + 1 < length {
        Mood::Speaking(sentence, piece + 1)
    } else {
        Mood::Waiting(150)
    };
    Some((sentence, piece))
}

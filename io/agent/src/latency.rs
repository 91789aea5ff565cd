//! Where the time of a turn went, from the caller's last sound to the agent's first.

use audio::Moment;
use protocol::agents::Stage;

/// The moments of one turn. What has not happened yet is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moments {
    /// The last frame that was speech, or the typed text.
    pub(crate) speech_end: Moment,
    /// The turn was committed.
    pub(crate) decided: Option<Moment>,
    /// The recogniser's final text.
    pub(crate) final_text: Option<Moment>,
    /// The llm's first event.
    pub(crate) first_token: Option<Moment>,
    /// The first piece for the voice.
    pub(crate) first_clause: Option<Moment>,
    /// The voice's first sound.
    pub(crate) first_sound: Option<Moment>,
    /// The first sound was handed to the edge.
    pub(crate) sent: Option<Moment>,
}

impl Moments {
    /// The stages in order. They add up to the whole wait, however work overlapped: a stage that was over before the one
    /// ahead of it took no time of the caller's.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut reached = self.speech_end;
        [
            ("end_of_turn", self.decided),
            ("final_text", self.final_text),
            ("llm_first_token", self.first_token),
            ("first_clause", self.first_clause),
            ("tts_first_audio", self.first_sound),
            ("sent", self.sent),
        ]
        .into_iter()
        .filter_map(|(name, moment)| {
            let moment = moment?;
            let took = moment - reached;
            reached = reached.max(moment);
            Some(Stage::new(name, took))
        })
        .collect()
    }

    /// From the last sound of the caller to the first of the agent.
    #[cfg(test)]
    fn total(&self) -> Option<std::time::Duration> {
        Some(self.sent? - self.speech_end)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn stages_add_up_to_the_wait_also_where_work_overlapped() {
        let ms = Moment::from_millis;
        let moments = Moments {
            speech_end: ms(1_000),
            decided: Some(ms(1_700)),
            final_text: Some(ms(1_300)),
            first_token: Some(ms(1_500)),
            first_clause: Some(ms(1_800)),
            first_sound: Some(ms(1_850)),
            sent: Some(ms(1_852)),
        };
        let sum: f64 = moments.stages().iter().map(|stage| stage.ms).sum();
        assert!((sum - 852.0).abs() < 0.001);
        assert_eq!(moments.total(), Some(Duration::from_millis(852)));
        assert!(moments.stages()[1].ms.abs() < f64::EPSILON);
    }
}

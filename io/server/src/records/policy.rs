//! What an agent lets be kept of its conversations.

use serde_json::Value;

/// `platform_settings.privacy` of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Nothing is kept, of anything, anywhere.
    pub zero_retention: bool,
    /// Whether sound is kept. Default true.
    pub record_voice: bool,
    /// How long a conversation is kept, in days. None (the default): for good.
    pub days: Option<u32>,
    /// When the time is over: forget the sound only, and keep the words.
    pub sound_only: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            zero_retention: false,
            record_voice: true,
            days: None,
            sound_only: false,
        }
    }
}

/// A day in microseconds.
const DAY: i64 = 24 * 3_600 * 1_000_000;

impl Policy {
    /// What this agent says. Where it says nothing that can be understood, the default holds.
    pub fn of(agent: &Value) -> Self {
        let privacy = agent.pointer("/platform_settings/privacy");
        let flag = |name: &str| privacy.and_then(|p| p.get(name)).and_then(Value::as_bool);
        let days = privacy
            .and_then(|privacy| privacy.get("retention_days"))
            .and_then(Value::as_i64);
        let transcript = flag("delete_transcript_and_pii").unwrap_or(false);
        let audio = flag("delete_audio").unwrap_or(false);
        let days = match days {
            Some(days @ 0..) => Some(u32::try_from(days).unwrap_or(u32::MAX)),
            // Without a time, what is to be deleted is deleted once it has served its purpose.
            _ => (transcript || audio).then_some(0),
        };
        Self {
            zero_retention: flag("zero_retention_mode").unwrap_or(false),
            record_voice: flag("record_voice").unwrap_or(true),
            days,
            sound_only: audio && !transcript,
        }
    }

    /// When a conversation that began at `started` is to be forgotten, and when its sound; microseconds since 1970.
    pub(crate) fn erasure(self, started: i64) -> (Option<i64>, Option<i64>) {
        let at = self
            .days
            .map(|days| started.saturating_add(i64::from(days).saturating_mul(DAY)));
        if self.sound_only {
            (None, at)
        } else {
            (at, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(privacy: &Value) -> Policy {
        Policy::of(&json!({"platform_settings": {"privacy": privacy}}))
    }

    #[test]
    fn an_agent_that_says_nothing_keeps_everything() {
        assert_eq!(Policy::of(&json!({})), Policy::default());
        let privacy =
            json!({"retention_days": -1, "record_voice": "maybe", "zero_retention_mode": null});
        assert_eq!(policy(&privacy), Policy::default());
        assert_eq!(Policy::default().erasure(5), (None, None));
    }

    #[test]
    fn days_are_counted_from_the_beginning() {
        let two = policy(&json!({"retention_days": 2}));
        assert_eq!(two.erasure(5), (Some(2 * DAY + 5), None));
        let sound = policy(&json!({"retention_days": 2, "delete_audio": true}));
        assert_eq!(sound.erasure(5), (None, Some(2 * DAY + 5)));
        let at_once = policy(&json!({"delete_transcript_and_pii": true, "delete_audio": true}));
        assert_eq!(at_once.erasure(5), (Some(5), None));
    }
}

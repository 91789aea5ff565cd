//! What was said in a conversation, for the one that continues it.

use std::{collections::VecDeque, fmt::Write as _};

use protocol::agents::{ServerEvent, client::Output};

/// How many things that were said are kept.
const LINES: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    User,
    Agent,
}

/// What both sides said, the agent's words as far as they were heard.
#[derive(Debug, Default)]
pub(crate) struct Story {
    lines: VecDeque<(Who, String)>,
    forgotten: usize,
}

impl Story {
    /// Takes in what the agent's side reports.
    pub(crate) fn hear(&mut self, event: &Output) {
        match event {
            Output::Event(ServerEvent::UserTranscript {
                user_transcription_event,
            }) => self.put(Who::User, &user_transcription_event.user_transcript),
            Output::Event(ServerEvent::AgentResponse {
                agent_response_event,
            }) => self.put(Who::Agent, &agent_response_event.agent_response),
            Output::Correct { correction, .. } => {
                let original = correction.original_agent_response.trim();
                let found = self
                    .lines
                    .iter_mut()
                    .rev()
                    .find(|(who, text)| *who == Who::Agent && text == original);
                if let Some((_, text)) = found {
                    correction.corrected_agent_response.trim().clone_into(text);
                }
            }
            _ => {}
        }
    }

    /// Takes in what the user typed.
    pub(crate) fn typed(&mut self, text: &str) {
        self.put(Who::User, text);
    }

    fn put(&mut self, who: Who, text: &str) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.lines.push_back((who, text.trim().to_owned()));
    }

    /// What a new conversation is told of `conversation`: the latest of what was said, in `longest` characters or a
    /// little more.
    pub(crate) fn summary(&self, conversation: &str, longest: usize) -> String {
        let mut length = 0;
        let mut first = self.lines.len();
        for (_, text) in self.lines.iter().rev() {
            length += text.chars().count() + 8;
            if length > longest {
                break;
            }
            first -= 1;
        }
        let omitted = self.forgotten + first;
        let mut summary = format!(
            "The connection broke. This conversation continues conversation {conversation} with the same person; go on where it stopped and do not introduce yourself again."
        );
        let said: Vec<_> = self
            .lines
            .iter()
            .skip(first)
            .filter(|(_, text)| !text.is_empty())
            .collect();
        if said.is_empty() && omitted == 0 {
            summary.push_str(" Nothing had been said yet.");
            return summary;
        }
        summary.push_str(" What was said so far");
        if omitted > 0 {
            let _ = write!(summary, " (without the first {omitted})");
        }
        summary.push(':');
        for (who, text) in said {
            let who = match who {
                Who::User => "user",
                Who::Agent => "agent",
            };
            let _ = write!(summary, "\n{who}: {text}");
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use protocol::agents::{AgentResponse, AgentResponseCorrection};

    use super::*;

    fn says(story: &mut Story, text: &str) {
        let mut response = AgentResponse::default();
        text.clone_into(&mut response.agent_response);
        story.hear(&Output::Event(response.into()));
    }

    #[test]
    fn the_agents_words_count_as_far_as_they_were_heard() {
        let mut story = Story::default();
        says(&mut story, "Hello, this is the desk.");
        story.hear(&Output::Correct {
            response: None,
            correction: AgentResponseCorrection {
                original_agent_response: "Hello, this is the desk.".to_owned(),
                corrected_agent_response: "Hello,".to_owned(),
                event_id: None,
            },
        });
        story.typed("A room, please.");
        let summary = story.summary("conv_1", 1_000);
        assert!(summary.contains("conversation conv_1"), "{summary}");
        assert!(
            summary.ends_with("What was said so far:\nagent: Hello,\nuser: A room, please."),
            "{summary}"
        );
    }

    #[test]
    fn a_long_conversation_is_told_from_its_end() {
        let mut story = Story::default();
        for number in 0..1_000 {
            story.typed(&format!("number {number}"));
        }
        let summary = story.summary("c", 100);
        assert!(summary.contains("(without the first 995)"), "{summary}");
        assert!(summary.ends_with("user: number 999"), "{summary}");
        assert!(summary.len() < 400, "{summary}");
    }

    #[test]
    fn silence_is_told_as_such() {
        let summary = Story::default().summary("c", 100);
        assert!(summary.ends_with("Nothing had been said yet."), "{summary}");
    }
}

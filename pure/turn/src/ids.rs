//! Names of the things a conversation is made of. All of them only grow.

use std::fmt;

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The id after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// One stretch of user speech between two pauses; a user turn is made of one or more. Starts at 1.
    UtteranceId
}
counter! {
    /// One attempt of the agent to say something: a greeting, an answer, a filler, a re-engagement. Starts at 1.
    ReplyId
}
counter! {
    /// One chunk of agent audio as the edge knows it (`event_id` on the wire). Starts at 1, grows strictly; after an
    /// interruption with id N nothing with an id ≤ N is played.
    EventId
}
counter! {
    /// One call of a tool. The shell keeps the llm's own spelling of the id beside it.
    ToolCallId
}

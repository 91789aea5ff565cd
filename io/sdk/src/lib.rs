//! Talk to a voice agent: transports, conversations and audio interfaces.

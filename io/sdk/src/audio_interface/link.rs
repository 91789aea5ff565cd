//! Between an audio interface and the wire.

use std::{fmt, io, time::Duration};

use audio::{Decoder, Format, Resampler, SampleRate};
use protocol::agents::{AudioBytes, AudioFormat, client::Session};
use tokio::{sync::mpsc, time::Instant};

use super::{AudioInput, AudioInterface, AudioPieces};

/// What every interface speaks.
const RATE: SampleRate = SampleRate::HZ_16000;

pub(crate) struct AudioLink {
    interface: Box<dyn AudioInterface>,
    pieces: mpsc::Receiver<Vec<i16>>,
    encode: Format,
    to_wire: Resampler,
    decoder: Decoder,
    from_wire: Resampler,
    output_piece: usize,
    played_until: Instant,
    stopped: bool,
}

impl fmt::Debug for AudioLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioLink")
            .field("encode", &self.encode)
            .finish_non_exhaustive()
    }
}

impl AudioLink {
    pub(crate) fn start(
        mut interface: Box<dyn AudioInterface>,
        session: &Session,
        pieces: AudioPieces,
    ) -> io::Result<Self> {
        let (encode, decode) = formats(session)?;
        let (input, receiver) = AudioInput::new(pieces.input);
        interface.start(input)?;
        Ok(Self {
            interface,
            pieces: receiver,
            encode,
            to_wire: Resampler::new(RATE, encode.rate()),
            decoder: Decoder::new(decode),
            from_wire: Resampler::new(decode.rate(), RATE),
            output_piece: pieces.output.max(1),
            played_until: Instant::now(),
            stopped: false,
        })
    }

    /// Goes on in a new conversation. What is queued is still played; sound goes in as the new one wants it.
    pub(crate) fn renew(&mut self, session: &Session) -> io::Result<()> {
        let (encode, decode) = formats(session)?;
        self.encode = encode;
        self.to_wire = Resampler::new(RATE, encode.rate());
        self.decoder = Decoder::new(decode);
        self.from_wire = Resampler::new(decode.rate(), RATE);
        // What was paused was paused by a server that is gone.
        self.interface.resume();
        Ok(())
    }

    /// The next piece for the wire; waits for ever once there is no more. May be cancelled.
    pub(crate) async fn next(&mut self) -> AudioBytes {
        loop {
            let Some(piece) = self.pieces.recv().await else {
                return std::future::pending().await;
            };
            let samples = self.to_wire.push(&piece);
            if !samples.is_empty() {
                return self.encode.encode(&samples).into();
            }
        }
    }

    pub(crate) fn play(&mut self, sound: &AudioBytes) {
        let samples = self.from_wire.push(&self.decoder.decode(sound.as_ref()));
        for piece in samples.chunks(self.output_piece) {
            self.interface.output(piece);
        }
        self.played_until = self.played_until.max(Instant::now()) + RATE.duration_of(samples.len());
    }

    pub(crate) fn interrupt(&mut self) {
        self.decoder = Decoder::new(self.decoder.format());
        self.from_wire = Resampler::new(self.from_wire.from(), RATE);
        self.interface.interrupt();
        self.played_until = Instant::now();
    }

    pub(crate) fn pause(&mut self) {
        self.interface.pause();
    }

    pub(crate) fn resume(&mut self) {
        self.interface.resume();
    }

    /// When the last of the agent's words will have been heard, as far as can be reckoned.
    pub(crate) fn played_until(&self) -> Instant {
        // What a loudspeaker still holds.
        self.played_until + Duration::from_millis(300)
    }

    pub(crate) fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.interface.stop();
            self.pieces.close();
        }
    }
}

/// How sound goes in and comes out.
fn formats(session: &Session) -> io::Result<(Format, Format)> {
    let format = |name: &AudioFormat| {
        name.format().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the agent wants sound as {name}, which cannot be coded here"),
            )
        })
    };
    Ok((format(&session.input)?, format(&session.output)?))
}

impl Drop for AudioLink {
    fn drop(&mut self) {
        self.stop();
    }
}

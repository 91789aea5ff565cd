//! MP3 by LAME, where its library is on this machine.
//!
//! It is found at run time like the voice: LAME is under the LGPL, and nothing of it is built in.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_int, c_short, c_uchar, c_void},
    ptr::NonNull,
};

use audio::SampleRate;
use libloading::os::unix::{Library, Symbol};
use providers::{
    ProviderError,
    mp3::{Channels, Mp3},
};

use crate::paths::{Paths, missing};

const NAME: &str = "LAME";
const LIBRARY: &str = "libmp3lame.so.0";
/// Its middle: half of the time of the best, and nobody has heard the difference in speech.
const QUALITY: c_int = 5;
/// Frames of samples that are coded at a time.
const PIECE: usize = 1 << 15;
/// `MPEG_mode`: two channels with nothing in common, and one.
const STEREO: c_int = 0;
const MONO: c_int = 3;

/// The encoder, for any number of streams at once.
pub struct Lame {
    init: Symbol<unsafe extern "C" fn() -> *mut c_void>,
    close: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int>,
    init_params: Symbol<Getter>,
    set_in_samplerate: Symbol<Setter>,
    set_out_samplerate: Symbol<Setter>,
    set_num_channels: Symbol<Setter>,
    set_mode: Symbol<Setter>,
    set_brate: Symbol<Setter>,
    set_quality: Symbol<Setter>,
    set_vbr_tag: Symbol<Setter>,
    set_disable_reservoir: Symbol<Setter>,
    encode: Symbol<
        unsafe extern "C" fn(
            *mut c_void,
            *const c_short,
            *const c_short,
            c_int,
            *mut c_uchar,
            c_int,
        ) -> c_int,
    >,
    encode_interleaved: Symbol<
        unsafe extern "C" fn(*mut c_void, *const c_short, c_int, *mut c_uchar, c_int) -> c_int,
    >,
    flush: Symbol<unsafe extern "C" fn(*mut c_void, *mut c_uchar, c_int) -> c_int>,
    /// Last, so that it outlives its symbols.
    _library: Library,
}

type Getter = unsafe extern "C" fn(*mut c_void) -> c_int;
type Setter = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

impl Lame {
    /// Finds the library: where the speech libraries are, or else where the system looks.
    ///
    /// # Errors
    /// [`ProviderError::Missing`] when it is not there.
    pub fn load(paths: &Paths) -> Result<Self, ProviderError> {
        // SAFETY: loading LAME runs no code of its own.
        let library = unsafe { Library::new(paths.library(LIBRARY)) };
        // SAFETY: as above.
        let library = library.or_else(|_| unsafe { Library::new(LIBRARY) });
        let library = library.map_err(|error| missing(NAME, error.to_string()))?;
        // SAFETY: each symbol is asked for with the type that LAME 3.100's header declares for it, and the library stays
        // loaded as long as they do.
        unsafe {
            Ok(Self {
                init: symbol(&library, c"lame_init")?,
                close: symbol(&library, c"lame_close")?,
                init_params: symbol(&library, c"lame_init_params")?,
                set_in_samplerate: symbol(&library, c"lame_set_in_samplerate")?,
                set_out_samplerate: symbol(&library, c"lame_set_out_samplerate")?,
                set_num_channels: symbol(&library, c"lame_set_num_channels")?,
                set_mode: symbol(&library, c"lame_set_mode")?,
                set_brate: symbol(&library, c"lame_set_brate")?,
                set_quality: symbol(&library, c"lame_set_quality")?,
                set_vbr_tag: symbol(&library, c"lame_set_bWriteVbrTag")?,
                set_disable_reservoir: symbol(&library, c"lame_set_disable_reservoir")?,
                encode: symbol(&library, c"lame_encode_buffer")?,
                encode_interleaved: symbol(&library, c"lame_encode_buffer_interleaved")?,
                flush: symbol(&library, c"lame_encode_flush")?,
                _library: library,
            })
        }
    }

    fn stream(
        &self,
        rate: SampleRate,
        channels: Channels,
        kbps: u32,
    ) -> Result<Stream<'_>, ProviderError> {
        // SAFETY: it takes nothing, and gives null when there is no memory.
        let handle = NonNull::new(unsafe { (self.init)() });
        let stream = Stream {
            lame: self,
            handle: handle.ok_or_else(|| failed("it has no memory", 0))?,
        };
        let number = |number: u32| c_int::try_from(number).unwrap_or(c_int::MAX);
        let mode = match channels {
            Channels::Mono => MONO,
            Channels::Two => STEREO,
        };
        for (set, value) in [
            (&self.set_in_samplerate, number(rate.hz())),
            (&self.set_out_samplerate, number(rate.hz())),
            (&self.set_num_channels, number(channels.count())),
            (&self.set_mode, mode),
            (&self.set_brate, number(kbps)),
            (&self.set_quality, QUALITY),
            // Its first frame would tell the length of one piece of many.
            (&self.set_vbr_tag, 0),
            // Frames that lean on earlier ones cannot be cut apart and put together.
            (&self.set_disable_reservoir, 1),
        ] {
            // SAFETY: the handle is alive, and not yet in use.
            written(unsafe { set(stream.handle.as_ptr(), value) }, &[])?;
        }
        // SAFETY: as above.
        let ready = unsafe { (self.init_params)(stream.handle.as_ptr()) };
        if ready < 0 {
            return Err(ProviderError::Unsupported {
                provider: NAME.to_owned(),
                reason: format!("there is no MP3 of {rate} with {kbps} kbit/s"),
            });
        }
        Ok(stream)
    }
}

/// # Safety
/// `T` must be the type of the function `name`.
unsafe fn symbol<T>(library: &Library, name: &CStr) -> Result<Symbol<T>, ProviderError> {
    // SAFETY: the caller's promise.
    unsafe { library.get(name.to_bytes_with_nul()) }
        .map_err(|error| missing(NAME, error.to_string()))
}

fn failed(what: &str, code: c_int) -> ProviderError {
    ProviderError::Failed {
        provider: NAME.to_owned(),
        reason: format!("{what} ({code})"),
    }
}

/// The bytes that a call wrote, or its error.
fn written(code: c_int, room: &[u8]) -> Result<&[u8], ProviderError> {
    let count = usize::try_from(code).map_err(|_| failed("it could not code the sound", code))?;
    Ok(room.get(..count).unwrap_or(room))
}

/// One stream of MP3.
struct Stream<'a> {
    lame: &'a Lame,
    handle: NonNull<c_void>,
}

impl Stream<'_> {
    fn push(
        &mut self,
        samples: &[i16],
        channels: Channels,
        bytes: &mut Vec<u8>,
    ) -> Result<(), ProviderError> {
        let width = channels.count() as usize;
        for piece in samples.chunks(PIECE * width) {
            let frames = piece.len() / width;
            // What the header promises to be enough.
            let mut room = vec![0_u8; frames * 5 / 4 + 7_200];
            let handle = self.handle.as_ptr();
            let (count, size) = (frames as c_int, room.len() as c_int);
            // SAFETY: the piece holds `count` samples of each channel, and `room` has the size that is told. The handle is
            // alive, and borrowed by nobody else.
            let code = unsafe {
                match channels {
                    Channels::Mono => (self.lame.encode)(
                        handle,
                        piece.as_ptr(),
                        piece.as_ptr(),
                        count,
                        room.as_mut_ptr(),
                        size,
                    ),
                    Channels::Two => (self.lame.encode_interleaved)(
                        handle,
                        piece.as_ptr(),
                        count,
                        room.as_mut_ptr(),
                        size,
                    ),
                }
            };
            bytes.extend(written(code, &room)?);
        }
        Ok(())
    }

    fn finish(self, bytes: &mut Vec<u8>) -> Result<(), ProviderError> {
        let mut room = vec![0_u8; 7_200];
        let size = room.len() as c_int;
        // SAFETY: as in `push`; 7200 bytes are what the header asks for.
        let code = unsafe { (self.lame.flush)(self.handle.as_ptr(), room.as_mut_ptr(), size) };
        bytes.extend(written(code, &room)?);
        Ok(())
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is alive, and used by nobody after this.
        unsafe { (self.lame.close)(self.handle.as_ptr()) };
    }
}

impl Mp3 for Lame {
    fn name(&self) -> &str {
        NAME
    }

    fn least(&self, _rate: SampleRate) -> u32 {
        32
    }

    fn encode(
        &self,
        samples: &[i16],
        rate: SampleRate,
        channels: Channels,
        kbps: u32,
    ) -> Result<Vec<u8>, ProviderError> {
        let mut bytes = Vec::new();
        if samples.is_empty() {
            return Ok(bytes);
        }
        let mut stream = self.stream(rate, channels, kbps)?;
        stream.push(samples, channels, &mut bytes)?;
        stream.finish(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scripts/packages.sh` installs it.
    fn lame() -> Lame {
        Lame::load(&Paths::default()).unwrap()
    }

    /// The bytes of each frame of an MPEG-1 stream at 44.1 kHz and this bit rate, walked header by header.
    fn frames(bytes: &[u8], kbps: usize) -> usize {
        let (mut at, mut frames) = (0, 0);
        while at < bytes.len() {
            assert_eq!((bytes[at], bytes[at + 1] & 0xe0), (0xff, 0xe0), "at {at}");
            at += 144_000 * kbps / 44_100 + usize::from(bytes[at + 2] >> 1 & 1);
            frames += 1;
        }
        assert_eq!(at, bytes.len());
        frames
    }

    #[test]
    fn every_bit_rate_is_what_was_asked_for_and_pieces_join() {
        let lame = lame();
        let sound: Vec<i16> = (0..44_100)
            .map(|at| ((at as f32 * 0.1).sin() * 8_000.0) as i16)
            .collect();
        for kbps in [32, 64, 96, 128, 192] {
            let code = |sound: &[i16]| {
                lame.encode(sound, SampleRate::HZ_44100, Channels::Mono, kbps)
                    .unwrap()
            };
            let (one, two) = (code(&sound), [code(&sound), code(&sound)].concat());
            let count = frames(&one, kbps as usize);
            assert!((39..=42).contains(&count), "{kbps}: {count}");
            assert_eq!(frames(&two, kbps as usize), 2 * count);
        }
        let both = lame.encode(&sound, SampleRate::HZ_44100, Channels::Two, 128);
        assert!((19..=22).contains(&frames(&both.unwrap(), 128)));
        let nothing = lame.encode(&[], SampleRate::HZ_44100, Channels::Mono, 64);
        assert!(nothing.unwrap().is_empty());
    }

    #[test]
    fn a_folder_without_it_is_no_obstacle() {
        let paths = Paths {
            libraries: Some("/nowhere".into()),
            ..Paths::default()
        };
        // The system's own takes its place.
        assert_eq!(Lame::load(&paths).unwrap().name(), NAME);
    }
}

//! The few calls of `flite` that the voice needs, found at run time.
//!
//! Flite colours its voices with the C library's one random generator, so what a sentence sounds like would depend on who
//! else speaks. Every synthesis in the process therefore takes [`SYNTHESIS`] and starts the generator anew: the same text
//! gives the same samples. A sentence takes tens of milliseconds and never waits for a listener while it holds the lock.
//! (Two threads in one voice were also run under a race detector, which found only that generator.)
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_float, c_int, c_short, c_uint, c_void},
    ptr::{self, NonNull},
    sync::Mutex,
};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};
use providers::ProviderError;

use crate::paths::{Paths, missing};

/// One synthesis at a time in a process.
static SYNTHESIS: Mutex<()> = Mutex::new(());

/// `cst_wave`.
#[repr(C)]
struct Wave {
    kind: *const c_char,
    sample_rate: c_int,
    num_samples: c_int,
    num_channels: c_int,
    samples: *const c_short,
}

/// `cst_audio_streaming_info`.
#[repr(C)]
struct StreamingInfo {
    min_buffsize: c_int,
    callback: Option<Callback>,
    utterance: *const c_void,
    item: *const c_void,
    userdata: *mut c_void,
}

/// The head of `cst_utterance`.
#[repr(C)]
struct Utterance {
    features: *mut c_void,
}

/// The head of `cst_voice`.
#[repr(C)]
struct VoiceHead {
    name: *const c_char,
}

unsafe extern "C" {
    /// The C library's; flite draws its noise from `rand`.
    fn srand(seed: c_uint);
}

type Callback = unsafe extern "C" fn(*const Wave, c_int, c_int, c_int, *mut StreamingInfo) -> c_int;
type Synthesiser = unsafe extern "C" fn(*mut Utterance) -> *mut Utterance;

const CONTINUE: c_int = 0;
const STOP: c_int = -1;

/// The loaded libraries and their functions. Libraries are never unloaded: voices point into them.
pub(super) struct Flite {
    new_utterance: Symbol<unsafe extern "C" fn() -> *mut Utterance>,
    delete_utterance: Symbol<unsafe extern "C" fn(*mut Utterance)>,
    do_synth:
        Symbol<unsafe extern "C" fn(*mut Utterance, *mut VoiceHead, Synthesiser) -> *mut Utterance>,
    utt_synth: Symbol<Synthesiser>,
    set_string: Symbol<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char)>,
    set_float: Symbol<unsafe extern "C" fn(*mut c_void, *const c_char, c_float)>,
    set_value: Symbol<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_void)>,
    new_streaming: Symbol<unsafe extern "C" fn() -> *mut StreamingInfo>,
    streaming_value: Symbol<unsafe extern "C" fn(*mut StreamingInfo) -> *const c_void>,
    relation: Symbol<unsafe extern "C" fn(*const Utterance, *const c_char) -> *mut c_void>,
    relation_present: Symbol<unsafe extern "C" fn(*const Utterance, *const c_char) -> c_int>,
    head: Symbol<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    next: Symbol<unsafe extern "C" fn(*const c_void) -> *mut c_void>,
    feature_float: Symbol<unsafe extern "C" fn(*const c_void, *const c_char) -> c_float>,
    feature_string: Symbol<unsafe extern "C" fn(*const c_void, *const c_char) -> *const c_char>,
    libraries: Vec<Library>,
}

/// A voice that flite has registered; it lives as long as the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct VoiceHandle(NonNull<VoiceHead>);

// SAFETY: the voice is only read by flite once registered, and only under `SYNTHESIS`.
unsafe impl Send for VoiceHandle {}
// SAFETY: as above.
unsafe impl Sync for VoiceHandle {}

/// When something is said, from the first sample of the sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    /// Seconds.
    pub(super) start: f32,
    /// Seconds.
    pub(super) end: f32,
}

/// What is known about a sentence before its first sample is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Timing {
    /// How long the voice waits before the first word, in seconds.
    pub(super) lead: f32,
    /// When each of flite's tokens sounds.
    pub(super) tokens: Vec<Span>,
}

/// Takes samples as they are made. The first call carries the timing. False stops the voice.
pub(super) trait Sink {
    fn take(&mut self, timing: Option<Timing>, samples: &[i16], rate: u32) -> bool;
}

/// What the callback finds behind `userdata`.
struct Listening<'a> {
    flite: &'a Flite,
    utterance: *const Utterance,
    sink: &'a mut dyn Sink,
    timed: bool,
    delivered: usize,
    stopped: bool,
}

impl Flite {
    /// Finds the library, its English and its lexicon. Voices are found by [`Flite::voice`].
    pub(super) fn load(paths: &Paths) -> Result<Self, ProviderError> {
        let mut libraries = Vec::new();
        for name in [
            "libflite.so.1",
            "libflite_cmulex.so.1",
            "libflite_usenglish.so.1",
        ] {
            libraries.push(open(paths, name)?);
        }
        let library = &libraries[0];
        // SAFETY: each symbol is asked for with the type that flite 2's headers declare for it, and the libraries stay
        // loaded as long as `Self`, which is never dropped before its symbols.
        let flite = unsafe {
            Self {
                new_utterance: symbol(library, c"new_utterance")?,
                delete_utterance: symbol(library, c"delete_utterance")?,
                do_synth: symbol(library, c"flite_do_synth")?,
                utt_synth: symbol(library, c"utt_synth")?,
                set_string: symbol(library, c"feat_set_string")?,
                set_float: symbol(library, c"feat_set_float")?,
                set_value: symbol(library, c"feat_set")?,
                new_streaming: symbol(library, c"new_audio_streaming_info")?,
                streaming_value: symbol(library, c"audio_streaming_info_val")?,
                relation: symbol(library, c"utt_relation")?,
                relation_present: symbol(library, c"utt_relation_present")?,
                head: symbol(library, c"relation_head")?,
                next: symbol(library, c"item_next")?,
                feature_float: symbol(library, c"flite_ffeature_float")?,
                feature_string: symbol(library, c"flite_ffeature_string")?,
                libraries,
            }
        };
        let _one_at_a_time = lock();
        // SAFETY: `flite_init` takes nothing and may be called more than once.
        unsafe {
            let init: Symbol<unsafe extern "C" fn() -> c_int> =
                symbol(&flite.libraries[0], c"flite_init")?;
            init();
        }
        Ok(flite)
    }

    /// Registers the voice `id` (`slt`, `rms`, …) out of its own library. Registering twice gives the same voice.
    #[expect(clippy::unused_self, reason = "a voice needs the library to be loaded")]
    pub(super) fn voice(&self, paths: &Paths, id: &str) -> Result<VoiceHandle, ProviderError> {
        let file = format!("libflite_cmu_us_{id}.so.1");
        let library = open(paths, &file)?;
        let name = CString::new(format!("register_cmu_us_{id}"))
            .map_err(|_| missing(super::PROVIDER, format!("no voice is called {id:?}")))?;
        let _one_at_a_time = lock();
        // SAFETY: voice libraries export `cst_voice *register_…(const char *)`, which takes a null folder.
        let voice = unsafe {
            let register: Symbol<unsafe extern "C" fn(*const c_char) -> *mut VoiceHead> =
                symbol(&library, &name)?;
            register(ptr::null())
        };
        // The voice points into the library for ever.
        std::mem::forget(library);
        NonNull::new(voice)
            .map(VoiceHandle)
            .ok_or_else(|| missing(super::PROVIDER, format!("{file} gave no voice")))
    }

    /// Says `text`, giving `sink` the sound as it is made. `stretch` is how much longer than usual the sounds last.
    ///
    /// `text` must be what [`super::text`] makes: short, plain ASCII.
    pub(super) fn say(
        &self,
        voice: VoiceHandle,
        text: &CStr,
        stretch: f32,
        sink: &mut dyn Sink,
    ) -> Result<(), ProviderError> {
        let _one_at_a_time = lock();
        // SAFETY: all pointers come from flite in this block, are checked for null before use, and are used as its
        // headers say: the utterance copies the text, owns the streaming value (and with it `info`) and is deleted once.
        // Names of features are static. `listening` outlives `do_synth`, the only caller of the callback.
        unsafe {
            let utterance = (self.new_utterance)();
            if utterance.is_null() {
                return Err(failed("no memory for an utterance"));
            }
            let features = (*utterance).features;
            let info = (self.new_streaming)();
            if info.is_null() {
                (self.delete_utterance)(utterance);
                return Err(failed("no memory for a stream"));
            }
            let mut listening = Listening {
                flite: self,
                utterance,
                sink,
                timed: false,
                delivered: 0,
                stopped: false,
            };
            (*info).min_buffsize = 256;
            (*info).callback = Some(heard);
            (*info).userdata = (&raw mut listening).cast();
            (self.set_string)(features, c"input_text".as_ptr(), text.as_ptr());
            (self.set_float)(features, c"duration_stretch".as_ptr(), stretch);
            (self.set_value)(
                features,
                c"streaming_info".as_ptr(),
                (self.streaming_value)(info),
            );
            srand(1);
            // On failure flite deletes the utterance itself.
            let spoken = (self.do_synth)(utterance, voice.0.as_ptr(), *self.utt_synth);
            if spoken.is_null() {
                if listening.stopped {
                    return Ok(());
                }
                return Err(failed("the sentence could not be synthesised"));
            }
            (self.delete_utterance)(spoken);
        }
        Ok(())
    }

    /// When each token sounds.
    ///
    /// # Safety
    /// `utterance` must be alive and past its duration stage.
    unsafe fn timing(&self, utterance: *const Utterance) -> Timing {
        let mut timing = Timing::default();
        // SAFETY: relations and items belong to the living utterance; a relation is looked at only when present, and
        // `item_next` gives null at the end.
        unsafe {
            if (self.relation_present)(utterance, c"Segment".as_ptr()) != 0 {
                let first = (self.head)((self.relation)(utterance, c"Segment".as_ptr()));
                if !first.is_null() {
                    let name = (self.feature_string)(first, c"name".as_ptr());
                    if !name.is_null() && CStr::from_ptr(name) == c"pau" {
                        timing.lead = (self.feature_float)(first, c"end".as_ptr());
                    }
                }
            }
            if (self.relation_present)(utterance, c"Token".as_ptr()) == 0 {
                return timing;
            }
            let mut token = (self.head)((self.relation)(utterance, c"Token".as_ptr()));
            let mut before = timing.lead;
            while !token.is_null() {
                let end = (self.feature_float)(
                    token,
                    c"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end".as_ptr(),
                );
                let start = (self.feature_float)(
                    token,
                    c"daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end".as_ptr(),
                );
                // A token without a sound of its own ends where the one before it did.
                let end = if end > before { end } else { before };
                let start = start.clamp(before, end);
                timing.tokens.push(Span { start, end });
                before = end;
                token = (self.next)(token);
            }
        }
        timing
    }
}

/// Flite's callback: `size` new samples from `start` on.
unsafe extern "C" fn heard(
    wave: *const Wave,
    start: c_int,
    size: c_int,
    _last: c_int,
    info: *mut StreamingInfo,
) -> c_int {
    if wave.is_null() || info.is_null() {
        return STOP;
    }
    // SAFETY: `userdata` is the `Listening` of the `say` that is running on this thread, and nobody else refers to it
    // now. The wave has `num_samples` samples, of which the slice takes those that exist and are new.
    unsafe {
        let listening = &mut *(*info).userdata.cast::<Listening<'_>>();
        let known = usize::try_from((*wave).num_samples).unwrap_or(0);
        let end = usize::try_from(start.saturating_add(size))
            .unwrap_or(0)
            .min(known);
        let from = usize::try_from(start).unwrap_or(0).max(listening.delivered);
        let timing = if listening.timed {
            None
        } else {
            listening.timed = true;
            Some(listening.flite.timing(listening.utterance))
        };
        let samples = if from < end && !(*wave).samples.is_null() {
            std::slice::from_raw_parts((*wave).samples.add(from), end - from)
        } else {
            &[]
        };
        listening.delivered = listening.delivered.max(end);
        let rate = u32::try_from((*wave).sample_rate).unwrap_or(0);
        if listening.sink.take(timing, samples, rate) {
            CONTINUE
        } else {
            listening.stopped = true;
            STOP
        }
    }
}

fn lock() -> std::sync::MutexGuard<'static, ()> {
    SYNTHESIS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn open(paths: &Paths, name: &str) -> Result<Library, ProviderError> {
    let path = paths.library(name);
    // SAFETY: flite's libraries run no code of consequence when they are loaded. They are loaded globally because the
    // voices find the lexicon and the language in each other.
    unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| missing(super::PROVIDER, format!("{}: {error}", path.display())))
}

/// # Safety
/// `T` must be the type of `name`.
unsafe fn symbol<T>(library: &Library, name: &CStr) -> Result<Symbol<T>, ProviderError> {
    // SAFETY: the caller vouches for the type.
    unsafe { library.get(name.to_bytes_with_nul()) }.map_err(|error| {
        missing(
            super::PROVIDER,
            format!("{}: {error}", name.to_string_lossy()),
        )
    })
}

fn failed(reason: &str) -> ProviderError {
    ProviderError::Failed {
        provider: super::PROVIDER.to_owned(),
        reason: reason.to_owned(),
    }
}

//! The few calls of PocketSphinx (0.8-5prealpha, as Debian ships it) that the recogniser needs, found at run time.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr::{self, NonNull},
    sync::Arc,
};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};
use providers::ProviderError;

use super::PROVIDER;
use crate::paths::{Paths, missing};

/// `feat_t`, as far as its normalisation.
#[repr(C)]
struct Features {
    refcount: c_int,
    name: *mut c_char,
    cepsize: i32,
    n_stream: i32,
    stream_len: *mut u32,
    window_size: i32,
    n_sv: i32,
    sv_len: *mut u32,
    subvecs: *mut *mut i32,
    sv_buf: *mut f32,
    sv_dim: i32,
    cmn: c_int,
    varnorm: i32,
    agc: c_int,
    compute: *const c_void,
    cmn_struct: *mut Cmn,
}

/// `cmn_t`.
#[repr(C)]
struct Cmn {
    mean: *mut f32,
    var: *mut f32,
    sum: *mut f32,
    nframe: i32,
    veclen: i32,
}

/// The loaded libraries and their functions.
pub(super) struct Sphinx {
    args: Symbol<unsafe extern "C" fn() -> *const c_void>,
    parse: Symbol<
        unsafe extern "C" fn(
            *mut c_void,
            *const c_void,
            i32,
            *const *const c_char,
            i32,
        ) -> *mut c_void,
    >,
    free_config: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int>,
    init: Symbol<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    free: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int>,
    start_stream: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int>,
    start_utt: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int>,
    end_utt: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int>,
    process: Symbol<unsafe extern "C" fn(*mut c_void, *const i16, usize, c_int, c_int) -> c_int>,
    hyp: Symbol<unsafe extern "C" fn(*mut c_void, *mut i32) -> *const c_char>,
    features: Symbol<unsafe extern "C" fn(*mut c_void) -> *mut Features>,
    seg_iter: Symbol<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    seg_next: Symbol<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    seg_word: Symbol<unsafe extern "C" fn(*mut c_void) -> *const c_char>,
    seg_frames: Symbol<unsafe extern "C" fn(*mut c_void, *mut c_int, *mut c_int)>,
    seg_prob: Symbol<unsafe extern "C" fn(*mut c_void, *mut i32, *mut i32, *mut i32) -> i32>,
    set_jsgf: Symbol<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> c_int>,
    set_search: Symbol<unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int>,
    add_word:
        Symbol<unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, c_int) -> c_int>,
    _libraries: [Library; 2],
}

/// What has been learnt about one speaker's channel: the running mean of the cepstra.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Normalisation {
    mean: Vec<f32>,
    sum: Vec<f32>,
    frames: i32,
}

/// A word that was heard, and how well its sound fits: the log-likelihood, never above 0 per frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    pub(super) word: String,
    pub(super) frames: i32,
    pub(super) fit: i32,
}

impl Sphinx {
    /// Finds the libraries.
    pub(super) fn load(paths: &Paths) -> Result<Self, ProviderError> {
        let base = open(paths, "libsphinxbase.so.3")?;
        let library = open(paths, "libpocketsphinx.so.3")?;
        // SAFETY: each symbol is asked for with the type that the headers of 0.8-5prealpha declare for it, and the
        // libraries stay loaded as long as `Self`.
        unsafe {
            let silence: Symbol<unsafe extern "C" fn(*mut c_void)> =
                symbol(&base, c"err_set_logfp")?;
            // The library talks on stderr otherwise.
            silence(ptr::null_mut());
            Ok(Self {
                args: symbol(&library, c"ps_args")?,
                parse: symbol(&base, c"cmd_ln_parse_r")?,
                free_config: symbol(&base, c"cmd_ln_free_r")?,
                init: symbol(&library, c"ps_init")?,
                free: symbol(&library, c"ps_free")?,
                start_stream: symbol(&library, c"ps_start_stream")?,
                start_utt: symbol(&library, c"ps_start_utt")?,
                end_utt: symbol(&library, c"ps_end_utt")?,
                process: symbol(&library, c"ps_process_raw")?,
                hyp: symbol(&library, c"ps_get_hyp")?,
                features: symbol(&library, c"ps_get_feat")?,
                seg_iter: symbol(&library, c"ps_seg_iter")?,
                seg_next: symbol(&library, c"ps_seg_next")?,
                seg_word: symbol(&library, c"ps_seg_word")?,
                seg_frames: symbol(&library, c"ps_seg_frames")?,
                seg_prob: symbol(&library, c"ps_seg_prob")?,
                set_jsgf: symbol(&library, c"ps_set_jsgf_string")?,
                set_search: symbol(&library, c"ps_set_search")?,
                add_word: symbol(&library, c"ps_add_word")?,
                _libraries: [base, library],
            })
        }
    }
}

/// One decoder: one utterance at a time, one thread at a time.
pub(super) struct Decoder {
    sphinx: Arc<Sphinx>,
    raw: NonNull<c_void>,
    /// Between `begin` and `end`.
    open: bool,
}

// SAFETY: a decoder keeps its state in its own allocations and has no ties to a thread; `&mut self` on every method that
// touches it keeps it on one thread at a time.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A decoder set up by command line arguments, such as `-hmm`.
    pub(super) fn new(sphinx: Arc<Sphinx>, arguments: &[String]) -> Result<Self, ProviderError> {
        let arguments: Vec<CString> = arguments
            .iter()
            .filter_map(|argument| CString::new(argument.as_str()).ok())
            .collect();
        let pointers: Vec<*const c_char> = arguments.iter().map(|a| a.as_ptr()).collect();
        // SAFETY: the argument strings live until `parse` has copied them; `init` keeps its own reference to the
        // configuration, ours is given back.
        let raw = unsafe {
            let config = (sphinx.parse)(
                ptr::null_mut(),
                (sphinx.args)(),
                i32::try_from(pointers.len()).unwrap_or(0),
                pointers.as_ptr(),
                1,
            );
            if config.is_null() {
                return Err(failed("the recogniser refused its settings"));
            }
            let raw = (sphinx.init)(config);
            (sphinx.free_config)(config);
            raw
        };
        let raw =
            NonNull::new(raw).ok_or_else(|| failed("the recogniser could not load its model"))?;
        Ok(Self {
            sphinx,
            raw,
            open: false,
        })
    }

    /// Begins an utterance, forgetting one that was never ended and the noise of the one before.
    pub(super) fn begin(&mut self) -> Result<(), ProviderError> {
        self.end();
        // SAFETY: the decoder is alive and no utterance is open.
        let started = unsafe {
            (self.sphinx.start_stream)(self.raw.as_ptr());
            (self.sphinx.start_utt)(self.raw.as_ptr())
        };
        if started < 0 {
            return Err(failed("an utterance could not begin"));
        }
        self.open = true;
        Ok(())
    }

    /// Hears `samples`, 16 kHz. `whole`: this is the whole utterance, normalised by its own mean.
    pub(super) fn hear(&mut self, samples: &[i16], whole: bool) -> Result<(), ProviderError> {
        if !self.open {
            return Ok(());
        }
        // SAFETY: the decoder is alive with an open utterance; the slice is only read, within its length.
        let heard = unsafe {
            (self.sphinx.process)(
                self.raw.as_ptr(),
                samples.as_ptr(),
                samples.len(),
                0,
                c_int::from(whole),
            )
        };
        if heard < 0 {
            return Err(failed("it could not process the sound"));
        }
        Ok(())
    }

    /// Ends the utterance; what was heard can be asked for until the next begins.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            // SAFETY: the decoder is alive with an open utterance.
            unsafe { (self.sphinx.end_utt)(self.raw.as_ptr()) };
        }
    }

    /// The words so far.
    pub(super) fn text(&mut self) -> String {
        let mut score = 0;
        // SAFETY: the string belongs to the decoder, which nobody touches before it is copied.
        unsafe {
            let text = (self.sphinx.hyp)(self.raw.as_ptr(), &raw mut score);
            if text.is_null() {
                String::new()
            } else {
                CStr::from_ptr(text).to_string_lossy().into_owned()
            }
        }
    }

    /// The words and silences one by one.
    pub(super) fn segments(&mut self) -> Vec<Segment> {
        let mut segments = Vec::new();
        // SAFETY: the iterator is used up to its end, where the library frees it; words are copied before it moves on.
        unsafe {
            let mut segment = (self.sphinx.seg_iter)(self.raw.as_ptr());
            while !segment.is_null() {
                let word = (self.sphinx.seg_word)(segment);
                let (mut from, mut to) = (0, 0);
                (self.sphinx.seg_frames)(segment, &raw mut from, &raw mut to);
                let (mut fit, mut lm, mut back) = (0, 0, 0);
                (self.sphinx.seg_prob)(segment, &raw mut fit, &raw mut lm, &raw mut back);
                if !word.is_null() {
                    segments.push(Segment {
                        word: CStr::from_ptr(word).to_string_lossy().into_owned(),
                        frames: to - from + 1,
                        fit,
                    });
                }
                segment = (self.sphinx.seg_next)(segment);
            }
        }
        segments
    }

    /// What the decoder knows about the channel.
    pub(super) fn normalisation(&mut self) -> Normalisation {
        // SAFETY: see `cmn`; the vectors have `veclen` values.
        unsafe {
            let Some(cmn) = self.cmn() else {
                return Normalisation::default();
            };
            let length = usize::try_from((*cmn).veclen).unwrap_or(0);
            Normalisation {
                mean: std::slice::from_raw_parts((*cmn).mean, length).to_vec(),
                sum: std::slice::from_raw_parts((*cmn).sum, length).to_vec(),
                frames: (*cmn).nframe,
            }
        }
    }

    /// Puts the knowledge about a channel in.
    pub(super) fn normalise(&mut self, known: &Normalisation) {
        // SAFETY: see `cmn`; the vectors have `veclen` values, which is checked to be what was taken out.
        unsafe {
            let Some(cmn) = self.cmn() else { return };
            let length = usize::try_from((*cmn).veclen).unwrap_or(0);
            if known.mean.len() != length || known.sum.len() != length {
                return;
            }
            std::slice::from_raw_parts_mut((*cmn).mean, length).copy_from_slice(&known.mean);
            std::slice::from_raw_parts_mut((*cmn).sum, length).copy_from_slice(&known.sum);
            (*cmn).nframe = known.frames;
        }
    }

    /// The decoder's `cmn_t`, with both vectors present.
    ///
    /// # Safety
    /// The pointer is valid while nobody else touches the decoder.
    unsafe fn cmn(&mut self) -> Option<*mut Cmn> {
        // SAFETY: the decoder owns its features, laid out as the header of 0.8-5prealpha says.
        unsafe {
            let features = (self.sphinx.features)(self.raw.as_ptr());
            if features.is_null() {
                return None;
            }
            let cmn = (*features).cmn_struct;
            (!cmn.is_null() && !(*cmn).mean.is_null() && !(*cmn).sum.is_null()).then_some(cmn)
        }
    }

    /// Teaches a word, before an utterance. `phones` are separated by spaces. A decoder with a language model can hear it as
    /// any other rare word once a word was taught with `ready`, which builds the search anew.
    pub(super) fn add_word(&mut self, word: &str, phones: &str, ready: bool) -> bool {
        let (Ok(word), Ok(phones)) = (CString::new(word), CString::new(phones)) else {
            return false;
        };
        // SAFETY: the decoder is alive, between utterances, and copies both strings.
        unsafe {
            (self.sphinx.add_word)(
                self.raw.as_ptr(),
                word.as_ptr(),
                phones.as_ptr(),
                c_int::from(ready),
            ) >= 0
        }
    }

    /// Listens by this JSGF grammar from the next utterance on. All of its words must be known.
    pub(super) fn listen_by(&mut self, grammar: &str) -> bool {
        self.end();
        let Ok(grammar) = CString::new(grammar) else {
            return false;
        };
        // SAFETY: the decoder is alive, between utterances, and copies both strings. A grammar of the same name is
        // replaced.
        unsafe {
            (self.sphinx.set_jsgf)(self.raw.as_ptr(), c"expected".as_ptr(), grammar.as_ptr()) >= 0
                && (self.sphinx.set_search)(self.raw.as_ptr(), c"expected".as_ptr()) >= 0
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.end();
        // SAFETY: nobody else holds the decoder.
        unsafe { (self.sphinx.free)(self.raw.as_ptr()) };
    }
}

fn open(paths: &Paths, name: &str) -> Result<Library, ProviderError> {
    let path = paths.library(name);
    // SAFETY: these libraries run no code of consequence when they are loaded.
    unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| missing(PROVIDER, format!("{}: {error}", path.display())))
}

/// # Safety
/// `T` must be the type of `name`.
unsafe fn symbol<T>(library: &Library, name: &CStr) -> Result<Symbol<T>, ProviderError> {
    // SAFETY: the caller vouches for the type.
    unsafe { library.get(name.to_bytes_with_nul()) }
        .map_err(|error| missing(PROVIDER, format!("{}: {error}", name.to_string_lossy())))
}

fn failed(reason: &str) -> ProviderError {
    ProviderError::Failed {
        provider: PROVIDER.to_owned(),
        reason: reason.to_owned(),
    }
}

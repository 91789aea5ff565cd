//! Decoders: made when first needed, leased for an utterance, given back.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use providers::ProviderError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    PROVIDER, agreement,
    ffi::{Decoder, Normalisation, Sphinx},
    grammar::{self, Grammar},
    keywords::{self, Keywords},
    lexicon::Lexicon,
};
use crate::paths::{Paths, missing};

/// A grammar decoder that has learnt more words than this is made anew.
const MOST_WORDS: usize = 20_000;
/// The same for keywords and the free decoder: each is a word that somebody else's sound can be mistaken for.
const MOST_KEYWORDS: usize = 1_000;
/// How well expected words must fit the sound to be believed, in log-likelihood per frame against the best of all sounds,
/// and how alike they must sound to what was heard freely. Voices measured -29 to -49 on what was expected and -66 to
/// -120 on what was not.
const FITS_WELL: f32 = -56.0;
const SOUNDS_RELATED: f32 = 0.5;
/// The same for words that fit less well, as over a poor line, but sound the same.
const FITS: f32 = -75.0;
const SOUNDS_ALIKE: f32 = 0.22;

/// Makes each further word of a grammar dearer, so that spelling is not padded with vowels.
const WORD_PENALTY: &str = "0.02";

/// Everything that conversations share.
pub(super) struct Pool {
    paths: Paths,
    pub(super) repeatable: bool,
    pub(super) free_places: Arc<Semaphore>,
    idle: Mutex<Vec<Ears>>,
    sphinx: Mutex<Option<Arc<Sphinx>>>,
    lexicon: OnceLock<Arc<Lexicon>>,
}

impl Pool {
    pub(super) fn new(paths: Paths, decoders: usize, repeatable: bool) -> Self {
        Self {
            paths,
            repeatable,
            free_places: Arc::new(Semaphore::new(decoders.max(1))),
            idle: Mutex::default(),
            sphinx: Mutex::default(),
            lexicon: OnceLock::new(),
        }
    }

    /// The dictionary, loaded once.
    pub(super) fn lexicon(&self) -> Result<Arc<Lexicon>, ProviderError> {
        if let Some(lexicon) = self.lexicon.get() {
            return Ok(Arc::clone(lexicon));
        }
        let lexicon = Arc::new(Lexicon::load(&self.paths.model.join("cmudict-en-us.dict"))?);
        Ok(Arc::clone(self.lexicon.get_or_init(|| lexicon)))
    }

    /// Takes a decoder, or makes one. Blocks for some 0.2 s then.
    pub(super) fn lease(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
    ) -> Result<Lease, ProviderError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let ears = match idle {
            Some(ears) => ears,
            None => Ears::new(&self.sphinx()?, &self.paths.model)?,
        };
        Ok(Lease {
            ears: Some(ears),
            pool: Arc::clone(self),
            _place: place,
        })
    }

    /// Looks whether libraries and model are there, without making a decoder.
    pub(super) fn check(&self) -> Result<(), ProviderError> {
        self.sphinx()?;
        model_files(&self.paths.model)
    }

    fn sphinx(&self) -> Result<Arc<Sphinx>, ProviderError> {
        let mut sphinx = self.sphinx.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sphinx) = &*sphinx {
            return Ok(Arc::clone(sphinx));
        }
        Ok(Arc::clone(
            sphinx.insert(Arc::new(Sphinx::load(&self.paths)?)),
        ))
    }
}

/// A decoder on loan. Dropping it gives it back, whatever state it is in: an open utterance is ended when the next begins.
pub(super) struct Lease {
    ears: Option<Ears>,
    pool: Arc<Pool>,
    _place: OwnedSemaphorePermit,
}

impl Lease {
    pub(super) fn ears(&mut self) -> Result<&mut Ears, ProviderError> {
        self.ears.as_mut().ok_or_else(|| ProviderError::Failed {
            provider: PROVIDER.to_owned(),
            reason: "the decoder was given back".to_owned(),
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(ears) = self.ears.take() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(ears);
        }
    }
}

/// A free recogniser and one that listens for what is expected.
pub(super) struct Ears {
    sphinx: Arc<Sphinx>,
    model: String,
    free: Decoder,
    narrow: Option<Decoder>,
    /// What `narrow` listens by.
    jsgf: String,
    /// What `narrow` has been taught.
    taught: BTreeSet<String>,
    /// The keywords that `free` has been taught.
    keywords: BTreeSet<String>,
    /// A channel nobody has spoken on.
    fresh: Normalisation,
    /// Whether `narrow` listens to this utterance.
    listens: bool,
}

impl Ears {
    fn new(sphinx: &Arc<Sphinx>, model: &Path) -> Result<Self, ProviderError> {
        model_files(model)?;
        let model = model.display().to_string();
        let mut free = free(sphinx, &model)?;
        Ok(Self {
            fresh: free.normalisation(),
            sphinx: Arc::clone(sphinx),
            model,
            free,
            narrow: None,
            jsgf: String::new(),
            taught: BTreeSet::new(),
            keywords: BTreeSet::new(),
            listens: false,
        })
    }

    /// Begins an utterance of a speaker whose channel is `known`.
    pub(super) fn begin(
        &mut self,
        known: Option<&Normalisation>,
        keywords: &Keywords,
        grammar: Option<&Grammar>,
    ) -> Result<(), ProviderError> {
        self.learn(keywords)?;
        let known = known.unwrap_or(&self.fresh).clone();
        self.free.begin()?;
        self.free.normalise(&known);
        self.listens = false;
        if let Some(grammar) = grammar
            && self.listen_by(grammar)?
            && let Some(narrow) = &mut self.narrow
        {
            narrow.begin()?;
            narrow.normalise(&known);
            self.listens = true;
        }
        Ok(())
    }

    /// Hears a piece of the utterance.
    pub(super) fn hear(&mut self, samples: &[i16]) -> Result<(), ProviderError> {
        self.free.hear(samples, false)?;
        if self.listens
            && let Some(narrow) = &mut self.narrow
        {
            narrow.hear(samples, false)?;
        }
        Ok(())
    }

    /// The free text so far.
    pub(super) fn text(&mut self) -> String {
        keywords::readable(&self.free.text())
    }

    /// Ends the utterance: what was said, and what is known about the channel now. With `whole`, the utterance is heard
    /// again from the beginning and normalised by itself, so that nothing said before has any influence.
    pub(super) fn end(
        &mut self,
        whole: Option<&[i16]>,
        grammar: Option<&Grammar>,
        lexicon: &Lexicon,
    ) -> Result<(Heard, Normalisation), ProviderError> {
        self.free.end();
        let channel = self.free.normalisation();
        if let Some(whole) = whole {
            self.free.begin()?;
            self.free.hear(whole, true)?;
            self.free.end();
        }
        let mut heard = Heard {
            free: self.text(),
            ..Heard::default()
        };
        if self.listens
            && let (Some(narrow), Some(grammar)) = (&mut self.narrow, grammar)
        {
            narrow.end();
            if let Some(whole) = whole {
                narrow.begin()?;
                narrow.hear(whole, true)?;
                narrow.end();
            }
            let text = narrow.text();
            heard.distance =
                agreement::distance(&lexicon.sounds(&heard.free), &grammar.sounds(&text));
            heard.fit = fit(narrow);
            heard.expected = (!text.is_empty()).then(|| grammar::readable(&text));
        }
        self.listens = false;
        Ok((heard, channel))
    }

    /// Teaches the free recogniser what it does not know yet. What other conversations taught it stays: a few rare words
    /// among thousands, and building the search anew for every utterance costs more than they confuse.
    fn learn(&mut self, keywords: &Keywords) -> Result<(), ProviderError> {
        let new: Vec<(&str, &str)> = keywords
            .iter()
            .filter(|(name, _)| !self.keywords.contains(*name))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        if self.keywords.len() + new.len() > MOST_KEYWORDS && !self.keywords.is_empty() {
            self.free = free(&self.sphinx, &self.model)?;
            self.keywords.clear();
            return self.learn(keywords);
        }
        let last = new.len() - 1;
        for (at, (name, sounds)) in new.into_iter().enumerate() {
            if !self.free.add_word(name, sounds, at == last) {
                tracing::debug!(name, sounds, "a keyword cannot be taught");
            }
            self.keywords.insert(name.to_owned());
        }
        Ok(())
    }

    fn listen_by(&mut self, grammar: &Grammar) -> Result<bool, ProviderError> {
        if self.narrow.is_some() && self.jsgf == grammar.jsgf {
            return Ok(true);
        }
        if self.taught.len() > MOST_WORDS {
            self.narrow = None;
            self.taught.clear();
        }
        self.jsgf.clear();
        let narrow = match &mut self.narrow {
            Some(narrow) => narrow,
            None => self.narrow.insert(Decoder::new(
                Arc::clone(&self.sphinx),
                // No dictionary of its own: it is taught the words of its grammars.
                // All sounds are scored, so that the fit is against the best of all and not of those expected.
                &arguments(
                    &self.model,
                    &[
                        ("-dict", "/dev/null"),
                        ("-compallsen", "yes"),
                        ("-wip", WORD_PENALTY),
                    ],
                ),
            )?),
        };
        for (word, sounds) in &grammar.words {
            if self.taught.contains(word) {
                continue;
            }
            for (at, phones) in sounds.iter().enumerate() {
                let name = if at == 0 {
                    word.clone()
                } else {
                    format!("{word}({})", at + 1)
                };
                if !narrow.add_word(&name, phones, false) && at == 0 {
                    return Ok(false);
                }
            }
            self.taught.insert(word.clone());
        }
        let listens = narrow.listen_by(&grammar.jsgf);
        if listens {
            self.jsgf.clone_from(&grammar.jsgf);
        }
        Ok(listens)
    }
}

/// What was heard, freely and by expectation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) free: String,
    pub(super) expected: Option<String>,
    /// How unlike the two sound.
    pub(super) distance: f32,
    /// Log-likelihood per frame of the expected text.
    pub(super) fit: f32,
}

impl Heard {
    /// The text to believe: what is expected if that is what was heard, else what was heard freely.
    pub(super) fn text(&self) -> &str {
        match &self.expected {
            Some(expected) if self.agrees() => expected,
            _ => &self.free,
        }
    }

    fn agrees(&self) -> bool {
        (self.fit >= FITS_WELL && self.distance <= SOUNDS_RELATED)
            || (self.fit >= FITS && self.distance <= SOUNDS_ALIKE)
    }
}

/// How well the words fit the sound, per frame, silences left out.
fn fit(decoder: &mut Decoder) -> f32 {
    let (mut fit, mut frames) = (0_i64, 0_i64);
    for segment in decoder.segments() {
        if !segment.word.starts_with(['<', '[', '+']) {
            fit += i64::from(segment.fit);
            frames += i64::from(segment.frames);
        }
    }
    if frames == 0 {
        f32::MIN
    } else {
        fit as f32 / frames as f32
    }
}

/// A decoder that hears anything.
fn free(sphinx: &Arc<Sphinx>, model: &str) -> Result<Decoder, ProviderError> {
    Decoder::new(
        Arc::clone(sphinx),
        &arguments(
            model,
            &[
                ("-lm", &format!("{model}/en-us.lm.bin")),
                ("-dict", &format!("{model}/cmudict-en-us.dict")),
                ("-fwdflat", "no"),
            ],
        ),
    )
}

fn arguments(model: &str, more: &[(&str, &str)]) -> Vec<String> {
    let mut arguments = vec!["-hmm".to_owned(), format!("{model}/en-us")];
    for (name, value) in more {
        arguments.push((*name).to_owned());
        arguments.push((*value).to_owned());
    }
    arguments
}

/// PocketSphinx ends the process over some missing files: look first.
fn model_files(model: &Path) -> Result<(), ProviderError> {
    for file in [
        "en-us/mdef",
        "en-us/feat.params",
        "en-us/means",
        "en-us/variances",
        "en-us/sendump",
        "en-us/transition_matrices",
        "en-us/noisedict",
        "en-us.lm.bin",
        "cmudict-en-us.dict",
    ] {
        let path = model.join(file);
        if !path.is_file() {
            return Err(missing(
                PROVIDER,
                format!("{} is not there", path.display()),
            ));
        }
    }
    Ok(())
}

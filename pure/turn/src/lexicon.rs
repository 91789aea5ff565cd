//! English words by what they may be in a sentence. Only as many as it takes to see whether a sentence is whole.

/// What may follow a verb.
pub(crate) mod frame {
    /// Nothing has to.
    pub(crate) const ALONE: u16 = 1;
    /// An object: `need an appointment`.
    pub(crate) const OBJECT: u16 = 1 << 1;
    /// Two objects: `give me the number`.
    pub(crate) const TWO_OBJECTS: u16 = 1 << 2;
    /// Somebody, and what it is about: `tell me when you open`.
    pub(crate) const TOPIC: u16 = 1 << 3;
    /// `to` and a verb: `want to go`.
    pub(crate) const TO_VERB: u16 = 1 << 4;
    /// Somebody, `to` and a verb: `ask him to call`.
    pub(crate) const OBJECT_TO_VERB: u16 = 1 << 5;
    /// Somebody and a verb: `let me know`.
    pub(crate) const OBJECT_VERB: u16 = 1 << 6;
    /// A verb in -ing: `stop ringing`.
    pub(crate) const ING: u16 = 1 << 7;
    /// A sentence: `think it is broken`.
    pub(crate) const SENTENCE: u16 = 1 << 8;
    /// An adjective: `feel sick`.
    pub(crate) const ADJECTIVE: u16 = 1 << 9;
    /// A preposition and what belongs to it: `look for a house`.
    pub(crate) const PREPOSITION: u16 = 1 << 10;
    /// A particle that makes it whole: `check in`.
    pub(crate) const PARTICLE: u16 = 1 << 11;
    /// Nothing has to where the question is how, when or why: `how do I cancel`.
    pub(crate) const ALONE_IF_ASKED: u16 = 1 << 12;
    /// More than somebody to whom: not `give me`.
    pub(crate) const GIVES: u16 = 1 << 13;
}

/// The form of a verb.
pub(crate) mod form {
    pub(crate) const BASE: u8 = 1;
    pub(crate) const FINITE: u8 = 2;
    pub(crate) const ING: u8 = 4;
    pub(crate) const PARTICIPLE: u8 = 8;
}

use frame::{
    ADJECTIVE, ALONE, ALONE_IF_ASKED, GIVES, ING, OBJECT, OBJECT_TO_VERB, OBJECT_VERB, PARTICLE,
    PREPOSITION, SENTENCE, TO_VERB, TOPIC, TWO_OBJECTS,
};

/// Verbs by what may follow them.
const VERBS: &[(u16, &str)] = &[
    (
        ALONE,
        "arrive bark complain cough cry dance die disappear fail fall freeze happen laugh leak matter rain ring sleep \
         smoke snow swim travel vanish walk exist expire hesitate sneeze faint bleed swell itch crash",
    ),
    (ALONE | PARTICLE, "come sit stand"),
    (ALONE | ING | TO_VERB | PARTICLE, "go"),
    (
        ALONE | OBJECT,
        "answer close cook deliver drink drive eat end enter finish fit fly hurt join leave meet move open park pay play \
         register return run ship sing speak start study understand work unsubscribe change cycle reboot restart vote win",
    ),
    (
        ALONE | PREPOSITION,
        "live talk wait listen reply worry apply",
    ),
    (ALONE | OBJECT | TO_VERB | ING, "begin continue stop start"),
    (ALONE | TO_VERB | SENTENCE, "agree decide"),
    (ALONE | ADJECTIVE, "stay remain"),
    (
        ALONE | OBJECT | OBJECT_VERB | OBJECT_TO_VERB | TO_VERB,
        "help",
    ),
    (ALONE | OBJECT | TO_VERB, "try learn"),
    (ALONE | OBJECT | ING, "mind"),
    (
        OBJECT,
        "accept add appreciate attend block borrow break build burn carry catch clean collect compare complete confirm \
         connect contact copy cost count cover cut damage delay delete describe discuss do double drop email exchange \
         extend fill fix follow forward hire include increase inform install lock lose lower mention miss own pack pass \
         print provide pull push put reach receive reduce remove rent repair replace report request require reserve \
         reset resend save schedule share shut skip solve spell spend steal store swap test touch transfer translate \
         unlock update upgrade use verify visit wash watch wear cash cash sign insure treat cure clear fetch mail raise \
         repeat review scan select enable disable park thank upload download water activate deactivate pick set ship bring describe sort treat pronounce",
    ),
    (
        OBJECT | ALONE_IF_ASKED,
        "cancel reschedule rebook renew choose vary park recover withdraw exit",
    ),
    (OBJECT | TWO_OBJECTS | ALONE_IF_ASKED, "call"),
    (OBJECT | TWO_OBJECTS | GIVES | ALONE_IF_ASKED, "book order"),
    (OBJECT | PARTICLE, "hang hold switch wake check log turn"),
    (OBJECT | PARTICLE | ALONE_IF_ASKED, "sign"),
    (
        OBJECT | TWO_OBJECTS,
        "find pass take cost write charge save",
    ),
    (
        OBJECT | TWO_OBJECTS | GIVES,
        "bring buy lend offer owe sell send read give",
    ),
    (
        OBJECT | TWO_OBJECTS | GIVES | TOPIC | SENTENCE,
        "show teach",
    ),
    (OBJECT | TWO_OBJECTS | OBJECT_VERB | ADJECTIVE, "make"),
    (
        OBJECT | TWO_OBJECTS | GIVES | ADJECTIVE | PREPOSITION | PARTICLE | TO_VERB,
        "get",
    ),
    (TWO_OBJECTS | TOPIC | OBJECT_TO_VERB, "tell"),
    (
        OBJECT | TWO_OBJECTS | TOPIC | OBJECT_TO_VERB | SENTENCE | PREPOSITION,
        "ask",
    ),
    (TOPIC | OBJECT_TO_VERB, "remind warn"),
    (OBJECT_VERB, "let"),
    (
        OBJECT | TO_VERB,
        "have afford manage plan arrange prepare refuse",
    ),
    (OBJECT | TO_VERB | OBJECT_TO_VERB, "want need prefer expect"),
    (OBJECT | TO_VERB | OBJECT_TO_VERB | ING, "like love hate"),
    (OBJECT | OBJECT_TO_VERB, "allow invite force"),
    (OBJECT | ING, "enjoy recommend avoid suggest"),
    (OBJECT | ING | ADJECTIVE, "keep"),
    (
        OBJECT | SENTENCE,
        "know believe say explain notice see hear guess recall realise",
    ),
    (OBJECT | SENTENCE | TO_VERB, "forget remember mean promise"),
    (OBJECT | SENTENCE | PREPOSITION, "check"),
    (SENTENCE | TO_VERB, "hope wish"),
    (SENTENCE | PREPOSITION, "think wonder suppose dream"),
    (ADJECTIVE | OBJECT, "become"),
    (ADJECTIVE | PREPOSITION, "look smell sound taste feel seem"),
    (
        PREPOSITION,
        "belong depend search refer rely deal consist care subscribe insist",
    ),
];

/// Forms that no rule makes: the form, its verb, and which forms it is.
const IRREGULAR: &[(&str, &str, u8)] = {
    const PAST: u8 = form::FINITE;
    const BOTH: u8 = form::FINITE | form::PARTICIPLE;
    const PART: u8 = form::PARTICIPLE;
    &[
        ("ate", "eat", PAST),
        ("became", "become", PAST),
        ("began", "begin", PAST),
        ("begun", "begin", PART),
        ("bled", "bleed", BOTH),
        ("bought", "buy", BOTH),
        ("broke", "break", PAST),
        ("broken", "break", PART),
        ("brought", "bring", BOTH),
        ("built", "build", BOTH),
        ("came", "come", PAST),
        ("caught", "catch", BOTH),
        ("come", "come", PART),
        ("become", "become", PART),
        ("run", "run", PART),
        ("chose", "choose", PAST),
        ("chosen", "choose", PART),
        ("cost", "cost", BOTH),
        ("cut", "cut", BOTH),
        ("did", "do", PAST),
        ("does", "do", PAST),
        ("done", "do", PART),
        ("drank", "drink", PAST),
        ("driven", "drive", PART),
        ("drove", "drive", PAST),
        ("eaten", "eat", PART),
        ("fallen", "fall", PART),
        ("fell", "fall", PAST),
        ("felt", "feel", BOTH),
        ("flew", "fly", PAST),
        ("flown", "fly", PART),
        ("forgot", "forget", BOTH),
        ("forgotten", "forget", PART),
        ("found", "find", BOTH),
        ("froze", "freeze", PAST),
        ("frozen", "freeze", PART),
        ("gave", "give", PAST),
        ("given", "give", PART),
        ("goes", "go", PAST),
        ("gone", "go", PART),
        ("got", "get", BOTH),
        ("gotten", "get", PART),
        ("had", "have", BOTH),
        ("has", "have", PAST),
        ("heard", "hear", BOTH),
        ("held", "hold", BOTH),
        ("hung", "hang", BOTH),
        ("hurt", "hurt", BOTH),
        ("kept", "keep", BOTH),
        ("knew", "know", PAST),
        ("known", "know", PART),
        ("left", "leave", BOTH),
        ("lent", "lend", BOTH),
        ("let", "let", BOTH),
        ("lost", "lose", BOTH),
        ("made", "make", BOTH),
        ("meant", "mean", BOTH),
        ("met", "meet", BOTH),
        ("paid", "pay", BOTH),
        ("put", "put", BOTH),
        ("ran", "run", PAST),
        ("rang", "ring", PAST),
        ("read", "read", BOTH),
        ("rung", "ring", PART),
        ("said", "say", BOTH),
        ("sat", "sit", BOTH),
        ("saw", "see", PAST),
        ("seen", "see", PART),
        ("sent", "send", BOTH),
        ("shown", "show", PART),
        ("shut", "shut", BOTH),
        ("slept", "sleep", BOTH),
        ("sold", "sell", BOTH),
        ("spent", "spend", BOTH),
        ("spoke", "speak", PAST),
        ("spoken", "speak", PART),
        ("stole", "steal", PAST),
        ("stolen", "steal", PART),
        ("stood", "stand", BOTH),
        ("swollen", "swell", PART),
        ("taken", "take", PART),
        ("taught", "teach", BOTH),
        ("thought", "think", BOTH),
        ("told", "tell", BOTH),
        ("took", "take", PAST),
        ("understood", "understand", BOTH),
        ("went", "go", PAST),
        ("woke", "wake", PAST),
        ("woken", "wake", PART),
        ("won", "win", BOTH),
        ("wore", "wear", PAST),
        ("worn", "wear", PART),
        ("written", "write", PART),
        ("wrote", "write", PAST),
    ]
};

/// Verbs that are no nouns as well.
const NEVER_NOUNS: &str = "get know think tell let want have do go take give send bring come see find keep put make say ask buy \
     sell eat speak hear lose write understand believe explain choose arrive become belong include prefer need forget \
     remember agree decide learn feel seem happen receive remove solve allow";

const DETERMINERS: &str = "the a an my your his her our their its this that these those some any no every each another which whose \
     both all half many more most several enough few other what";
const NUMBERS: &str = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
     eighteen nineteen twenty thirty forty fifty sixty hundred thousand dozen first second third noon midnight";
/// What stands for a noun, whatever its place.
const PRONOUNS: &str = "you it this that these those one ones something anything nothing everything someone somebody anyone anybody \
     everyone everybody nobody mine yours hers ours theirs both all another more everywhere somewhere anywhere most \
     myself yourself himself herself itself ourselves themselves";
const SUBJECTS: &str = "i he she we they there";
const OBJECTS: &str = "me him her us them";
const PREPOSITIONS: &str = "to of for from with at in on by about into onto between without before after until till since during under \
     over near behind through against around across as like than past within above below beside along towards via per off \
     out up down inside outside except plus minus times";
/// Prepositions that may also stand alone beside a verb: `turn it off`.
const PARTICLES: &str = "in out on off up down over back away through around along";
const ADVERBS: &str = "rather here there now today tomorrow tonight yesterday again too also then soon later already yet still just only even \
     really well maybe perhaps please exactly actually anymore instead together back away home online outside inside upstairs \
     downstairs early late fast quickly slowly easily once twice always never sometimes often usually ever abroad nearby \
     directly alone anyway though either immediately properly currently probably definitely completely \
     recently right straight long much far hard first better best ago daily weekly everywhere somewhere anywhere asap loudly \
     forever indeed else certainly possibly normally permanently automatically separately";
/// Before an adjective or an adverb.
const DEGREES: &str = "very so too really quite pretty more most less as rather extremely completely not still already that how \
     even much bit little just";
const ADJECTIVES: &str = "available open closed free busy ready late early sure fine good bad better best cheaper cheap cheapest \
     expensive full empty sick ill hungry tired happy sorry far near nearest close closer big bigger biggest small smaller smallest \
     large larger largest long longer short shorter high higher low lower hot cold warm nice nicer new newer newest old older young \
     same different other next last right wrong safe important easy difficult hard quick quickest slow fast quiet loud dirty clean \
     heavy light dark round real special extra main whole double single private public local great perfect wonderful terrible \
     strange normal regular urgent due welcome dead alive wet dry vegetarian vegan alone okay worse worst cool lovely deaf blind \
     pregnant thirsty noisy faulty wide deep thick thin tall original final earlier earliest later latest useful useless dangerous \
     legal sharp soft weak strong fresh rude kind sour sweet valid afraid glad aware upset angry missing down lost broken \
     red green blue black white yellow brown grey pink french english german spanish italian \
     electric refundable contagious";
/// Adjectives that need something after them where nothing else says what it is about: `is it possible to …`.
const NEEDY: &str = "possible able necessary likely interested allergic worth unable willing used responsible similar";
const MODALS: &str = "can could will would shall should may might must cannot";
const DOS: &str = "do does did";
const HAVES: &str = "have has had";
const BES: &str = "is are was were am";
const CONNECTIVES: &str = "and but so or then because plus";
const SUBORDINATORS: &str = "if when while because although unless until before after since once as so whenever where whether though";
/// What may come before a sentence without being part of it.
const INTERJECTIONS: &str = "hello hi hey yes no yeah yep nope okay ok please well oh ah right sorry great thanks actually alright \
     sure wait listen look excuse good morning afternoon evening there basically fine cool perfect anyway now thank you";

/// Sounds between words.
const HESITATIONS: &str = "um uh er erm hmm uhm ehm";

/// What is short for two words.
const CONTRACTIONS: &[(&str, [&str; 2])] = &[
    ("im", ["i", "am"]),
    ("id", ["i", "would"]),
    ("ill", ["i", "will"]),
    ("ive", ["i", "have"]),
    ("youre", ["you", "are"]),
    ("youd", ["you", "would"]),
    ("youll", ["you", "will"]),
    ("youve", ["you", "have"]),
    ("hes", ["he", "is"]),
    ("shes", ["she", "is"]),
    ("its", ["it", "is"]),
    ("itll", ["it", "will"]),
    ("weve", ["we", "have"]),
    ("theyre", ["they", "are"]),
    ("theyll", ["they", "will"]),
    ("theyve", ["they", "have"]),
    ("thats", ["that", "is"]),
    ("theres", ["there", "is"]),
    ("whats", ["what", "is"]),
    ("wheres", ["where", "is"]),
    ("whos", ["who", "is"]),
    ("hows", ["how", "is"]),
    ("whens", ["when", "is"]),
    ("dont", ["do", "not"]),
    ("doesnt", ["does", "not"]),
    ("didnt", ["did", "not"]),
    ("cant", ["can", "not"]),
    ("couldnt", ["could", "not"]),
    ("wont", ["will", "not"]),
    ("wouldnt", ["would", "not"]),
    ("shouldnt", ["should", "not"]),
    ("isnt", ["is", "not"]),
    ("arent", ["are", "not"]),
    ("wasnt", ["was", "not"]),
    ("werent", ["were", "not"]),
    ("havent", ["have", "not"]),
    ("hasnt", ["has", "not"]),
    ("hadnt", ["had", "not"]),
    ("lets", ["let", "us"]),
    ("gonna", ["going", "to"]),
    ("wanna", ["want", "to"]),
    ("gotta", ["got", "to"]),
];

/// What a word may be.
pub(crate) mod class {
    pub(crate) const DETERMINER: u32 = 1;
    pub(crate) const NUMBER: u32 = 1 << 1;
    pub(crate) const PRONOUN: u32 = 1 << 2;
    pub(crate) const SUBJECT: u32 = 1 << 3;
    pub(crate) const OBJECT: u32 = 1 << 4;
    pub(crate) const PREPOSITION: u32 = 1 << 5;
    pub(crate) const PARTICLE: u32 = 1 << 6;
    pub(crate) const ADVERB: u32 = 1 << 7;
    pub(crate) const DEGREE: u32 = 1 << 8;
    pub(crate) const ADJECTIVE: u32 = 1 << 9;
    pub(crate) const NEEDY: u32 = 1 << 10;
    pub(crate) const MODAL: u32 = 1 << 11;
    pub(crate) const DO: u32 = 1 << 12;
    pub(crate) const HAVE: u32 = 1 << 13;
    pub(crate) const BE: u32 = 1 << 14;
    pub(crate) const CONNECTIVE: u32 = 1 << 15;
    pub(crate) const SUBORDINATOR: u32 = 1 << 16;
    pub(crate) const INTERJECTION: u32 = 1 << 17;
    pub(crate) const NOUN: u32 = 1 << 18;
}

const CLOSED: &[(u32, &str)] = &[
    (class::DETERMINER, DETERMINERS),
    (class::NUMBER, NUMBERS),
    (class::PRONOUN, PRONOUNS),
    (class::SUBJECT, SUBJECTS),
    (class::OBJECT, OBJECTS),
    (class::PREPOSITION, PREPOSITIONS),
    (class::PARTICLE, PARTICLES),
    (class::ADVERB, ADVERBS),
    (class::DEGREE, DEGREES),
    (class::ADJECTIVE, ADJECTIVES),
    (class::NEEDY, NEEDY),
    (class::MODAL, MODALS),
    (class::DO, DOS),
    (class::HAVE, HAVES),
    (class::BE, BES),
    (class::CONNECTIVE, CONNECTIVES),
    (class::SUBORDINATOR, SUBORDINATORS),
    (class::INTERJECTION, INTERJECTIONS),
];

/// Words that are neither nouns nor of a class above.
const OTHERS: &str =
    "not what who where when why how which whose whom be been being if whether than ago";
/// Words of a class above that are nouns as well.
const ALSO_NOUNS: &str = "morning afternoon evening home second minute light double single cold right left today tomorrow back past \
     inside outside half red green blue black white yellow brown grey pink french english german spanish italian open \
     kind vegetarian original regular noon midnight place may";

/// One word as the grammar sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) word: &'a str,
    pub(crate) classes: u32,
    pub(crate) frames: u16,
    pub(crate) forms: u8,
}

impl<'a> Token<'a> {
    fn of(word: &'a str) -> Self {
        let (frames, forms) = verb(word).unwrap_or_default();
        let mut classes = CLOSED
            .iter()
            .filter(|(_, words)| among(words, word))
            .fold(0, |classes, (class, _)| classes | class);
        if word.chars().all(|c| c.is_ascii_digit()) {
            classes |= class::NUMBER;
        }
        // A word that is not known is a noun, as most are. Past forms are none.
        let grammatical = classes & !class::NUMBER != 0 || among(OTHERS, word);
        let noun = if grammatical {
            among(ALSO_NOUNS, word)
        } else {
            forms & !(form::FINITE | form::PARTICIPLE) != 0 || forms == 0 || word.ends_with('s')
        };
        if noun && !among(NEVER_NOUNS, word) {
            classes |= class::NOUN;
        }
        Self {
            word,
            classes,
            frames,
            forms,
        }
    }

    /// Whether it may be one of `classes`.
    pub(crate) fn is(&self, classes: u32) -> bool {
        self.classes & classes != 0
    }
}

/// The words of a text one by one, contractions as two.
pub(crate) fn tokens(said: &[String]) -> Vec<Token<'_>> {
    said.iter()
        .flat_map(|word| {
            let parts = CONTRACTIONS.iter().find(|(short, _)| short == word);
            let [first, second] = parts.map_or([word.as_str(), ""], |(_, parts)| *parts);
            [first, second]
        })
        .filter(|word| !word.is_empty() && !among(HESITATIONS, word))
        .map(Token::of)
        .collect()
}

/// Whether `word` is one of `words`.
pub(crate) fn among(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|w| w == word)
}

/// What may follow a verb, and which forms of it the word is.
fn verb(word: &str) -> Option<(u16, u8)> {
    let irregular = IRREGULAR.iter().find(|(form, ..)| *form == word);
    let mut frames = irregular.map_or(0, |(_, base, _)| frames_of(base));
    let mut forms = irregular.map_or(0, |(.., forms)| *forms);
    let mut add = |base: &str, form: u8| {
        let found = frames_of(base);
        if found != 0 {
            frames |= found;
            forms |= form;
        }
    };
    add(word, form::BASE | form::FINITE);
    let past = form::FINITE | form::PARTICIPLE;
    for (ending, form) in [("s", form::FINITE), ("ed", past), ("ing", form::ING)] {
        let Some(stem) = word.strip_suffix(ending) else {
            continue;
        };
        add(stem, form);
        if ending != "s" {
            add(&format!("{stem}e"), form);
            let mut letters = stem.chars().rev();
            if let (Some(last), Some(before)) = (letters.next(), letters.next())
                && last == before
            {
                add(&stem[..stem.len() - last.len_utf8()], form);
            }
        }
        if let Some(short) = stem.strip_suffix("ie") {
            add(&format!("{short}y"), form);
        } else if let Some(short) = stem.strip_suffix('i') {
            add(&format!("{short}y"), form);
        } else if let Some(short) = stem.strip_suffix('e') {
            add(short, form);
        }
    }
    (forms != 0).then_some((frames, forms))
}

fn frames_of(base: &str) -> u16 {
    VERBS
        .iter()
        .filter(|(_, verbs)| among(verbs, base))
        .fold(0, |frames, (frame, _)| frames | frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_known_in_all_their_forms() {
        for (word, forms) in [
            ("book", form::BASE | form::FINITE),
            ("books", form::FINITE),
            ("stopped", form::FINITE | form::PARTICIPLE),
            ("cancelled", form::FINITE | form::PARTICIPLE),
            ("moving", form::ING),
            ("tries", form::FINITE),
            ("taken", form::PARTICIPLE),
            ("went", form::FINITE),
        ] {
            assert_eq!(verb(word).map(|(_, forms)| forms), Some(forms), "{word}");
        }
        assert_eq!(verb("table"), None);
    }

    #[test]
    fn every_irregular_form_belongs_to_a_known_verb() {
        for (form, base, _) in IRREGULAR {
            assert!(frames_of(base) != 0, "{form} of {base}");
        }
    }

    #[test]
    fn what_is_not_known_is_a_noun() {
        let noun = |word| Token::of(word).is(class::NOUN);
        assert!(noun("dentist") && noun("order") && noun("morning") && noun("tickets"));
        assert!(!noun("the") && !noun("took") && !noun("large") && !noun("tell"));
    }

    #[test]
    fn contractions_are_two_words() {
        let said = crate::words::words("I'd say it doesn't");
        let words: Vec<&str> = tokens(&said).iter().map(|t| t.word).collect();
        assert_eq!(words, ["i", "would", "say", "it", "does", "not"]);
    }
}

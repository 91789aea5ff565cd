//! Sound and text from and to files and pipes, with errors that help.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use audio::SampleRate;
use sdk::{
    source::{Channel, Source, SourceError},
    wav,
};

use crate::problem::{Outcome, Problem};

/// The rate of everything inside.
pub(crate) const RATE: SampleRate = SampleRate::HZ_16000;

/// The longest text that is read, in bytes.
const LONGEST_TEXT: u64 = 1 << 20;

/// Puts a text in the place of a file: the old one or the new one is there, never half of one. `mode` is who may read
/// and write it, where the system knows such things.
pub(crate) fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    use std::io::Write as _;
    // A link is followed, so that it stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let aside = path.with_file_name(name);
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(&aside).and_then(|mut file| {
        file.write_all(text)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&aside, &path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// Whether a path means standard input or output.
pub(crate) fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What came from elsewhere as the name of a file or folder: letters, digits, `-` and `_`, a hundred at most.
pub(crate) fn name_of(id: &str) -> String {
    let name = id.chars().take(100).map(|c| match c {
        '-' | '_' => c,
        c if c.is_ascii_alphanumeric() => c,
        _ => '_',
    });
    let name: String = name.collect();
    if name.is_empty() {
        "conversation".to_owned()
    } else {
        name
    }
}

/// A path as it is called in messages.
pub(crate) fn named(path: &Path) -> String {
    if is_pipe(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Opens a recording. Pipes, and what is no regular file, may be raw samples; so may files called `.raw` or `.pcm`.
pub(crate) fn open_sound(path: &Path, channel: Channel) -> Outcome<Source> {
    let failed = || Problem::failure(format!("could not read {}", named(path)));
    let reader: Box<dyn Read + Send>;
    let raw;
    if is_pipe(path) {
        reader = Box::new(io::stdin());
        raw = true;
    } else {
        let file = File::open(path).map_err(|e| failed().because_io(&e))?;
        let metadata = file.metadata().map_err(|e| failed().because_io(&e))?;
        if metadata.is_dir() {
            return Err(failed().because("it is a folder").fix("name a WAV file"));
        }
        raw = !metadata.is_file()
            || path
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("raw") || e.eq_ignore_ascii_case("pcm"));
        reader = Box::new(file);
    }
    Source::open(reader, RATE, channel, raw).map_err(|error| {
        let fix = match &error {
            SourceError::Empty => "record again, or make one: duologue speak \"Hello.\" --output hello.wav",
            SourceError::NotWav { .. } | SourceError::Coding(_) => {
                "convert it: ffmpeg -i INPUT -ar 16000 -ac 1 OUTPUT.wav   (or sox INPUT OUTPUT.wav)"
            }
            SourceError::Damaged(_) => {
                "record it again; raw samples can be piped in as 16-bit little-endian mono at 16 kHz"
            }
            SourceError::NoSuchChannel { .. } => "leave out --channel, or choose left",
            SourceError::Io(error) => return failed().because_io(error),
            _ => return failed().because(error),
        };
        failed().because(error).fix(fix)
    })
}

/// What to say about a recording that ended before its header said it would.
pub(crate) fn truncated(path: &Path, source: &Source) -> Option<String> {
    source.missing().map(|missing| {
        format!(
            "{} is cut short: its header promises {:.1} s more; everything before that was used. To mend the header: sox --ignore-length INPUT OUTPUT.wav",
            named(path),
            missing.as_secs_f32()
        )
    })
}

/// Begins a WAV in a file, or on standard output.
pub(crate) fn create_sound(path: &Path, channels: u16) -> Outcome<wav::Writer> {
    let failed = |error: &io::Error| {
        Problem::failure(format!("could not write {}", written(path))).because_io(error)
    };
    let target: Box<dyn wav::Target> = if is_pipe(path) {
        Box::new(wav::Pipe(io::stdout()))
    } else {
        let file = File::create(path).map_err(|e| failed(&e))?;
        let regular = file.metadata().is_ok_and(|m| m.is_file());
        if regular {
            Box::new(wav::File(file))
        } else {
            Box::new(wav::Pipe(file))
        }
    };
    wav::Writer::new(target, RATE.hz(), channels).map_err(|error| write_failed(path, &error))
}

/// What to say when writing fails in the middle.
pub(crate) fn write_failed(path: &Path, error: &io::Error) -> Problem {
    if is_pipe(path) {
        return Problem::output(error);
    }
    Problem::failure(format!("could not write {}", written(path))).because_io(error)
}

fn written(path: &Path) -> String {
    if is_pipe(path) {
        "standard output".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Text given as itself, as `@FILE`, or as `-` for standard input.
pub(crate) fn text_argument(argument: &str) -> Outcome<String> {
    if argument == "-" {
        return read_limited(io::stdin(), "standard input");
    }
    match argument.strip_prefix('@') {
        Some(path) => read_text(Path::new(path)),
        None => Ok(argument.to_owned()),
    }
}

/// The text of a file.
pub(crate) fn read_text(path: &Path) -> Outcome<String> {
    let name = path.display().to_string();
    let file = fs::File::open(path)
        .map_err(|e| Problem::failure(format!("could not read {name}")).because_io(&e))?;
    read_limited(file, &name)
}

fn read_limited(reader: impl Read, name: &str) -> Outcome<String> {
    let failed = || Problem::failure(format!("could not read {name}"));
    let mut bytes = Vec::new();
    reader
        .take(LONGEST_TEXT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| failed().because_io(&e))?;
    if bytes.len() as u64 > LONGEST_TEXT {
        return Err(failed()
            .because("it is longer than 1 MiB of text")
            .fix("give it in parts"));
    }
    String::from_utf8(bytes).map_err(|_| {
        failed()
            .because("it is not text in UTF-8")
            .fix("save it as UTF-8 text")
    })
}

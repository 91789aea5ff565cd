//! A sound system of a test's own: PulseAudio with speakers and microphones that are not there.
//!
//! Everything is real but the hardware: the sound server runs with a private socket and folder, devices are its null
//! sinks, and what they play can be recorded.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "helpers of tests fail by panicking"
)]

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The rate of everything that is played and recorded here, in Hz.
pub const RATE: usize = 48_000;

/// Says to a child process that it already runs within the sound system.
const INSIDE: &str = "DUOLOGUE_TEST_SOUND_SYSTEM";

/// Runs `body` in a process of its own whose sound system is a fresh PulseAudio with these modules.
///
/// The environment of a running process cannot be changed safely, so the test `test` starts itself again with the right
/// one.
pub fn within(test: &str, modules: &[&str], body: impl FnOnce(&SoundSystem)) {
    if let Some(folder) = env::var_os(INSIDE) {
        body(&SoundSystem::at(PathBuf::from(folder)));
        return;
    }
    let sound = SoundSystem::start(modules);
    let status = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, &sound.folder)
        .envs(sound.environment())
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed within the sound system");
}

/// A sound system that tests run in. Dropping what [`SoundSystem::start`] gave ends it.
#[derive(Debug)]
pub struct SoundSystem {
    folder: PathBuf,
    /// None where somebody else has started it.
    server: Option<(Child, tempfile::TempDir)>,
}

impl SoundSystem {
    /// Starts PulseAudio with these modules, and nothing else of this machine's.
    pub fn start(modules: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = start(folder.path(), modules);
        Self {
            folder: folder.path().to_owned(),
            server: Some((server, folder)),
        }
    }

    /// The sound system whose files are in `folder`, for another thread or process.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            server: None,
        }
    }

    /// What a program must have in its environment to find it.
    pub fn environment(&self) -> [(&'static str, OsString); 2] {
        [
            ("XDG_RUNTIME_DIR", self.folder.clone().into()),
            ("PULSE_SERVER", socket(&self.folder).into()),
        ]
    }

    /// Tells the sound server something; gives what it answers.
    pub fn pactl(&self, arguments: &[&str]) -> String {
        let output = Command::new("pactl")
            .args(arguments)
            .envs(self.environment())
            .output()
            .unwrap();
        assert!(output.status.success(), "pactl {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Plugs a device in. Gives its number, by which [`SoundSystem::unplug`] knows it.
    pub fn plug(&self, module: &str) -> String {
        let mut arguments = vec!["load-module"];
        arguments.extend(module.split(' '));
        self.pactl(&arguments)
    }

    /// Unplugs a device. `module` is a number, or the name of a kind of which all go.
    pub fn unplug(&self, module: &str) {
        self.pactl(&["unload-module", module]);
    }

    /// Plays mono samples at 48 kHz into the speaker `sink`, in real time; ends when they are played.
    pub fn play_into(&self, sink: &str, samples: &[i16]) {
        self.begin_playing(sink, samples).finish();
    }

    /// As [`SoundSystem::play_into`], without waiting for the end.
    pub fn begin_playing(&self, sink: &str, samples: &[i16]) -> Playing {
        let file = self.fresh("played.raw");
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        fs::write(&file, bytes).unwrap();
        let child = Command::new("pacat")
            .args(["--playback", "--raw", "--format=s16le"])
            .arg(format!("--rate={RATE}"))
            .args(["--channels=1"])
            .arg(format!("--device={sink}"))
            .arg(&file)
            .envs(self.environment())
            .spawn()
            .unwrap();
        Playing { child }
    }

    /// Records what the speaker `sink` plays, from now until the recorder is dropped.
    pub fn record(&self, sink: &str) -> Recorder {
        let file = self.fresh("recorded.raw");
        let child = Command::new("parec")
            .args(["--raw", "--format=s16le"])
            .arg(format!("--rate={RATE}"))
            .args(["--channels=1", "--latency-msec=20"])
            .arg(format!("--device={sink}.monitor"))
            .stdout(fs::File::create(&file).unwrap())
            .envs(self.environment())
            .spawn()
            .unwrap();
        let recorder = Recorder { child, file };
        // Recording from idle swallows the beginning: wait until bytes come.
        let deadline = Instant::now() + Duration::from_secs(20);
        while recorder.samples().len() < RATE / 10 {
            assert!(Instant::now() < deadline, "nothing is recorded");
            thread::sleep(Duration::from_millis(20));
        }
        recorder
    }

    /// The path of a file that is not there yet.
    fn fresh(&self, name: &str) -> PathBuf {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        self.folder.join(format!("{process}-{number}-{name}"))
    }
}

impl Drop for SoundSystem {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn socket(folder: &Path) -> String {
    format!("unix:{}", folder.join("pulse/native").display())
}

fn start(folder: &Path, modules: &[&str]) -> Child {
    fs::create_dir_all(folder.join("pulse")).unwrap();
    let mut command = Command::new("pulseaudio");
    command
        .args([
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "-n",
        ])
        .arg("-L")
        .arg(format!(
            "module-native-protocol-unix auth-anonymous=1 socket={}",
            folder.join("pulse/native").display()
        ));
    for module in modules {
        command.arg("-L").arg(module);
    }
    let server = command
        .env("XDG_RUNTIME_DIR", folder)
        .env("HOME", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("PulseAudio is missing ({error}): sudo apt-get install -y pulseaudio pulseaudio-utils")
        });
    let deadline = Instant::now() + Duration::from_secs(20);
    while !Command::new("pactl")
        .arg("info")
        .env("PULSE_SERVER", socket(folder))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        assert!(Instant::now() < deadline, "PulseAudio did not start");
        thread::sleep(Duration::from_millis(50));
    }
    server
}

/// Sound that is being played.
#[derive(Debug)]
pub struct Playing {
    child: Child,
}

impl Playing {
    /// Whether it is over.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end.
    pub fn finish(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    /// What is recorded so far: mono samples at 48 kHz.
    pub fn samples(&self) -> Vec<i16> {
        fs::read(&self.file)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }

    /// How much is recorded so far, in samples.
    pub fn len(&self) -> usize {
        fs::metadata(&self.file).map_or(0, |file| file.len() as usize / 2)
    }

    /// Whether nothing is recorded yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

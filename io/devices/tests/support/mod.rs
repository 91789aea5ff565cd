//! A sound system of our own: PulseAudio with speakers and microphones that are not there.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Says to a child process that it already runs within the sound system.
const INSIDE: &str = "DUOLOGUE_TEST_SOUND_SYSTEM";

/// Runs `body` in a process of its own whose sound system is a fresh PulseAudio.
///
/// The environment of a running process cannot be changed safely, so the test starts itself again with the right one.
pub(crate) fn with_sound_system(test: &str, modules: &[&str], body: impl FnOnce(&SoundSystem)) {
    if let Some(folder) = env::var_os(INSIDE) {
        body(&SoundSystem {
            folder: PathBuf::from(folder),
        });
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path(), modules);
    let status = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("PULSE_SERVER", socket(folder.path()))
        .status()
        .unwrap();
    let _ = server.kill();
    let _ = server.wait();
    assert!(status.success(), "{test} failed within the sound system");
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

/// The sound system that a test runs in.
pub(crate) struct SoundSystem {
    folder: PathBuf,
}

impl SoundSystem {
    /// The sound system whose files are in `folder`, for another thread.
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Tells the sound server something; gives what it answers.
    pub(crate) fn pactl(&self, arguments: &[&str]) -> String {
        let output = Command::new("pactl")
            .args(arguments)
            .env("PULSE_SERVER", socket(&self.folder))
            .output()
            .unwrap();
        assert!(output.status.success(), "pactl {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Plays raw mono 16-bit samples at 48 kHz into the speaker `sink`, in real time; ends when they are played.
    pub(crate) fn play_into(&self, sink: &str, samples: &[i16]) {
        let file = self.folder.join("played.raw");
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        fs::write(&file, bytes).unwrap();
        let status = Command::new("pacat")
            .args([
                "--playback",
                "--raw",
                "--format=s16le",
                "--rate=48000",
                "--channels=1",
            ])
            .arg(format!("--device={sink}"))
            .arg(&file)
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Records what the speaker `sink` plays, from now until the recorder is stopped.
    pub(crate) fn record(&self, sink: &str) -> Recorder {
        let file = self.folder.join("recorded.raw");
        let child = Command::new("parec")
            .args([
                "--raw",
                "--format=s16le",
                "--rate=48000",
                "--channels=1",
                "--latency-msec=20",
            ])
            .arg(format!("--device={sink}.monitor"))
            .stdout(fs::File::create(&file).unwrap())
            .spawn()
            .unwrap();
        let recorder = Recorder { child, file };
        // Recording from idle swallows the beginning: wait until bytes come.
        let deadline = Instant::now() + Duration::from_secs(10);
        while recorder.samples().len() < 4_800 {
            assert!(Instant::now() < deadline, "nothing is recorded");
            thread::sleep(Duration::from_millis(20));
        }
        recorder
    }
}

/// A recording under way.
pub(crate) struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    /// What is recorded so far: mono samples at 48 kHz.
    pub(crate) fn samples(&self) -> Vec<i16> {
        fs::read(&self.file)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Microphone and speaker through a real sound server with virtual devices.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{f32::consts::TAU, time::Duration};

use audio::SampleRate;
use devices::{
    DeviceError, Direction, Microphone, MicrophoneEvent, MicrophoneSettings, Speaker, SpeakerEvent,
    SpeakerSettings, list,
};
use tokio::time::timeout;

/// One speaker, and one microphone that hears what is played into `voice`.
const DESK: &[&str] = &[
    "module-null-sink sink_name=speaker rate=48000 channels=2",
    "module-null-sink sink_name=voice rate=48000 channels=1",
    "module-remap-source source_name=microphone master=voice.monitor",
];

/// The longest that anything in these tests may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn tone(hz: f32, rate: SampleRate, duration: Duration) -> Vec<i16> {
    let rate_hz = rate.hz() as f32;
    (0..rate.samples_in(duration))
        .map(|at| ((at as f32 * hz * TAU / rate_hz).sin() * 12_000.0) as i16)
        .collect()
}

/// How much of `samples` is a tone of `hz`, 0 to 1 (Goertzel's measure against the whole energy).
fn share_of(hz: f32, samples: &[i16], rate: SampleRate) -> f32 {
    let step = hz * TAU / rate.hz() as f32;
    let (mut re, mut im, mut energy) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (at, sample) in samples.iter().enumerate() {
        let (value, phase) = (f64::from(*sample), f64::from(at as f32 * step));
        re += value * phase.cos();
        im += value * phase.sin();
        energy += value * value;
    }
    if energy == 0.0 {
        return 0.0;
    }
    (2.0 * (re * re + im * im) / (energy * samples.len() as f64)) as f32
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { timeout(PATIENCE, future).await.unwrap() });
}

/// Frames until `enough` says so of all samples so far.
async fn listen(microphone: &mut Microphone, mut enough: impl FnMut(&[i16]) -> bool) -> Vec<i16> {
    let mut heard = Vec::new();
    while let Some(event) = microphone.next().await {
        if let MicrophoneEvent::Frame(frame) = event {
            heard.extend(frame.samples);
            if enough(&heard) {
                break;
            }
        }
    }
    heard
}

#[test]
fn devices_are_listed_and_chosen_by_name() {
    soundcard::within("devices_are_listed_and_chosen_by_name", DESK, |_| {
        let all = list().unwrap();
        assert!(all.iter().any(|device| device.id == "speaker"
            && device.direction == Direction::Speaker
            && device.channels == 2));
        assert!(
            all.iter()
                .any(|device| device.id == "speaker.monitor" && device.is_monitor)
        );
        assert!(
            all.iter()
                .any(|device| device.id == "microphone" && !device.is_monitor)
        );
        block_on(async {
            let unknown = Microphone::open(
                MicrophoneSettings {
                    device: Some("headset".into()),
                    ..MicrophoneSettings::default()
                },
                None,
            )
            .await;
            let Err(DeviceError::Unknown { wanted, there, .. }) = unknown else {
                panic!("{unknown:?}");
            };
            assert_eq!(wanted, "headset");
            assert!(there.iter().any(|name| name.contains("microphone")));
        });
    });
}

#[test]
fn a_tone_spoken_into_the_microphone_is_heard() {
    soundcard::within(
        "a_tone_spoken_into_the_microphone_is_heard",
        DESK,
        |sound| {
            sound.pactl(&["set-default-source", "microphone"]);
            block_on(async {
                let mut microphone = Microphone::open(MicrophoneSettings::default(), None)
                    .await
                    .unwrap();
                let voice = tone(500.0, SampleRate::HZ_48000, Duration::from_secs(2));
                let speaking = tokio::task::spawn_blocking({
                    let folder = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
                    move || support_play(folder, &voice)
                });
                let half_a_second = 8_000;
                let heard = listen(&mut microphone, |heard| {
                    heard.len() > half_a_second
                        && share_of(
                            500.0,
                            &heard[heard.len() - half_a_second..],
                            SampleRate::HZ_16000,
                        ) > 0.95
                })
                .await;
                assert!(heard.len() > half_a_second);
                speaking.await.unwrap();
            });
        },
    );
}

/// Plays into `voice` from another thread, where the sound system cannot be borrowed.
fn support_play(folder: std::ffi::OsString, samples: &[i16]) {
    soundcard::SoundSystem::at(folder).play_into("voice", samples);
}

#[test]
fn the_speaker_reports_what_was_heard_and_stops_at_once() {
    soundcard::within(
        "the_speaker_reports_what_was_heard_and_stops_at_once",
        DESK,
        |sound| {
            sound.pactl(&["set-default-sink", "speaker"]);
            let recorder = sound.record("speaker");
            block_on(async {
                let mut speaker = Speaker::open(SpeakerSettings::default()).await.unwrap();
                let rate = SampleRate::HZ_16000;
                let short = Duration::from_millis(400);
                assert!(speaker.play(1, rate, tone(400.0, rate, short)).await);
                assert!(
                    speaker
                        .play(2, rate, tone(900.0, rate, Duration::from_secs(5)))
                        .await
                );
                let mut first_whole = false;
                let heard = loop {
                    let Some(SpeakerEvent::Played(played)) = speaker.next().await else {
                        panic!("the speaker ended");
                    };
                    if played.id == 1 && played.whole {
                        let difference = played.position.abs_diff(short);
                        assert!(difference < Duration::from_millis(1), "{played:?}");
                        first_whole = true;
                    }
                    if played.id == 2 && played.position > Duration::from_millis(500) {
                        break played;
                    }
                };
                assert!(first_whole, "chunk 1 is over before chunk 2 sounds");
                assert!(!heard.whole);
                speaker.stop();
                assert!(speaker.play(3, rate, tone(400.0, rate, short)).await);
                loop {
                    match speaker.next().await {
                        Some(SpeakerEvent::Played(played)) if played.id == 3 && played.whole => {
                            break;
                        }
                        Some(SpeakerEvent::Played(played)) if played.id == 2 => {
                            assert!(
                                played.position < Duration::from_secs(1),
                                "it went on: {played:?}"
                            );
                        }
                        Some(_) => {}
                        None => panic!("the speaker ended"),
                    }
                }
            });
            std::thread::sleep(Duration::from_millis(500));
            let samples = recorder.samples();
            let high = samples
                .chunks(2_400)
                .filter(|piece| share_of(900.0, piece, SampleRate::HZ_48000) > 0.8)
                .count();
            // 50 ms each: about half a second sounded before the stop, and none of the other four and a half after it.
            // A busy machine drops some of it.
            assert!(
                (4..=22).contains(&high),
                "{high} pieces of the stopped tone"
            );
        },
    );
}

#[test]
fn a_pause_resumes_from_the_exact_sample() {
    soundcard::within("a_pause_resumes_from_the_exact_sample", DESK, |sound| {
        sound.pactl(&["set-default-sink", "speaker"]);
        block_on(async {
            let mut speaker = Speaker::open(SpeakerSettings::default()).await.unwrap();
            let rate = SampleRate::HZ_16000;
            let duration = Duration::from_millis(1_200);
            assert!(speaker.play(1, rate, tone(400.0, rate, duration)).await);
            let mut paused_at = None;
            loop {
                let Ok(event) = timeout(Duration::from_millis(400), speaker.next()).await else {
                    // Silence of reports: the pause holds.
                    speaker.resume();
                    continue;
                };
                let Some(SpeakerEvent::Played(played)) = event else {
                    panic!("{event:?}");
                };
                if played.whole {
                    assert!(paused_at.is_some());
                    assert!(played.position.abs_diff(duration) < Duration::from_millis(1));
                    break;
                }
                if paused_at.is_none() && played.position > Duration::from_millis(300) {
                    speaker.pause();
                    paused_at = Some(played.position);
                }
            }
        });
    });
}

#[test]
fn an_unplugged_microphone_keeps_time_and_comes_back() {
    soundcard::within(
        "an_unplugged_microphone_keeps_time_and_comes_back",
        DESK,
        |sound| {
            sound.pactl(&["set-default-source", "microphone"]);
            block_on(async {
                let mut microphone = Microphone::open(MicrophoneSettings::default(), None)
                    .await
                    .unwrap();
                listen(&mut microphone, |heard| heard.len() > 1_600).await;
                sound.unplug("module-remap-source");
                loop {
                    match microphone.next().await.unwrap() {
                        MicrophoneEvent::Lost { .. } => break,
                        MicrophoneEvent::Frame(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
                let silence = listen(&mut microphone, |heard| heard.len() >= 8_000).await;
                assert!(silence.iter().all(|sample| *sample == 0));
                sound.pactl(&[
                    "load-module",
                    "module-remap-source",
                    "source_name=microphone",
                    "master=voice.monitor",
                ]);
                sound.pactl(&["set-default-source", "microphone"]);
                loop {
                    match microphone.next().await.unwrap() {
                        MicrophoneEvent::Returned { .. } => break,
                        MicrophoneEvent::Frame(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
                listen(&mut microphone, |heard| heard.len() > 8_000).await;
            });
        },
    );
}

#[test]
fn suspended_devices_are_told_of_once_and_come_back() {
    soundcard::within(
        "suspended_devices_are_told_of_once_and_come_back",
        DESK,
        |sound| {
            block_on(async {
                let speaker = SpeakerSettings {
                    device: Some("speaker".into()),
                };
                let mut speaker = Speaker::open(speaker).await.unwrap();
                let microphone = MicrophoneSettings {
                    device: Some("microphone".into()),
                    ..MicrophoneSettings::default()
                };
                let mut microphone = Microphone::open(microphone, None).await.unwrap();
                sound.pactl(&["suspend-source", "microphone", "1"]);
                sound.pactl(&["suspend-sink", "speaker", "1"]);
                let lost = |event: &SpeakerEvent| matches!(event, SpeakerEvent::Lost { .. });
                while !lost(&speaker.next().await.unwrap()) {}
                while !matches!(
                    microphone.next().await.unwrap(),
                    MicrophoneEvent::Lost { .. }
                ) {}
                // Time goes on in silence; a device that can be opened and gives nothing is not back.
                let mut frames = 0;
                while frames < 200 {
                    match microphone.next().await.unwrap() {
                        MicrophoneEvent::Frame(frame) => {
                            assert!(frame.samples.iter().all(|sample| *sample == 0));
                            frames += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(speaker.try_next(), None);
                sound.pactl(&["suspend-source", "microphone", "0"]);
                sound.pactl(&["suspend-sink", "speaker", "0"]);
                let back = |event: &SpeakerEvent| matches!(event, SpeakerEvent::Returned { .. });
                while !back(&speaker.next().await.unwrap()) {}
                while !matches!(
                    microphone.next().await.unwrap(),
                    MicrophoneEvent::Returned { .. }
                ) {}
                let rate = SampleRate::HZ_16000;
                let sound = tone(400.0, rate, Duration::from_millis(200));
                assert!(speaker.play(1, rate, sound).await);
                loop {
                    if let SpeakerEvent::Played(played) = speaker.next().await.unwrap()
                        && played.whole
                    {
                        break;
                    }
                }
                listen(&mut microphone, |heard| heard.len() > 8_000).await;
            });
        },
    );
}

#[test]
fn a_removed_speaker_is_replaced_by_the_new_default() {
    soundcard::within(
        "a_removed_speaker_is_replaced_by_the_new_default",
        DESK,
        |sound| {
            sound.pactl(&["set-default-sink", "speaker"]);
            block_on(async {
                let mut speaker = Speaker::open(SpeakerSettings::default()).await.unwrap();
                let rate = SampleRate::HZ_16000;
                assert!(
                    speaker
                        .play(1, rate, tone(400.0, rate, Duration::from_secs(1)))
                        .await
                );
                sound.pactl(&[
                    "load-module",
                    "module-null-sink",
                    "sink_name=other",
                    "rate=44100",
                    "channels=1",
                ]);
                sound.pactl(&["set-default-sink", "other"]);
                let mut lost = false;
                loop {
                    match speaker.next().await.unwrap() {
                        SpeakerEvent::Lost { .. } => lost = true,
                        SpeakerEvent::Returned { .. } => break,
                        _ => {}
                    }
                }
                assert!(lost);
                assert!(
                    speaker
                        .play(2, rate, tone(400.0, rate, Duration::from_millis(200)))
                        .await
                );
                loop {
                    if let SpeakerEvent::Played(played) = speaker.next().await.unwrap()
                        && played.id == 2
                        && played.whole
                    {
                        break;
                    }
                }
            });
        },
    );
}

#[test]
fn odd_hardware_is_heard_as_well() {
    let odd = &[
        "module-null-sink sink_name=telephone rate=8000 channels=1",
        "module-null-sink sink_name=studio rate=96000 channels=8",
        "module-remap-source source_name=telephone_mic master=telephone.monitor",
        "module-remap-source source_name=studio_mic master=studio.monitor",
    ];
    soundcard::within("odd_hardware_is_heard_as_well", odd, |sound| {
        for (sink, source) in [("telephone", "telephone_mic"), ("studio", "studio_mic")] {
            block_on(async {
                let mut microphone = Microphone::open(
                    MicrophoneSettings {
                        device: Some(source.into()),
                        ..MicrophoneSettings::default()
                    },
                    None,
                )
                .await
                .unwrap();
                let speaker = Speaker::open(SpeakerSettings {
                    device: Some(sink.into()),
                })
                .await
                .unwrap();
                let rate = SampleRate::HZ_24000;
                assert!(
                    speaker
                        .play(1, rate, tone(500.0, rate, Duration::from_secs(20)))
                        .await
                );
                let window = 3_200;
                listen(&mut microphone, |heard| {
                    heard.len() > window
                        && share_of(500.0, &heard[heard.len() - window..], SampleRate::HZ_16000)
                            > 0.95
                })
                .await;
            });
        }
        let _ = sound;
    });
}

#[test]
fn a_machine_without_microphones_says_what_to_do() {
    let deaf = &["module-null-sink sink_name=speaker rate=48000 channels=2"];
    soundcard::within(
        "a_machine_without_microphones_says_what_to_do",
        deaf,
        |_| {
            block_on(async {
                let none = Microphone::open(MicrophoneSettings::default(), None).await;
                let Err(error) = none else {
                    panic!("the speaker's monitor was taken for a microphone");
                };
                assert!(error.to_string().contains("--input"), "{error}");
            });
        },
    );
}

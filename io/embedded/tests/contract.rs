//! The embedded set keeps to what every provider keeps to, and says what is missing where it is not installed.

use audio::SampleRate;
use embedded::{Engine, Paths, recogniser::Settings};
use providers::{ProviderError, asr, contract, tts};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Two decoders and no influence of what was said before.
fn engine() -> Engine {
    Engine::new(
        Paths::default(),
        &Settings {
            decoders: 2,
            repeatable: true,
            ..Settings::default()
        },
    )
}

async fn say(engine: &Engine, voice: &str, text: &str) -> Result<Vec<i16>, ProviderError> {
    let mut session = engine.tts().start(tts::Options {
        voice: Some(voice.to_owned()),
        ..tts::Options::default()
    });
    // Should the voice be gone already, its error is waiting.
    let _ = session.input.send(tts::Input::Text(text.to_owned())).await;
    let _ = session.input.send(tts::Input::End).await;
    let mut samples = vec![0; 3_200];
    while let Some(event) = session.events.recv().await {
        if let tts::Event::Chunk(chunk) = event? {
            samples.extend(chunk.samples);
        }
    }
    samples.extend([0; 4_800]);
    Ok(samples)
}

async fn hear(
    engine: &Engine,
    samples: &[i16],
    expected: asr::Expected,
) -> Result<String, ProviderError> {
    hear_by(engine, samples, expected, asr::Options::default()).await
}

async fn hear_by(
    engine: &Engine,
    samples: &[i16],
    expected: asr::Expected,
    options: asr::Options,
) -> Result<String, ProviderError> {
    let mut session = engine.asr().start(options);
    let _ = session
        .input
        .send(asr::Input::Begin {
            utterance: 1,
            expected,
        })
        .await;
    for piece in samples.chunks(320) {
        let _ = session.input.send(asr::Input::Audio(piece.to_vec())).await;
    }
    let _ = session.input.send(asr::Input::End).await;
    while let Some(event) = session.events.recv().await {
        if let asr::Event::Final { text, .. } = event? {
            return Ok(text);
        }
    }
    Ok(String::new())
}

#[tokio::test]
async fn the_detector_keeps_the_contract() -> Outcome {
    let engine = engine();
    let speech = say(&engine, "slt", "This is somebody speaking.").await?;
    contract::vad(&*engine.vad(), &speech)?;
    Ok(())
}

#[tokio::test]
async fn the_recogniser_keeps_the_contract() -> Outcome {
    let engine = engine();
    let speech = say(&engine, "rms", "Please call me back.").await?;
    contract::asr(&*engine.asr(), &speech).await?;
    Ok(())
}

#[tokio::test]
async fn the_voice_keeps_the_contract() -> Outcome {
    contract::tts(&*engine().tts()).await?;
    Ok(())
}

#[tokio::test]
async fn what_the_voice_says_the_recogniser_hears() -> Outcome {
    let engine = engine();
    let (mut kept, mut all) = (0, 0);
    for text in [
        "please call me back when you have found the answer",
        "what time does the last train leave for london",
        "there is a problem with the light in the bathroom",
        "thank you very much for all of your help today",
    ] {
        for voice in ["slt", "rms"] {
            let heard = hear(
                &engine,
                &say(&engine, voice, text).await?,
                asr::Expected::default(),
            )
            .await?;
            let heard: Vec<&str> = heard.split_whitespace().collect();
            all += text.split_whitespace().count();
            kept += text
                .split_whitespace()
                .filter(|word| heard.contains(word))
                .count();
        }
    }
    assert!(kept * 10 >= all * 8, "{kept} of {all} words survived");
    Ok(())
}

#[tokio::test]
async fn the_same_sound_gives_the_same_words_whatever_was_heard_before() -> Outcome {
    let engine = engine();
    let text = "could you repeat the last part more slowly";
    let first = say(&engine, "awb", text).await?;
    let heard = hear(&engine, &first, asr::Expected::default()).await?;
    let other = say(&engine, "slt", "Something quite different was said.").await?;
    hear(&engine, &other, asr::Expected::default()).await?;
    assert_eq!(first, say(&engine, "awb", text).await?);
    assert_eq!(
        heard,
        hear(&engine, &first, asr::Expected::default()).await?
    );
    Ok(())
}

#[tokio::test]
async fn a_keyword_is_heard_though_no_dictionary_has_it() -> Outcome {
    let engine = engine();
    let speech = say(&engine, "rms", "tell me about duologue please").await?;
    let without = hear(&engine, &speech, asr::Expected::default()).await?;
    assert!(!without.contains("duologue"), "{without}");
    let options = asr::Options {
        keywords: vec!["Duologue".to_owned()],
        ..asr::Options::default()
    };
    let with = hear_by(&engine, &speech, asr::Expected::default(), options).await?;
    assert_eq!(with, "tell me about duologue please");
    Ok(())
}

#[tokio::test]
async fn sound_of_any_rate_is_heard() -> Outcome {
    let engine = engine();
    let text = "there is a problem with the light in the bathroom";
    let speech = say(&engine, "rms", text).await?;
    for rate in [SampleRate::HZ_24000, SampleRate::HZ_48000] {
        let options = asr::Options {
            rate,
            ..asr::Options::default()
        };
        let speech = audio::resample(&speech, SampleRate::HZ_16000, rate);
        let heard = hear_by(&engine, &speech, asr::Expected::default(), options).await?;
        assert!(
            heard.starts_with("there is a problem with the light"),
            "{rate}: {heard}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_expected_is_heard_better_and_nothing_else_is_forced_into_it() -> Outcome {
    let engine = engine();
    let expected = asr::Expected {
        phrases: vec![
            "my name is {name}".to_owned(),
            "{name}".to_owned(),
            "it is a toothache".to_owned(),
        ],
        slots: vec![(
            "name".to_owned(),
            vec![
                "Gareth".to_owned(),
                "Siobhan".to_owned(),
                "Zorblina".to_owned(),
            ],
        )],
        kind: None,
    };
    for (said, heard) in [
        ("my name is gareth", "my name is gareth"),
        ("it is a toothache", "it is a toothache"),
        ("my name is zorblina", "my name is zorblina"),
    ] {
        let sound = say(&engine, "slt", said).await?;
        assert_eq!(hear(&engine, &sound, expected.clone()).await?, heard);
    }
    let sound = say(&engine, "rms", "where can i find the nearest post office").await?;
    assert_eq!(
        hear(&engine, &sound, expected).await?,
        hear(&engine, &sound, asr::Expected::default()).await?
    );
    Ok(())
}

#[tokio::test]
async fn digits_are_heard_when_a_phone_number_is_expected() -> Outcome {
    let engine = engine();
    let expected = asr::Expected {
        kind: Some("phone".to_owned()),
        ..asr::Expected::default()
    };
    let sound = say(&engine, "rms", "seven nine double four six one").await?;
    assert_eq!(
        hear(&engine, &sound, expected).await?,
        "seven nine double four six one"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_installed_is_named_with_its_remedy() -> Outcome {
    let nowhere = tempfile::tempdir()?;
    let no_libraries = Engine::new(
        Paths {
            libraries: Some(nowhere.path().to_owned()),
            ..Paths::default()
        },
        &Settings::default(),
    );
    let no_model = Engine::new(
        Paths {
            model: nowhere.path().to_owned(),
            ..Paths::default()
        },
        &Settings::default(),
    );
    let spoken = say(&no_libraries, "slt", "Hello.").await.map(|_| ());
    let heard = hear(&no_libraries, &vec![0; 16_000], asr::Expected::default())
        .await
        .map(|_| ());
    let modelled = hear(&no_model, &vec![0; 16_000], asr::Expected::default())
        .await
        .map(|_| ());
    for result in [spoken, heard, modelled] {
        match result {
            Err(error @ ProviderError::Missing { .. }) => {
                assert!(error.to_string().contains("apt-get install"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let problems = |engine: &Engine| {
        engine
            .check()
            .into_iter()
            .filter(|part| part.problem.is_some())
            .map(|part| part.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(problems(&no_libraries), ["recogniser", "voice"]);
    assert_eq!(problems(&no_model), ["recogniser"]);
    assert!(problems(&Engine::default()).is_empty());
    Ok(())
}

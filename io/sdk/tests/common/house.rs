//! This project's own server in this process, with the embedded agents.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "a server that breaks fails the test; not every test uses all of it"
)]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use agent::Providers;
use audio::SampleRate;
use duologue::wav;
use embedded::{Engine, Paths, recogniser, script::Scripted, tools::Shelf, voice::FliteVoice};
use providers::{
    ProviderError,
    tts::{self, Tts as _},
};
use server::{
    Answerer, Equipment, InProcess, Keys, Limits, Origin, Registry, Server, Settings, StoredAgent,
    shelf::Nowhere,
};

/// An agent whose client has the dice.
const GAMBLER: &str = include_str!("gambler.toml");

struct Equip(Engine);

impl server::Engine for Equip {
    fn equip(&self, agent: &StoredAgent) -> Result<Equipment, ProviderError> {
        let wrong = |reason: String| ProviderError::Failed {
            provider: "test".to_owned(),
            reason,
        };
        let text = agent.toml().unwrap_or_default();
        let script = Scripted::from_toml(&text).map_err(|error| wrong(error.to_string()))?;
        let shelf =
            Shelf::open(script.variables(), None).map_err(|error| wrong(error.to_string()))?;
        Ok(Equipment {
            providers: Providers {
                vad: self.0.vad(),
                asr: self.0.asr(),
                llm: Arc::new(script),
                tts: self.0.tts(),
            },
            tools: shelf.tools(),
        })
    }
}

/// A server that runs as long as the test.
pub async fn serve(keys: &str) -> String {
    let speech = Engine::new(Paths::default(), &recogniser::Settings::default());
    let limits = Limits::default();
    let answerer: Arc<dyn Answerer> = Arc::new(InProcess::new(
        Arc::new(Equip(speech)),
        BTreeMap::new(),
        &limits,
    ));
    let mut bundled: Vec<_> = embedded::agents::ALL
        .iter()
        .map(|agent| StoredAgent::from_file(agent.id, agent.toml, Origin::Bundled).unwrap())
        .collect();
    bundled.push(StoredAgent::from_file("gambler", GAMBLER, Origin::Bundled).unwrap());
    let registry = Registry::open(bundled, None, Arc::new(Nowhere))
        .await
        .unwrap();
    let mut settings = Settings {
        keys: Keys::new(keys.split(',').filter(|key| !key.is_empty())),
        ..Settings::default()
    };
    settings.bind.set_port(0);
    let server = Server::bind(settings, registry, answerer).await.unwrap();
    let url = format!("http://{}", server.address());
    tokio::spawn(server.run(std::future::pending()));
    url
}

/// Has a question spoken into a file.
pub async fn record(path: &Path, text: &str) {
    let mut session = FliteVoice::new(Paths::default()).start(tts::Options::default());
    session
        .input
        .send(tts::Input::Text(text.to_owned()))
        .await
        .unwrap();
    session.input.send(tts::Input::End).await.unwrap();
    let target = wav::File(std::fs::File::create(path).unwrap());
    let mut writer = wav::Writer::new(Box::new(target), 16_000, 1).unwrap();
    // Nobody speaks the moment the line is open.
    writer.write(&vec![0; 32_000]).unwrap();
    while let Some(event) = session.events.recv().await {
        match event.unwrap() {
            tts::Event::Chunk(chunk) => {
                let samples = audio::resample(&chunk.samples, chunk.rate, SampleRate::HZ_16000);
                writer.write(&samples).unwrap();
            }
            tts::Event::TookOver(_) => {}
            tts::Event::Done => break,
        }
    }
    writer.finish().unwrap();
}

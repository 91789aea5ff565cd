//! The server under load.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent::{NoRecorder, Options, Providers, Recorder, recording::Recordings};
use anyhow::Context as _;
use embedded::vad::Earshot;
use providers::ProviderError;
use server::{
    Engine, Equipment, InProcess, Limits, Origin, RecordSettings, Records, Registry, Server,
    Settings, StoredAgent, shelf::Nowhere,
};
use store::Store;
use tokio::io::AsyncReadExt as _;

use crate::{
    providers::{Hum, Prompt, Ready},
    speech::Line,
};

struct Stage(Providers);

impl Engine for Stage {
    fn equip(&self, _: &StoredAgent) -> Result<Equipment, ProviderError> {
        Ok(Equipment {
            providers: self.0.clone(),
            tools: Vec::new(),
        })
    }
}

/// An agent who is reached over this kind of line.
fn agent(line: Line) -> anyhow::Result<StoredAgent> {
    let format = line.format().name();
    let text = format!(
        "name = \"Load\"\n\
         [conversation_config.turn]\nturn_timeout = -1\nsoft_timeout_config = {{ timeout_seconds = -1 }}\n\
         [conversation_config.asr]\nuser_input_audio_format = \"{format}\"\n\
         [conversation_config.tts]\nagent_output_audio_format = \"{format}\"\n"
    );
    StoredAgent::from_file(line.agent(), &text, Origin::Bundled).context("the agent")
}

/// Serves until the standard input closes. Prints its address first. With `records` it keeps turns, times, journals and
/// recordings as `duologue serve` does, else only recordings.
pub async fn serve(records: bool) -> anyhow::Result<()> {
    let agents = Line::ALL
        .into_iter()
        .map(agent)
        .collect::<anyhow::Result<_>>()?;
    let registry = Registry::open(agents, None, Arc::new(Nowhere)).await?;
    let folder = tempfile::tempdir().context("a folder for recordings")?;
    let records = if records {
        let store = Store::open(&folder.path().join("data")).await?;
        Some(Records::open(store, RecordSettings::default()).await?)
    } else {
        None
    };
    let recorder: Arc<dyn Recorder> = match &records {
        // They see to the recordings as well.
        Some(_) => Arc::new(NoRecorder),
        None => Arc::new(Recordings::in_folder(folder.path())?),
    };
    let limits = Limits {
        conversations: 10_000,
        connections: 10_000,
        drain: Duration::from_secs(1),
        ..Limits::default()
    };
    let options = Options {
        recorder,
        ping_every: limits.ping,
        ..Options::default()
    };
    let providers = Providers {
        vad: Arc::new(Earshot),
        asr: Arc::new(Prompt),
        llm: Arc::new(Ready),
        tts: Arc::new(Hum::new()),
    };
    let mut answerer =
        InProcess::new(Arc::new(Stage(providers)), BTreeMap::new(), &limits).with_options(options);
    if let Some(records) = &records {
        answerer = answerer.with_records(records.clone());
    }
    let mut settings = Settings {
        limits,
        ..Settings::default()
    };
    settings.bind.set_port(0);
    let mut server = Server::bind(settings, registry, Arc::new(answerer)).await?;
    if let Some(records) = records {
        server = server.with_records(records);
    }
    println!("{}", server.address());
    server
        .run(async {
            let mut nothing = [0];
            while let Ok(1..) = tokio::io::stdin().read(&mut nothing).await {}
        })
        .await;
    Ok(())
}

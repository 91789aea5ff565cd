//! The side both clients talk to.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::agents::{AudioBytes, ClientEvent};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use crate::stamp;

/// Ten pieces a second of 100 ms at 16 kHz.
const EVERY: Duration = Duration::from_millis(100);
const PIECE: usize = 1_600;

pub(crate) async fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = hold(socket).await {
                eprintln!("{error}");
            }
        });
    }
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "as the library wants it"
)]
fn subprotocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if let Some(offered) = request.headers().get("sec-websocket-protocol") {
        response
            .headers_mut()
            .insert("sec-websocket-protocol", offered.clone());
    }
    Ok(response)
}

/// Holds one conversation until the client hangs up, and prints how late its sound came.
async fn hold(socket: TcpStream) -> Result<()> {
    socket.set_nodelay(true)?;
    let (mut sink, mut stream) = accept_hdr_async(socket, subprotocol).await?.split();
    let ages = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&ages);
    let metadata = json!({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": {
        "conversation_id": "conv_1", "agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"
    }});
    sink.send(Message::text(metadata.to_string())).await?;
    let speaking = tokio::spawn(async move {
        let mut clock = interval_at(Instant::now() + EVERY, EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for id in 1_u64.. {
            clock.tick().await;
            let mut bytes: Vec<u8> = stamp::samples()
                .iter()
                .flat_map(|s| s.to_le_bytes())
                .collect();
            bytes.resize(PIECE * 2, (id % 251) as u8);
            let audio = AudioBytes::from(bytes).to_base64();
            let message = format!(
                r#"{{"type":"audio","audio_event":{{"audio_base_64":"{audio}","event_id":{id}}}}}"#
            );
            if sink.send(Message::text(message)).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        if let Ok(ClientEvent::UserAudioChunk {
            user_audio_chunk: audio,
        }) = ClientEvent::from_json(&text)
            && let Some(age) = stamp::age(audio.as_ref())
            && let Ok(mut ages) = kept.lock()
        {
            ages.push(age);
        }
    }
    speaking.abort();
    let ages = ages.lock().map(|ages| ages.clone()).unwrap_or_default();
    println!("{}", json!({"up": stamp::summary(ages)}));
    std::io::stdout().flush()?;
    Ok(())
}

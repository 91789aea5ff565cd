//! What one conversation costs a client, to be set beside another SDK's: the same server, the same sound.
//!
//! `duologue-beside server` is the other side: it holds conversations at a fixed rate, ten messages of 100 ms of sound a
//! second. `duologue-beside client URL SECONDS` is our SDK with an audio interface that sends four messages a second.
//! `testing/beside/client.py` is the official Python SDK with the same. Both sides write the time into the first samples of
//! every piece, so that each knows how long a piece was under way. `scripts/bench-sdk.sh` runs all of it.

mod client;
mod server;
mod stamp;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["server"] => runtime.block_on(server::run()),
        ["client", url, seconds] => runtime.block_on(client::run(url, seconds.parse()?)),
        _ => bail!("give: server, or client URL SECONDS"),
    }
}

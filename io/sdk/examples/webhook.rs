//! Checks the signature of a webhook that lies in a file.
//!
//! `cargo run -p duologue --example webhook -- SECRET "t=…,v0=…" body.json`; without a signature it makes one.

use std::time::{SystemTime, UNIX_EPOCH};

use duologue::account::webhook::Verifier;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(secret), Some(file)) = (arguments.first(), arguments.last()) else {
        return Err("give: SECRET [SIGNATURE] FILE".into());
    };
    let verifier = Verifier::new(secret);
    let body = std::fs::read(file)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    if let [_, signature, _] = arguments.as_slice() {
        let event = verifier.read(signature, &body, now)?;
        println!("{}: {}", event.kind, event.data);
    } else {
        println!("{}", verifier.sign(&body, now));
    }
    Ok(())
}

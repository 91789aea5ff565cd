//! Whatever a server says, line by line, the client's machine stays in order: one beginning, one end, no overdue
//! deadline.

#![no_main]

use audio::Moment;
use libfuzzer_sys::fuzz_target;
use protocol::agents::{
    ServerEvent,
    client::{Client, Input, Output, Settings},
};

fuzz_target!(|text: &str| {
    let mut client = Client::new(Settings::default());
    client.handle(Moment::ZERO, Input::Opened);
    let (mut started, mut ended) = (0, 0);
    for (n, line) in text.lines().enumerate() {
        let now = Moment::from_millis(n as u64 * 700);
        let input = match ServerEvent::from_json(line) {
            Ok(event) => Input::Server(event),
            Err(_) => Input::Tick,
        };
        for output in client.handle(now, input) {
            match output {
                Output::Started(_) => started += 1,
                Output::Ended(_) => ended += 1,
                _ => {}
            }
        }
        assert!(client.deadline().is_none_or(|at| at > now));
    }
    assert!(started <= 1 && ended <= 1);
});

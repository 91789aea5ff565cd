//! What cannot work says what failed, why, and what to do; what was made before is kept.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Stdio,
    thread,
};

use common::Bench;

fn wav(channels: u16, hz: u32, bits: u16, data: &[u8], promised: u32) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
    file.extend(channels.to_le_bytes());
    file.extend(hz.to_le_bytes());
    file.extend((hz * u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(promised.to_le_bytes());
    file.extend(data);
    file
}

#[test]
fn a_studio_recording_is_understood() {
    let bench = Bench::new();
    bench.run("speak \"What time is it?\" --voice rms --output plain.wav");
    let samples = std::fs::read(bench.path("plain.wav")).unwrap();
    // Every 16 kHz sample becomes three of 48 kHz, 24 bits wide, on both channels.
    let mut data = Vec::new();
    for pair in samples[44..].chunks_exact(2) {
        for _ in 0..6 {
            data.extend([0, pair[0], pair[1]]);
        }
    }
    let length = data.len() as u32;
    bench.file("studio.wav", wav(2, 48_000, 24, &data, length));
    let done = bench.run("transcribe studio.wav --json");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.texts("transcript")[0].contains("time is it"),
        "{}",
        done.out
    );
}

#[test]
fn what_is_no_recording_is_refused_with_a_remedy() {
    let bench = Bench::new();
    bench.file("song.mp3", b"ID3\x04\0\0\0\0\0\0 and so on");
    bench.file("empty.wav", b"");
    bench.file("damaged.wav", b"RIFF\x10\0\0\0WAVEfmt ");
    for command in ["talk --pace fast --input", "transcribe"] {
        let run = |file: &str| bench.run(&format!("{command} {file}"));
        run("song.mp3").failed(1, &["song.mp3", "MP3", "fix: convert it"]);
        run("empty.wav").failed(1, &["it is empty", "fix:"]);
        run("damaged.wav").failed(1, &["damaged", "fix:"]);
        run("none.wav").failed(1, &["no such file", "fix:"]);
        run(".").failed(1, &["it is a folder"]);
    }
}

#[test]
fn a_truncated_recording_is_used_as_far_as_it_goes() {
    let bench = Bench::new();
    bench.run("speak \"What time is it?\" --voice rms --output whole.wav");
    let whole = std::fs::read(bench.path("whole.wav")).unwrap();
    bench.file("cut.wav", wav(1, 16_000, 16, &whole[44..], 320_000));
    let done = bench.run("transcribe cut.wav --json");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.texts("transcript")[0].contains("time is it"),
        "{}",
        done.out
    );
    assert!(done.err.contains("cut short"), "{}", done.err);
}

#[test]
fn an_endless_recording_ends_with_the_longest_conversation() {
    let bench = Bench::new();
    bench.file(
        "agents/brief.toml",
        "name = \"Brief\"\n[conversation_config.conversation]\nmax_duration_seconds = 5\n",
    );
    let done = bench.run("talk --agent brief --input /dev/zero --pace fast --json");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let last = done.objects().pop().unwrap();
    assert_eq!(last["reason"], "max_duration", "{last}");
}

#[test]
fn a_full_disk_is_told_and_nothing_hangs() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let bench = Bench::new();
    bench.run("speak Hello --output caller.wav");
    bench
        .run("speak Hello --output /dev/full")
        .failed(1, &["/dev/full", "no space left", "fix:"]);
    bench
        .run("talk --input caller.wav --pace fast --output /dev/full")
        .failed(1, &["/dev/full", "no space left", "fix:"]);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = bench.command("voices").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no space left"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let bench = Bench::new();
    let mut child = bench
        .command("talk --text --agent assistant")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let _ = child.stdin.take().unwrap().write_all(b"hello\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_broken_agent_file_is_placed_by_line_and_column() {
    let bench = Bench::new();
    bench.file(
        "broken.toml",
        "name = \"x\"\n[conversation_config.agent]\nfirst_message = 7\n",
    );
    bench
        .run("agents check broken.toml")
        .failed(1, &["broken.toml:3:17", "fix:"]);
    bench
        .run("talk --text --agent broken.toml")
        .failed(1, &["broken.toml:3:17"]);
    bench.file("good.toml", "name = \"Good\"\n");
    assert_eq!(bench.run("agents check good.toml").code, 0);
}

#[test]
fn missing_speech_packages_come_with_the_command_that_installs_them() {
    let bench = Bench::new();
    bench.file("caller.wav", wav(1, 16_000, 16, &[0; 320], 320));
    let missing = [("SPEECH_LIBRARIES", "/nowhere")];
    for command in [
        "talk --pace fast --input caller.wav",
        "speak Hello --output hello.wav",
        "doctor",
    ] {
        let done = bench.run_with(command, &missing);
        assert_eq!(done.code, 1, "{command}");
        let said = format!("{}{}", done.out, done.err);
        assert!(said.contains("apt-get install"), "{command}: {said}");
    }
    // No file is left that looks like a result.
    assert!(!bench.path("hello.wav").exists());
    // Typing needs none of them.
    let typed = bench
        .command("talk --text --agent assistant")
        .envs(missing)
        .output()
        .unwrap();
    assert_eq!(typed.status.code(), Some(0));
}

/// A server that answers every request with the same bytes and then does as it is told.
fn server(answer: &'static [u8], hang: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut vec![0; 65_536]);
            let _ = stream.write_all(answer);
            if hang {
                open.push(stream);
            }
        }
    });
    address
}

#[test]
fn an_llm_that_fails_or_talks_nonsense_ends_no_conversation_without_a_word() {
    let bench = Bench::new();
    let broken = server(
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops",
        false,
    );
    let garbage = server(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: \xff\xfe{{{\n\n",
        false,
    );
    for address in [broken, garbage] {
        let done = bench.feed(
            &format!("talk --text --agent assistant --llm {address}#tiny"),
            b"hello there\n",
        );
        let said = format!("{}{}", done.out, done.err);
        assert!(said.contains("tiny at"), "{said}");
        // The apology is heard, and the call ends with a reason.
        assert!(done.out.matches("agent: ").count() >= 2, "{said}");
        assert!(done.out.contains("ended after"), "{said}");
    }
}

#[test]
fn an_llm_that_hangs_is_apologised_for() {
    let bench = Bench::new();
    let address = server(b"", true);
    let done = bench.feed(
        &format!("talk --text --agent assistant --llm {address}#tiny"),
        b"hello there\n",
    );
    let said = format!("{}{}", done.out, done.err);
    assert!(done.out.matches("agent: ").count() >= 2, "{said}");
    assert!(done.out.contains("ended after"), "{said}");
}

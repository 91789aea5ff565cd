//! The voices of this machine and those of an account, from the command line and over REST, against a server of our own that
//! objects to whatever the vendor's reference does not have.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    Bench,
    server::{KEY, Server},
    web::{Answer, Asked, Web, exchange, send},
};
use serde_json::{Value, json};

const ACCOUNT_KEY: &str = "sk_made_up_account";

fn voice(id: &str, name: &str, base: &str) -> Value {
    json!({
        "voice_id": id, "name": name, "category": "premade", "description": "warm", "labels": {"accent": "Welsh"},
        "preview_url": format!("{base}/samples/{id}.mp3"), "is_owner": false,
    })
}

/// Three voices of an account on pages of any size, and a library of one.
fn account() -> Web {
    Web::start(|asked| {
        if asked.path.starts_with("/samples/") {
            // Samples are public, and the key is nobody's business there.
            assert!(!asked.head.contains(ACCOUNT_KEY), "{}", asked.head);
            return ("200 OK", "audio/mpeg", b"ID3 a sample".to_vec());
        }
        if !asked.head.contains(&format!("xi-api-key: {ACCOUNT_KEY}")) {
            let error = json!({"detail": {"type": "authentication_error", "code": "invalid_api_key", "message": "wrong"}});
            return (
                "401 Unauthorized",
                "application/json",
                error.to_string().into_bytes(),
            );
        }
        let host = asked
            .head
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        answer(asked, &format!("http://{}", host.unwrap()))
    })
}

fn answer(asked: &Asked, base: &str) -> Answer {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let all = [("v0", "Ann"), ("v1", "Ben"), ("v2", "Cat")].map(|(id, name)| voice(id, name, base));
    let field = |name: &str| {
        let mut fields = query.split('&').filter_map(|field| field.split_once('='));
        fields
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    };
    let value = match (asked.method.as_str(), path) {
        ("GET", "/v1/voices") => json!({ "voices": all }),
        ("GET", "/v2/voices") => {
            let size: usize = field("page_size").unwrap().parse().unwrap();
            let from = field("next_page_token").map_or(0, |token| token.parse().unwrap());
            let fits = |voice: &&Value| match field("search") {
                Some(word) => voice["name"]
                    .as_str()
                    .unwrap()
                    .to_lowercase()
                    .contains(word),
                None => true,
            };
            let fitting: Vec<&Value> = all.iter().filter(fits).collect();
            let until = (from + size).min(fitting.len());
            let more = until < fitting.len();
            json!({ "voices": fitting[from..until], "has_more": more, "total_count": fitting.len(),
                "next_page_token": more.then(|| until.to_string()) })
        }
        ("GET", "/v1/voices/v1") => all[1].clone(),
        ("GET", "/v1/voices/v1/settings") => json!({"stability": 0.3, "speed": 1.1}),
        ("GET", "/v1/shared-voices") => {
            let shared = json!({"public_owner_id": "o1", "voice_id": "s1", "name": "Sailor", "language": "en",
                "description": "old", "preview_url": format!("{base}/samples/s1.mp3")});
            let fits = field("search").is_none_or(|word| word == "sailor");
            json!({ "voices": if fits { vec![shared] } else { Vec::new() }, "has_more": false })
        }
        ("POST", "/v1/voices/add/o1/s1") if asked.json() == json!({"new_name": "Mine"}) => {
            json!({"voice_id": "v3"})
        }
        _ => {
            let error = json!({"detail": {"type": "not_found", "code": "voice_not_found", "message": "no such voice"}});
            return (
                "404 Not Found",
                "application/json",
                error.to_string().into_bytes(),
            );
        }
    };
    ("200 OK", "application/json", value.to_string().into_bytes())
}

fn ids(answer: &Value) -> Vec<&str> {
    let voices = answer["voices"].as_array().unwrap();
    voices
        .iter()
        .map(|voice| voice["voice_id"].as_str().unwrap())
        .collect()
}

#[test]
fn a_server_with_an_account_shows_its_voices_behind_its_own() {
    let account = account();
    let url = format!("http://{}", account.address);
    let environment = [
        ("ELEVENLABS_API_KEY", ACCOUNT_KEY),
        ("ELEVENLABS_BASE_URL", &url),
    ];
    let server = Server::with(&[], &environment);
    let get = |path: &str| send(&server.url, "GET", path, KEY, &Value::Null);
    let own = Bench::new().run("voices --json").objects().len();

    let all = get("/v1/voices");
    assert_eq!(all["voices"].as_array().unwrap().len(), own + 3);
    assert_eq!(ids(&all)[own..], ["v0", "v1", "v2"]);

    // Every voice once, whatever the pages' size.
    for size in [1, 2, own, own + 1, 100] {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = get(&format!("/v2/voices?page_size={size}{token}"));
            assert_eq!(page["total_count"], own + 3, "{page}");
            assert!(page["voices"].as_array().unwrap().len() <= size);
            found.extend(ids(&page).into_iter().map(str::to_owned));
            match page["next_page_token"].as_str() {
                Some(next) => token = format!("&next_page_token={next}"),
                None => break,
            }
            assert_eq!(page["has_more"], true);
        }
        assert_eq!(found, ids(&all), "pages of {size}");
    }
    assert_eq!(ids(&get("/v2/voices?search=ben")), ["v1"]);
    assert_eq!(ids(&get("/v2/voices?search=scottish")), ["awb"]);
    assert_eq!(
        ids(&get("/v2/voices?voice_ids=slt&voice_ids=rms&search=zzz")),
        [""; 0]
    );

    let one = get("/v1/voices/v1");
    assert_eq!(
        (&one["name"], &one["is_owner"]),
        (&json!("Ben"), &json!(false)),
        "as it came: {one}"
    );
    assert_eq!(get("/v1/voices/v1/settings")["stability"], 0.3);
    assert_eq!(
        get("/v1/shared-voices?search=sailor")["voices"][0]["public_owner_id"],
        "o1"
    );
    let added = send(
        &server.url,
        "POST",
        "/v1/voices/add/o1/s1",
        KEY,
        &json!({"new_name": "Mine"}),
    );
    assert_eq!(added["voice_id"], "v3");
    let (status, body) = exchange(&server.url, "GET", "/v1/voices/nobody", KEY, "");
    assert!(status == 404 && String::from_utf8_lossy(&body).contains("voice_not_found"));
    // The account's voices are not for those without a key.
    for path in [
        "/v1/voices",
        "/v2/voices",
        "/v1/voices/v1",
        "/v1/shared-voices",
    ] {
        assert_eq!(
            exchange(&server.url, "GET", path, "wrong", "").0,
            401,
            "{path}"
        );
    }
}

#[test]
fn a_server_whose_account_is_away_shows_its_own_voices() {
    let environment = [
        ("ELEVENLABS_API_KEY", ACCOUNT_KEY),
        ("ELEVENLABS_BASE_URL", "http://127.0.0.1:9"),
    ];
    let server = Server::with(&[], &environment);
    let get = |path: &str| exchange(&server.url, "GET", path, KEY, "");
    for path in ["/v1/voices", "/v2/voices"] {
        let answer: Value = serde_json::from_slice(&get(path).1).unwrap();
        assert!(ids(&answer).contains(&"slt"), "{answer}");
    }
    let (status, body) = get("/v1/shared-voices");
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(
        status == 503 && body.contains("could not reach"),
        "{status} {body}"
    );
    assert!(!body.contains(ACCOUNT_KEY));
}

#[test]
fn the_sample_of_an_embedded_voice_can_be_heard_by_anybody() {
    let server = Server::new(&[]);
    let voice = send(&server.url, "GET", "/v1/voices/rms", KEY, &Value::Null);
    let preview = voice["preview_url"].as_str().unwrap().to_owned();
    let path = preview.strip_prefix(&server.url).unwrap();
    let (status, sample) = exchange(&server.url, "GET", path, "", "");
    // A frame of MP3 begins with eleven ones.
    assert_eq!((status, sample[0]), (200, 0xff));
    assert!(sample.len() > 10_000, "{}", sample.len());
    assert_eq!(exchange(&server.url, "GET", path, "", "").1, sample);
    assert_eq!(
        exchange(&server.url, "GET", "/v1/voices/nobody/preview", "", "").0,
        404
    );
    let (status, body) = exchange(&server.url, "GET", "/v1/shared-voices", KEY, "");
    assert!(status == 501 && String::from_utf8_lossy(&body).contains("ELEVENLABS_API_KEY"));
}

#[test]
fn voices_of_an_account_and_of_the_library_are_listed_and_their_samples_kept() {
    let bench = Bench::new();
    let account = account();
    let url = format!("http://{}", account.address);
    let environment = [
        ("ELEVENLABS_API_KEY", ACCOUNT_KEY),
        ("ELEVENLABS_BASE_URL", url.as_str()),
    ];
    let run = |arguments: &str| bench.run_with(&format!("voices {arguments}"), &environment);

    let listed = run("--provider elevenlabs --json");
    assert_eq!(listed.code, 0, "{}", listed.err);
    let names: Vec<Value> = listed
        .objects()
        .iter()
        .map(|voice| voice["name"].clone())
        .collect();
    assert_eq!(names, ["Ann", "Ben", "Cat"]);
    assert!(run("--provider elevenlabs ben").out.starts_with("v1"));
    assert!(
        run("--provider elevenlabs zzz")
            .out
            .contains("no voice fits")
    );
    assert_eq!(run("--library sailor --json").objects()[0]["owner"], "o1");

    let kept = run("--provider elevenlabs --preview v1 --output ben.mp3");
    assert_eq!(kept.code, 0, "{}", kept.err);
    assert_eq!(
        std::fs::read(bench.path("ben.mp3")).unwrap(),
        b"ID3 a sample"
    );
    run("--provider elevenlabs --preview v9 --output v9.mp3")
        .failed(1, &["no sample of v9", "no such voice"]);

    let kept = bench.run("voices --preview rms --output rms.wav");
    assert_eq!(kept.code, 0, "{}", kept.err);
    assert!(
        bench
            .heard(&bench.path("rms.wav"), "left")
            .contains("how i sound")
    );
    bench
        .run("voices --preview v1 --output v1.wav")
        .failed(1, &["slt", "--provider elevenlabs"]);
    bench
        .run("voices --library")
        .failed(1, &["API key", "duologue init"]);
}

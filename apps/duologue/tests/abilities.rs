//! What agents can do, shown by spoken conversations: the caller's words are sound that the embedded recogniser hears, an llm on
//! a real socket chooses among the tools, and what comes of it is heard, kept and judged.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    Bench, Done,
    server::{KEY, Server},
    thinker, tones,
    web::{Web, send},
};
use serde_json::{Value, json};

/// An agent with the llm at `llm`; `more` goes into its prompt.
fn agent(llm: &Web, more: &str) -> String {
    format!(
        "name = \"Desk\"\n[conversation_config.agent]\nfirst_message = \"Hello.\"\n\
         [conversation_config.agent.prompt]\nprompt = \"You serve a shop.\"\nllm = \"custom-llm\"\n\
         [conversation_config.agent.prompt.custom_llm]\nurl = \"http://{}/v1\"\nmodel_id = \"tiny\"\n{more}",
        llm.address
    )
}

fn system_tool(name: &str, description: &str, params: &str) -> String {
    format!(
        "[conversation_config.agent.prompt.built_in_tools.{name}]\nname = \"{name}\"\ndescription = \"{description}\"\n\
         [conversation_config.agent.prompt.built_in_tools.{name}.params]\nsystem_tool_type = \"{name}\"\n{params}"
    )
}

/// A caller who says these lines, each when the agent has finished, through the embedded voice and recogniser.
fn talk(bench: &Bench, agent: &str, lines: &[&str], environment: &[(&str, &str)]) -> Done {
    bench.file("desk.toml", agent);
    bench.file("caller.txt", lines.join("\n"));
    let done = bench.run_with(
        "talk --agent ./desk.toml --caller caller.txt --caller-voice rms --output agent.wav --pace fast --json",
        environment,
    );
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    done
}

/// The conversation as `conversations show` has it.
fn kept(bench: &Bench, talked: &Done, environment: &[(&str, &str)]) -> Value {
    let show = format!("conversations show {} --json", conversation(talked));
    let shown = bench.run_with(&show, environment);
    assert_eq!(shown.code, 0, "{}", shown.err);
    shown.objects().pop().unwrap()
}

/// The calls in a conversation's transcript, with their results.
fn calls(kept: &Value) -> Vec<(Value, Value)> {
    let turns = kept["transcript"].as_array().unwrap();
    let all = |name: &str| -> Vec<Value> {
        turns
            .iter()
            .flat_map(|turn| turn[name].as_array().cloned().unwrap_or_default())
            .collect()
    };
    all("tool_calls")
        .into_iter()
        .zip(all("tool_results"))
        .collect()
}

#[test]
fn the_keys_that_a_caller_asks_for_sound_on_the_line() {
    let bench = Bench::new();
    let llm = thinker::start();
    let tool = system_tool(
        "play_keypad_touch_tone",
        "Presses keys of the telephone.",
        "",
    );
    let talked = talk(
        &bench,
        &agent(&llm, &tool),
        &["press the keys four two five"],
        &[],
    );
    let offered = &thinker::thoughts(&llm)[0]["tools"];
    assert_eq!(
        offered[0]["function"]["name"], "play_keypad_touch_tone",
        "{offered}"
    );
    let calls = calls(&kept(&bench, &talked, &[]));
    let asked: Value =
        serde_json::from_str(calls[0].0["params_as_json"].as_str().unwrap()).unwrap();
    let asked = asked["dtmf_tones"].as_str().unwrap().to_owned();
    // What the recogniser made of it, and no key more or less; speech before and after is no tone.
    assert!(asked.len() >= 2, "{}", talked.out);
    assert_eq!(
        tones::keys_in(&bench.path("agent.wav")),
        asked,
        "{}",
        talked.out
    );
    assert_eq!(calls[0].1["is_error"], false);
}

#[test]
fn an_answering_machine_is_left_a_message_and_the_call_ends_with_its_reason() {
    let bench = Bench::new();
    let llm = thinker::start();
    let tool = system_tool(
        "voicemail_detection",
        "An answering machine wants a message after the tone.",
        "voicemail_message = \"Your bicycle is ready, {{who}}. Goodbye.\"",
    );
    let agent = agent(&llm, &tool)
        + "\n[conversation_config.agent.dynamic_variables.dynamic_variable_placeholders]\nwho = \"Ada\"\n";
    let lines = ["please leave a message after the tone", "is anybody there"];
    let talked = talk(&bench, &agent, &lines, &[]);
    assert_eq!(
        talked.texts("agent").last().map(|text| text.trim()),
        Some("Your bicycle is ready, Ada. Goodbye."),
        "{}",
        talked.out
    );
    let heard = bench.heard(&bench.path("agent.wav"), "left");
    assert!(heard.contains("bicycle is ready"), "{heard}");
    let objects = talked.objects();
    let ended = objects
        .iter()
        .find(|object| object["type"] == "ended")
        .unwrap();
    assert_eq!(ended["reason"], "agent_ended", "{ended}");
    // The second line was never said: nobody was there any more.
    assert_eq!(talked.texts("user").len(), 1, "{}", talked.out);
    let kept = kept(&bench, &talked, &[]);
    assert_eq!(calls(&kept)[0].0["tool_name"], "voicemail_detection");
    assert_eq!(
        kept["metadata"]["termination_reason"], "agent_ended",
        "{}",
        kept["metadata"]
    );
}

#[test]
fn a_transfer_to_a_telephone_is_refused_and_the_caller_is_told() {
    let bench = Bench::new();
    let llm = thinker::start();
    let tool = system_tool(
        "transfer_to_number",
        "Transfers the caller to a person at a number.",
        "transfers = [{ phone_number = \"+15550100\", condition = \"wants a person\" }]",
    );
    let talked = talk(
        &bench,
        &agent(&llm, &tool),
        &["transfer me to a person"],
        &[],
    );
    let kept = kept(&bench, &talked, &[]);
    let (call, result) = &calls(&kept)[0];
    assert_eq!(call["tool_name"], "transfer_to_number");
    assert_eq!(result["is_error"], true, "{result}");
    let told = talked.texts("agent").join(" ");
    assert!(told.contains("not possible here"), "{told}");
    // The llm was given the refusal, not a success.
    let thoughts = thinker::thoughts(&llm);
    let answer = thoughts.last().unwrap()["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(answer["role"], "tool", "{answer}");
    assert!(
        answer["content"]
            .as_str()
            .unwrap()
            .contains("not possible here"),
        "{answer}"
    );
}

#[test]
fn what_was_said_calls_a_web_server_is_found_in_a_document_and_is_judged_afterwards() {
    let llm = thinker::start();
    let shop = Web::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.starts_with("/stock/") && asked.head.contains("x-key: k-77") => {
            ("200 OK", "application/json", br#"{"left":4}"#.to_vec())
        }
        _ => ("404 Not Found", "text/plain", Vec::new()),
    });
    let hooks = Web::start(|_| ("200 OK", "text/plain", Vec::new()));
    let mut server = Server::new(&[]);
    let document = send(
        &server.url,
        "POST",
        "/v1/convai/knowledge-base/text",
        KEY,
        &json!({ "name": "Leaflet", "text": "# Hours\n\nOn saturday the shop closes at noon." }),
    );
    let document = document["id"].as_str().unwrap().to_owned();
    let hook = json!({ "settings": { "auth_type": "hmac", "name": "all",
        "webhook_url": format!("http://{}/over", hooks.address) } });
    let hook = send(&server.url, "POST", "/v1/workspace/webhooks", KEY, &hook);
    let chosen = json!({ "webhooks": { "post_call_webhook_id": hook["webhook_id"], "events": ["transcript"] } });
    send(&server.url, "PATCH", "/v1/convai/settings", KEY, &chosen);
    // What follows the conversation is the command's own doing.
    server.stop();
    let more = format!(
        "[[conversation_config.agent.prompt.tools]]\ntype = \"webhook\"\nname = \"stock\"\n\
         description = \"Asks the warehouse how many pieces are left.\"\n\
         [conversation_config.agent.prompt.tools.api_schema]\nurl = \"http://{}/stock/{{item}}\"\nmethod = \"GET\"\n\
         [conversation_config.agent.prompt.tools.api_schema.path_params_schema.item]\ntype = \"string\"\n\
         enum = [\"lamps\", \"doors\"]\ndescription = \"What the user asks for.\"\n\
         [conversation_config.agent.prompt.tools.api_schema.request_headers]\n\"X-Key\" = {{ secret_id = \"stock\" }}\n\
         [[conversation_config.agent.prompt.knowledge_base]]\ntype = \"text\"\nid = \"{document}\"\nname = \"Leaflet\"\n\
         usage_mode = \"auto\"\n\
         [[platform_settings.evaluation.criteria]]\nid = \"answered\"\nname = \"Answered\"\ntype = \"prompt\"\n\
         conversation_goal_prompt = \"Was the caller told how many are left?\"\n\
         [platform_settings.data_collection.item]\ntype = \"string\"\ndescription = \"What was asked for.\"\n",
        shop.address
    );
    let bench = Bench::new();
    let environment = [
        ("DATA_DIR", server.data().display().to_string()),
        ("ALLOWED_PRIVATE_HOSTS", shop.address.clone()),
        ("DUOLOGUE_SECRET_stock", "k-77".to_owned()),
    ];
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let lines = [
        "how many doors are left in the warehouse",
        "search the documents for the saturday hours",
    ];
    let talked = talk(&bench, &agent(&llm, &more), &lines, &environment);
    // The web server was called once, with what was said.
    let asked: Vec<String> = shop.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/stock/doors"], "{}", talked.out);
    let told = talked.texts("agent").join(" ");
    assert!(told.contains("left 4"), "{told}");
    assert!(told.contains("closes at noon"), "{told}");
    // The llm had what fits before it chose to look further.
    assert!(
        thinker::thoughts(&llm)
            .iter()
            .any(|body| body["messages"].to_string().contains("Leaflet")),
        "the passage is read before the answer"
    );
    // What is kept names the passage, and what the llm found out.
    let shown = kept(&bench, &talked, &environment);
    let calls = calls(&shown);
    let names: Vec<&str> = calls
        .iter()
        .filter_map(|(call, _)| call["tool_name"].as_str())
        .collect();
    assert_eq!(names, ["stock", "search_knowledge_base"], "{}", talked.out);
    assert!(
        calls[1].1["result_value"]
            .as_str()
            .unwrap()
            .contains(&format!("{document}:0")),
        "{calls:?}"
    );
    let analysis = &shown["analysis"];
    assert_eq!(analysis["call_successful"], "success", "{analysis}");
    assert_eq!(
        analysis["evaluation_criteria_results"]["answered"]["result"],
        "success"
    );
    assert_eq!(
        analysis["data_collection_results"]["item"]["value"],
        "doors"
    );
    // The webhook went out before the command ended.
    let told = hooks.asked();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].json()["data"]["conversation_id"],
        conversation(&talked)
    );
    assert!(
        told[0].head.contains("elevenlabs-signature: t="),
        "{}",
        told[0].head
    );
}

fn conversation(talked: &Done) -> String {
    let objects = talked.objects();
    let started = objects
        .iter()
        .find(|object| object["type"] == "started")
        .unwrap();
    started["conversation_id"].as_str().unwrap().to_owned()
}

use super::*;

fn file(path: &str, text: &str) -> TextFile {
    TextFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn folded(sources: &Sources, key: &Key) -> (Option<String>, String) {
    let settings = Settings::fold(sources).unwrap();
    let setting = settings.setting(key);
    (setting.value.clone(), setting.origin.to_string())
}

#[test]
fn each_place_wins_over_the_ones_before_it() {
    let mut sources = Sources::default();
    let llm = |s: &Sources| folded(s, keys::LLM);
    assert_eq!(llm(&sources), (Some("auto".into()), "default".into()));
    sources.config = Some(file("duologue.toml", "llm = \"from-toml\""));
    assert_eq!(
        llm(&sources),
        (Some("from-toml".into()), "duologue.toml".into())
    );
    sources.dotenv = Some(file(".env", "DUOLOGUE_LLM=from-dotenv"));
    assert_eq!(llm(&sources), (Some("from-dotenv".into()), ".env".into()));
    sources.environment = environment(&[("DUOLOGUE_LLM", "from-environment")]);
    assert_eq!(
        llm(&sources),
        (
            Some("from-environment".into()),
            "environment, DUOLOGUE_LLM".into()
        )
    );
    sources.flags = vec![("DUOLOGUE_LLM", "--llm", "from-flag".to_owned())];
    assert_eq!(
        llm(&sources),
        (Some("from-flag".into()), "flag --llm".into())
    );
}

#[test]
fn an_alias_is_as_good_as_the_name_and_the_name_wins() {
    let mut sources = Sources {
        environment: environment(&[("API_KEY", "second")]),
        ..Sources::default()
    };
    assert_eq!(
        folded(&sources, keys::ELEVENLABS_API_KEY).0,
        Some("second".into())
    );
    sources
        .environment
        .insert("ELEVENLABS_API_KEY".to_owned(), "first".to_owned());
    assert_eq!(
        folded(&sources, keys::ELEVENLABS_API_KEY).0,
        Some("first".into())
    );
}

#[test]
fn an_empty_value_means_not_set() {
    let sources = Sources {
        dotenv: Some(file(".env", "OPENAI_API_KEY=\nLOG_LEVEL=\n")),
        ..Sources::default()
    };
    assert_eq!(folded(&sources, keys::OPENAI_API_KEY).0, None);
    assert_eq!(folded(&sources, keys::LOG_LEVEL).0, Some("info".into()));
}

#[test]
fn secrets_are_never_shown() {
    let sources = Sources {
        environment: environment(&[("OPENAI_API_KEY", "sk-secret")]),
        ..Sources::default()
    };
    let settings = Settings::fold(&sources).unwrap();
    assert_eq!(settings.setting(keys::OPENAI_API_KEY).shown(), Some("***"));
    assert!(!format!("{settings:?}").contains("sk-secret"));
    assert_eq!(settings.get(keys::OPENAI_API_KEY), Some("sk-secret"));
}

#[test]
fn a_wrong_choice_names_its_place() {
    let sources = Sources {
        environment: environment(&[("LOG_LEVEL", "loud")]),
        ..Sources::default()
    };
    let problem = Settings::fold(&sources).unwrap_err();
    let text = problem.to_string();
    assert!(
        text.contains("LOG_LEVEL cannot be \"loud\" (environment, LOG_LEVEL)"),
        "{text}"
    );
    assert_eq!(problem.exit_code(), 2);
}

#[test]
fn the_log_level_is_taken_in_any_case() {
    let sources = Sources {
        environment: environment(&[("LOG_LEVEL", "DEBUG")]),
        ..Sources::default()
    };
    assert_eq!(folded(&sources, keys::LOG_LEVEL).0, Some("DEBUG".into()));
}

#[test]
fn variables_come_from_the_table_and_from_flags() {
    let sources = Sources {
        config: Some(file(
            "duologue.toml",
            "[variables]\nname = \"Ada\"\nseats = 4\ncity = \"Paris\"",
        )),
        variables: vec!["city=London".into(), "vip=true".into(), "code=007x".into()],
        ..Sources::default()
    };
    let variables = Settings::fold(&sources).unwrap().variables;
    let shown: Vec<_> = variables
        .iter()
        .map(|(name, (value, origin))| format!("{name}={value} ({origin})"))
        .collect();
    assert_eq!(
        shown,
        [
            "city=\"London\" (flag --var)",
            "code=\"007x\" (flag --var)",
            "name=\"Ada\" (duologue.toml)",
            "seats=4 (duologue.toml)",
            "vip=true (flag --var)",
        ]
    );
}

#[test]
fn reserved_variables_are_refused() {
    let sources = Sources {
        variables: vec!["system__time=now".into()],
        ..Sources::default()
    };
    assert_eq!(Settings::fold(&sources).unwrap_err().exit_code(), 2);
}

#[test]
fn a_misspelt_setting_in_the_file_is_an_error() {
    let sources = Sources {
        config: Some(file("duologue.toml", "lllm = \"x\"")),
        ..Sources::default()
    };
    let text = Settings::fold(&sources).unwrap_err().to_string();
    assert!(text.contains("unknown setting \"lllm\""), "{text}");
}

#[test]
fn broken_toml_is_placed_by_line_and_column() {
    let sources = Sources {
        config: Some(file("duologue.toml", "llm = \"a\"\nvoice = slt\n")),
        ..Sources::default()
    };
    let text = Settings::fold(&sources).unwrap_err().to_string();
    assert!(text.contains("duologue.toml:2:9"), "{text}");
}

#[test]
fn a_broken_line_of_dotenv_is_placed_and_not_shown() {
    let sources = Sources {
        dotenv: Some(file(".env", "A=1\nsk secret key\n")),
        ..Sources::default()
    };
    let text = Settings::fold(&sources).unwrap_err().to_string();
    assert!(text.contains(".env:2"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

//! Checks that the house keeps its shelves: which room may lean on which, and what each may not touch.
//!
//! The compiler cannot say "a protocol knows no socket"; the manifests can. This crate reads every `Cargo.toml` of the
//! workspace and every Rust source below it, and lists what breaks the rules of `ARCHITECTURE.md`. Dependencies that only
//! tests use (`[dev-dependencies]`) may point anywhere.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// What a crate on the pure shelf may use from outside: computation on values, nothing that reaches the world.
const PURE_CRATES: &[&str] = &[
    "base64",
    "bytes",
    "hound",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "thiserror",
];

/// Each room of the `io` shelf and the rooms of that shelf it may lean on. All of them may use the pure shelf.
const IO_ARROWS: &[(&str, &[&str])] = &[
    ("elevenlabs", &[]),
    ("providers", &["elevenlabs"]),
    ("embedded", &["providers"]),
    ("agent", &["providers"]),
    ("sdk", &["elevenlabs"]),
    ("devices", &[]),
    ("store", &[]),
    ("knowledge", &["providers"]),
    (
        "server",
        &[
            "agent",
            "knowledge",
            "store",
            "sdk",
            "providers",
            "elevenlabs",
        ],
    ),
];

/// Each room of the pure shelf and the rooms it may lean on.
const PURE_ARROWS: &[(&str, &[&str])] = &[
    ("audio", &[]),
    ("protocol", &["audio"]),
    ("turn", &["audio"]),
];

/// The one crate in which unsafe code is allowed: it speaks to C libraries.
const UNSAFE_ROOM: &str = "io/embedded";

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The file, relative to the root.
    pub file: PathBuf,
    /// What is wrong, in words that say what to do.
    pub rule: String,
}

/// Every broken rule in the workspace at `root`, sorted.
pub fn check(root: &Path) -> io::Result<Vec<Violation>> {
    let rooms = rooms(root)?;
    let mut violations = Vec::new();
    for room in rooms.values() {
        check_arrows(room, &rooms, &mut violations);
        check_lints(room, &mut violations);
        check_sources(root, room, &mut violations)?;
    }
    violations.sort();
    Ok(violations)
}

/// A member crate: `pure/audio`, `io/agent`, …
struct Room {
    shelf: String,
    name: String,
    manifest: toml::Table,
}

impl Room {
    fn path(&self) -> String {
        format!("{}/{}", self.shelf, self.name)
    }

    fn manifest_path(&self) -> PathBuf {
        PathBuf::from(self.path()).join("Cargo.toml")
    }

    fn dependencies(&self) -> impl Iterator<Item = &str> {
        ["dependencies", "build-dependencies"]
            .into_iter()
            .filter_map(|table| self.manifest.get(table)?.as_table())
            .flat_map(|table| table.keys().map(String::as_str))
    }
}

fn rooms(root: &Path) -> io::Result<BTreeMap<String, Room>> {
    let mut rooms = BTreeMap::new();
    for shelf in ["pure", "io", "apps", "testing"] {
        let folder = root.join(shelf);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let manifest = entry.path().join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let manifest = fs::read_to_string(manifest)?
                .parse::<toml::Table>()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            rooms.insert(
                name.clone(),
                Room {
                    shelf: shelf.to_owned(),
                    name,
                    manifest,
                },
            );
        }
    }
    Ok(rooms)
}

fn check_arrows(room: &Room, rooms: &BTreeMap<String, Room>, violations: &mut Vec<Violation>) {
    let mut broken = |rule: String| {
        violations.push(Violation {
            file: room.manifest_path(),
            rule,
        });
    };
    for dependency in room.dependencies() {
        let Some(target) = rooms.get(dependency) else {
            if room.shelf == "pure" && !PURE_CRATES.contains(&dependency) {
                broken(format!(
                    "the pure shelf may not use {dependency}: pass what it would give as an argument"
                ));
            }
            continue;
        };
        let allowed = match room.shelf.as_str() {
            "pure" => arrow(PURE_ARROWS, &room.name, dependency),
            "io" => target.shelf == "pure" || arrow(IO_ARROWS, &room.name, dependency),
            "apps" => matches!(target.shelf.as_str(), "pure" | "io"),
            _ => target.shelf != "apps",
        };
        if !allowed {
            broken(format!(
                "{} may not lean on {}: see the arrows in ARCHITECTURE.md",
                room.path(),
                target.path()
            ));
        }
    }
}

fn arrow(arrows: &[(&str, &[&str])], from: &str, to: &str) -> bool {
    arrows
        .iter()
        .any(|(name, targets)| *name == from && targets.contains(&to))
}

fn check_lints(room: &Room, violations: &mut Vec<Violation>) {
    let inherits = room
        .manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool)
        .unwrap_or(false);
    if !inherits {
        violations.push(Violation {
            file: room.manifest_path(),
            rule: "every crate inherits the workspace's lints: [lints] workspace = true".to_owned(),
        });
    }
}

fn check_sources(root: &Path, room: &Room, violations: &mut Vec<Violation>) -> io::Result<()> {
    if room.path() == UNSAFE_ROOM {
        return Ok(());
    }
    // Spelled in two pieces so that this file does not match itself.
    let permission = ["allow(unsafe", "_code)"].concat();
    let mut folders = vec![root.join(room.path())];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs")
                && fs::read_to_string(&path)?.contains(&permission)
            {
                violations.push(Violation {
                    file: path.strip_prefix(root).unwrap_or(&path).to_owned(),
                    rule: format!("unsafe code is allowed in {UNSAFE_ROOM} alone"),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    /// Builds a house of `(path, text)` files and gives the rules it breaks.
    fn broken(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        check(root.path())
            .unwrap()
            .into_iter()
            .map(|violation| violation.rule)
            .collect()
    }

    #[test]
    fn this_workspace_keeps_its_shelves() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(check(&root).unwrap(), []);
    }

    #[test]
    fn a_protocol_with_a_socket_is_found() {
        let manifest = format!("{LINTS}[dependencies]\ntokio = \"1\"\n");
        let rules = broken(&[("pure/protocol/Cargo.toml", &manifest)]);
        assert_eq!(rules.len(), 1);
        assert!(rules[0].contains("may not use tokio"), "{rules:?}");
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let agent = format!("{LINTS}[dependencies]\nserver = {{ path = \"../server\" }}\n");
        let rules = broken(&[
            ("io/agent/Cargo.toml", &agent),
            ("io/server/Cargo.toml", LINTS),
        ]);
        assert_eq!(rules.len(), 1);
        assert!(rules[0].contains("io/agent may not lean on io/server"));
    }

    #[test]
    fn tests_may_lean_on_anything() {
        let agent = format!("{LINTS}[dev-dependencies]\nserver = {{ path = \"../server\" }}\n");
        assert_eq!(
            broken(&[
                ("io/agent/Cargo.toml", &agent),
                ("io/server/Cargo.toml", LINTS)
            ]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn unsafe_code_outside_its_room_is_found() {
        let source = ["#![allow(unsafe", "_code)]"].concat();
        let rules = broken(&[("io/sdk/Cargo.toml", LINTS), ("io/sdk/src/lib.rs", &source)]);
        assert_eq!(rules, ["unsafe code is allowed in io/embedded alone"]);
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        assert_eq!(broken(&[("io/store/Cargo.toml", "")]).len(), 1);
    }
}

#!/usr/bin/env bash
# Compares the table in docs/sdk.md with the calls the official SDKs for Python and JavaScript have, and with the names this SDK
# has.
#
# PYTHON names an interpreter that has the SDK, MODULES a folder with the packages for JavaScript.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-target/sdk-tests/pinned/python-2/bin/python}"
if [ ! -x "$PYTHON" ]; then
    echo "no Python SDK at $PYTHON; scripts/bench-sdk.sh installs it" >&2
    exit 1
fi
MODULES="${MODULES:-target/sdk-tests/pinned/browser/node_modules}"
if [ ! -d "$MODULES/@elevenlabs/elevenlabs-js" ]; then
    echo "no JavaScript SDK in $MODULES; make sdk installs it" >&2
    exit 1
fi
calls="$(mktemp)"
trap 'rm -f "$calls"' EXIT
failed=0
"$PYTHON" -B -W ignore - "$calls" <<'PROGRAM' || failed=1
import inspect, json, pathlib, re, sys

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import AudioInterface, ClientTools, Conversation

calls = set()


def walk(client, path):
    for name in dir(type(client)):
        if name.startswith("_") or name == "with_raw_response":
            continue
        value = getattr(client, name)
        if inspect.ismethod(value):
            calls.add(".".join(path + [name]))
        elif "Client" in type(value).__name__:
            walk(value, path + [name])


walk(ElevenLabs(api_key="any"), [])
calls.add("speech_to_text.realtime.connect")
others = {name for of in (AudioInterface, ClientTools, Conversation) for name in dir(of)}
others |= set(inspect.signature(Conversation.__init__).parameters)
others |= {"conversation_config_override", "dynamic_variables", "extra_body", "user_id", "environment", "requires_auth", "on_prem_config", "ClientTools.register", "AudioInterface"}
sources = "".join(path.read_text() for room in ("io/elevenlabs", "io/sdk", "pure/protocol") for path in pathlib.Path(f"{room}/src").rglob("*.rs"))

page = pathlib.Path("docs/sdk.md").read_text().split("# For those who come from another SDK")[1]
named, wrong = set(), []
for row in page.splitlines():
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    if not row.startswith("| ") or len(cells) != 3:
        continue
    parent = ""
    for token in re.findall(r"`([^`]+)`", cells[0]):
        token = re.sub(r"\(.*", "", token)
        places = [token]
        steps = parent.split(".")
        places += [".".join(steps[:n] + [token]) for n in range(len(steps), 0, -1)]
        found = next((place for place in places if place in calls), None)
        if found:
            named.add(found)
            parent = found.rsplit(".", 1)[0]
        elif token not in others and not token.startswith(("ElevenLabs", "Conversation")):
            wrong.append(f"the Python SDK has no {token}: {cells[0]}")
    for token in re.findall(r"`([^`]+)`", cells[2]):
        word = re.findall(r"[A-Za-z_]+", re.sub(r"\(.*", "", token))[-1:]
        if word and not re.search(rf"\b{word[0]}\b", sources):
            wrong.append(f"this SDK has no {word[0]}: {cells[2]}")

elsewhere = re.findall(r"`([a-z_.]+)\.\*`|`([a-z_.]+)`", page.split("What has no row")[1])
groups = tuple(group + "." for group, _ in elsewhere if group)
single = {call for _, call in elsewhere if call}
for call in sorted(single - calls):
    if "." in call:
        wrong.append(f"the Python SDK has no {call}, which is said to be missing here")
missing = sorted(call for call in calls - named - single if not call.startswith(groups))
wrong += [f"no word of {call}" for call in missing]
pathlib.Path(sys.argv[1]).write_text(json.dumps(sorted(named)))
for line in wrong:
    print(line)
print(f"{len(calls)} calls of the Python SDK: {len(named)} have a row, {len(calls - named) - len(missing)} are said to be without a name here, {len(missing)} are forgotten")
sys.exit(1 if wrong else 0)
PROGRAM
node scripts/sdk-map.mjs docs/sdk.md "$calls" "$MODULES" || failed=1
exit "$failed"

#!/usr/bin/env bash
# What a conversation costs our SDK and the official one for Python: the same server, the same sound, in one run.
#
#   scripts/bench-sdk.sh            three rounds of 20 s with each, one after the other
#   scripts/bench-sdk.sh 5 60       five rounds of 60 s
#
# BESIDE names a binary to use instead of building one, PYTHON an interpreter that has the SDK.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds="${1:-3}"
seconds="${2:-20}"

if [ -z "${BESIDE:-}" ]; then
    cargo build --quiet --release --package duologue-beside
    BESIDE="${CARGO_TARGET_DIR:-$PWD/target}/release/duologue-beside"
fi
if [ -z "${PYTHON:-}" ]; then
    home="$PWD/target/sdk-tests/pinned/python-2"
    list=tests/sdk/python/requirements-2.txt
    if ! cmp -s "$list" "$home/list"; then
        echo "Installing the Python SDK"
        [ -x "$home/bin/python" ] || python3 -m venv "$home"
        "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
        cp "$list" "$home/list"
    fi
    PYTHON="$home/bin/python"
fi

notes="$(mktemp -d)"
trap 'kill "$server" 2>/dev/null || true; rm -rf "$notes"' EXIT
"$BESIDE" server >"$notes/server" &
server=$!
for _ in $(seq 100); do
    url="$(head -n 1 "$notes/server")"
    [ -n "$url" ] && break
    sleep 0.05
done
for _ in $(seq "$rounds"); do
    "$BESIDE" client "$url" "$seconds" >>"$notes/rust"
    "$PYTHON" -B -W ignore testing/beside/client.py "$url" "$seconds" >>"$notes/python"
done
sleep 0.2
"$PYTHON" - "$notes" <<'PROGRAM'
import json, statistics, sys

notes = sys.argv[1]
read = lambda name: [json.loads(line) for line in open(f"{notes}/{name}") if line.startswith("{")]
ours, theirs, up = read("rust"), read("python"), [line["up"] for line in read("server")]
# The server notes conversations as they end: ours and theirs by turns.
for place, runs in ((0, ours), (1, theirs)):
    for run, note in zip(runs, up[place::2]):
        run["up"] = note
rows = [
    ("CPU, seconds per minute of conversation", lambda r: r["cpu_seconds_per_minute"], 4, "at most 1/15"),
    ("resident memory, MiB", lambda r: r["resident_kib"] / 1024, 1, "at most 1/4"),
    ("server to application, p50, ms", lambda r: r["down"]["p50_ms"], 3, ""),
    ("server to application, p99, ms", lambda r: r["down"]["p99_ms"], 3, "at most 1 ms"),
    ("application to server, p50, ms", lambda r: r["up"]["p50_ms"], 3, ""),
    ("application to server, p99, ms", lambda r: r["up"]["p99_ms"], 3, "at most 1 ms"),
]
print(f"{len(ours)} rounds with each, {sum(r['down']['count'] for r in ours)} and {sum(r['down']['count'] for r in theirs)} messages; medians of the rounds")
print(f"{'':42}{'duologue':>12}{'python':>12}{'ratio':>9}   target")
for name, get, digits, target in rows:
    a, b = statistics.median(map(get, ours)), statistics.median(map(get, theirs))
    print(f"{name:42}{a:12.{digits}f}{b:12.{digits}f}{'1/%.1f' % (b / a) if a else '':>9}   {target}")
PROGRAM

#!/usr/bin/env bash
# The official ElevenLabs SDKs, unmodified, against `duologue serve`; then every message that was sent against the
# published contract.
#
#   scripts/sdk-tests.sh           the versions these tests were written for
#   scripts/sdk-tests.sh latest    whatever is newest today
#
# DUOLOGUE names a binary to test instead of building one. Everything fetched goes below target/sdk-tests.
set -euo pipefail
cd "$(dirname "$0")/.."

versions="${1:-pinned}"
case "$versions" in
pinned | latest) ;;
*)
    echo "usage: $0 [latest]" >&2
    exit 2
    ;;
esac

scripts/packages.sh test

place="$PWD/target/sdk-tests/$versions"
mkdir -p "$place"

if [ -z "${DUOLOGUE:-}" ]; then
    echo "Building duologue"
    cargo build --quiet --package duologue-cli
    DUOLOGUE="${CARGO_TARGET_DIR:-$PWD/target}/debug/duologue"
fi
export DUOLOGUE
chromium="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}"
if [ -z "$chromium" ]; then
    echo "Chromium is missing: install the package chromium, or name one with CHROMIUM=/path" >&2
    exit 1
fi
export CHROMIUM="$chromium"

# What failed is tried once more, and said to be flaky if it passes then: a busy machine cannot always keep the pace of sound.
second_try() {
    local what="$1"
    shift
    echo "$what: a second try for ${*:-nothing that has a name}" >&2
}

# python GENERATION: a virtual environment with that generation of the SDK, made anew when its list changes.
python() {
    local generation="$1" home="$place/python-$1" list="tests/sdk/python/requirements-$1.txt"
    local wanted=(--requirement "$list")
    if [ "$versions" = latest ]; then
        case "$generation" in
        2) wanted=(--upgrade 'elevenlabs>=2,<3') ;;
        *) wanted=(--upgrade --pre 'elevenlabs>=3.0.0a0' 'httpx<1') ;;
        esac
    fi
    if [ "$versions" = latest ] || ! cmp -s "$list" "$home/list"; then
        echo "Installing the Python SDK, generation $generation"
        [ -x "$home/bin/python" ] || python3 -m venv "$home"
        "$home/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
        cp "$list" "$home/list"
    fi
    local log="$place/python-$generation.log" again
    if ! (cd tests/sdk/python && timeout 900 "$home/bin/python" -B -W ignore -m unittest --verbose) >"$log" 2>&1; then
        # FAIL: test_name (test_file.Class.test_name)
        mapfile -t again < <(sed -nE 's/^(FAIL|ERROR): [^ ]+ \(([A-Za-z0-9_.]+)\)$/\2/p' "$log" | sort -u)
        cp "$log" "$log.first"
        second_try "Python SDK, generation $generation" "${again[@]}"
        if [ "${#again[@]}" -eq 0 ] || ! (cd tests/sdk/python && timeout 600 "$home/bin/python" -B -W ignore -m unittest --verbose "${again[@]}") >"$log" 2>&1; then
            cat "$log" >&2
            echo "The Python SDK, generation $generation, found something wrong." >&2
            return 1
        fi
    fi
    echo "Python SDK $("$home/bin/pip" list --format freeze --disable-pip-version-check | sed -n 's/^elevenlabs==//p'): $(grep -E '^Ran ' "$place/python-$generation.log")"
}

browser() {
    local home="$place/browser"
    mkdir -p "$home"
    cp tests/sdk/browser/*.{json,js,jsx,mjs,html} "$home"
    if [ "$versions" = latest ] || ! cmp -s "$home/package-lock.json" "$home/node_modules/.lock-of-these"; then
        echo "Installing the browser SDK"
        (
            cd "$home"
            if [ "$versions" = latest ]; then
                npm install --ignore-scripts --no-audit --no-fund --silent \
                    @elevenlabs/{client,convai-widget-core,convai-widget-embed,elevenlabs-js,react,types}@latest
            else
                npm ci --ignore-scripts --no-audit --no-fund --silent
            fi
            cp package-lock.json node_modules/.lock-of-these
        )
    fi
    rm -f "$place/messages.jsonl"
    local log="$place/browser.log" names tests=(account.test.mjs conversations.test.mjs pages.test.mjs)
    export SDK_ROOT="$PWD" SDK_MODULES="$home/node_modules" SDK_MESSAGES="$place/messages.jsonl"
    if ! (cd "$home" && timeout 1200 node --test --test-concurrency=1 --test-reporter=tap "${tests[@]}") >"$log" 2>&1; then
        # "    not ok 3 - name" is a test; without the spaces it is the suite around it.
        names="$(sed -nE 's/^ +not ok [0-9]+ - (.*)$/\1/p' "$log" | sed -E 's/[^A-Za-z0-9 ,]/./g' | paste -sd '|')"
        cp "$log" "$log.first"
        second_try "Browser SDK" "$names"
        if [ -z "$names" ] || ! (cd "$home" && timeout 600 node --test --test-concurrency=1 --test-reporter=tap --test-name-pattern "/^($names)\$/" "${tests[@]}") >"$log" 2>&1; then
            cat "$log" >&2
            echo "The browser SDK found something wrong." >&2
            return 1
        fi
    fi
    unset SDK_MESSAGES
    local versions_here
    versions_here="$(cd "$home" && node -p '["client", "elevenlabs-js", "react", "convai-widget-core", "convai-widget-embed"].map((name) => `${name} ${require(`./node_modules/@elevenlabs/${name}/package.json`).version}`).join(", ")')"
    echo "Browser SDKs $versions_here: $(grep -E '^# pass' "$place/browser.log")"
}

# One after the other: speech is made and heard at the pace of sound, which a busy machine cannot keep.
failed=0
python 2 || failed=1
python 3 || failed=1
browser || failed=1
if [ "$failed" -ne 0 ]; then
    exit 1
fi
if [ "$versions" = pinned ]; then
    # What docs/sdk.md says of these SDKs.
    PYTHON="$place/python-2/bin/python" MODULES="$place/browser/node_modules" scripts/sdk-map.sh
fi
if [ "$versions" = pinned ] && [ -z "${SDK_ONLY:-}" ]; then
    # What the SDKs give no cause for is caused by a raw caller.
    SDK_MESSAGES="$place/messages.jsonl" cargo test --quiet --package duologue-server --test wire --test life >/dev/null
fi
node "$place/browser/contract.mjs" "$place/messages.jsonl"
if [ "$versions" = pinned ] && [ -z "${SDK_ONLY:-}" ]; then
    # The other direction: what the Rust SDK says.
    rm -f "$place/client.jsonl"
    SDK_MESSAGES="$place/client.jsonl" cargo test --quiet --package duologue --test conversation >/dev/null
    node "$place/browser/contract.mjs" "$place/client.jsonl"
fi

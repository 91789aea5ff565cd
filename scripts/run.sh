#!/usr/bin/env bash
# A spoken conversation, here and now: by microphone and speaker where there are some, else with a made recording as the caller.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${DUOLOGUE:-target/release/duologue}
out=out
mkdir -p "$out"

source scripts/setting.sh
# An account's agent is talked to where there is a key and the agent is none of this machine.
agent="$(setting AGENT_ID ELEVENLABS_AGENT_ID)"
choice=(--agent assistant)
if [ -n "$agent" ] && [ -n "$(setting ELEVENLABS_API_KEY API_KEY)" ] && ! "$bin" agents show "$agent" >/dev/null 2>&1; then
    choice=()
fi

# One microphone that is not a speaker's own echo, and one speaker.
has_devices() {
    local devices
    devices=$("$bin" devices --json 2>/dev/null) || return 1
    grep '"type":"microphone"' <<<"$devices" | grep '"default":true' | grep -q '"monitor":false' &&
        grep '"type":"speaker"' <<<"$devices" | grep -q '"default":true'
}

if has_devices && [ -t 0 ] && [ -t 1 ]; then
    echo "Speak when the agent has greeted you. Space mutes, Ctrl-C hangs up."
    exec "$bin" talk --record "$out"
fi

cat <<TEXT
No microphone and speaker here (or no terminal), so a made recording is the caller:
a voice reads apps/duologue/examples/recorded-caller.txt, the agent answers, once it is interrupted.
This takes about forty seconds, as a conversation does.

TEXT
"$bin" speak --script apps/duologue/examples/recorded-caller.txt --voice rms --output "$out/caller.wav"
"$bin" talk "${choice[@]}" --input "$out/caller.wav" --output "$out/agent.wav" --record "$out"
cat <<TEXT

Listen to $out/agent.wav (the agent) or the recording above (left the caller, right what was heard of the agent).
Type with it:  $bin talk --text      What is set up:  $bin doctor
TEXT

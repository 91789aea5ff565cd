#!/usr/bin/env bash
# Holds one conversation with the agent of a real account. Without a key and an agent id it says that it was skipped.
#
# Both are looked for in the environment, then in .env: ELEVENLABS_API_KEY (or API_KEY), AGENT_ID (or
# ELEVENLABS_AGENT_ID). The conversation costs what a few seconds with the agent cost.
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/setting.sh
ELEVENLABS_API_KEY="$(setting ELEVENLABS_API_KEY API_KEY)"
AGENT_ID="$(setting AGENT_ID ELEVENLABS_AGENT_ID)"
if [ -z "$ELEVENLABS_API_KEY" ] || [ -z "$AGENT_ID" ]; then
  echo "SKIPPED: the conversation with a real account. Put ELEVENLABS_API_KEY and AGENT_ID into .env to hold it."
  exit 0
fi
export ELEVENLABS_API_KEY AGENT_ID
exec "${CARGO:-cargo}" run --quiet --package duologue --example live

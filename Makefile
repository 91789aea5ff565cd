# Two commands for a fresh machine: `make run` talks, `make test` tests. See CONTRIBUTING.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# How many of the machine's cores the tests may use at once.
TEST_THREADS ?= num-cpus

.PHONY: help run build test test-packages check unit sdk sdk-latest docs packages nextest bench simulate callers turns echo load bench-sdk kill live clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

packages:
	@scripts/packages.sh run

test-packages:
	@scripts/packages.sh test

build: packages ## build the binary, target/release/duologue
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: see https://rustup.rs" >&2; exit 1; }
	@[ -x target/release/duologue ] || echo "Building Duologue: about three minutes the first time, seconds after that."
	@$(CARGO) build --release --package duologue-cli

run: build ## hold a spoken conversation, here and now
	@scripts/run.sh

test: test-packages check unit sdk docs ## everything a change must pass

check: ## formatting, lints, layers
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- --deny warnings

nextest:
	@$(CARGO) nextest --version >/dev/null 2>&1 || { \
	  echo "Installing cargo-nextest, the test runner (a few minutes, once)"; \
	  $(CARGO) install cargo-nextest --locked --quiet; }

unit: test-packages nextest ## unit, scenario and binary tests
	$(CARGO) nextest run --workspace --test-threads $(TEST_THREADS)

sdk: ## the official SDKs, unmodified, against our server
	@scripts/sdk-tests.sh

sdk-latest: ## the same with the newest releases of the SDKs
	@scripts/sdk-tests.sh latest

docs: ## examples in the documentation, and the documentation itself
	$(CARGO) test --workspace --doc --quiet
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --workspace --no-deps --quiet

bench: packages ## every benchmark behind docs/performance.md
	$(CARGO) bench --workspace --benches

simulate: ## ten thousand scripted callers on virtual time
	$(CARGO) run --quiet --release --package xtask -- simulate --seed 1 --conversations 10000

callers: packages ## the bundled agents against people who do not know their scripts
	$(CARGO) run --quiet --release --package xtask -- callers --agent all --mode text
	$(CARGO) run --quiet --release --package xtask -- callers --agent all --mode voice

turns: packages ## turn-taking on the held-out half of the corpus
	$(CARGO) run --quiet --release --package xtask -- turns --held-out

echo: packages ## the agent's own echo, and people who speak into it
	$(CARGO) run --quiet --release --package xtask -- echo

load: packages ## four hundred conversations on one core
	$(CARGO) run --quiet --release --package xtask -- load --sessions 400

bench-sdk: ## what a conversation costs our SDK and the official one for Python, side by side
	@scripts/bench-sdk.sh

kill: packages ## two hundred kills under load: nothing lost, nothing told twice
	$(CARGO) run --quiet --release --package xtask -- kill --times 200

live: build ## one conversation with a real account, when a key is there
	@scripts/live.sh

clean: ## remove what was built
	$(CARGO) clean

# Everything that a developer types. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The commit that contracts must not break.
BREAKING_AGAINST ?= HEAD

.PHONY: help tools run demo test check fmt bench stories sim sim-mutations

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

tools: ## say what is missing on this machine
	@for tool in cargo cc node npm; do \
	  command -v $$tool >/dev/null || { echo "missing: $$tool. Latchkey builds with Rust (https://rustup.rs), a C compiler and Node.js 20."; exit 1; }; \
	done

run: tools ## build and run the whole platform on this machine, until Ctrl-C
	cargo build --package latchkey
	@exec target/debug/latchkey up

demo: tools ## beside `make run`: make a booking and watch what comes of it
	@cargo build --quiet --package latchkey
	@target/debug/latchkey demo

test: tools check tests/unifi/venv ## everything: checks, unit, property, integration and whole-platform tests
	cargo build --workspace --bins
	target/debug/latchkey install
	cargo test --workspace

check: tools tests/web/node_modules ## formatting, lints, contracts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	cd tests/web && npx --no-install buf lint ../../proto
	cd tests/web && npx --no-install buf breaking ../../proto --against '../../.git#ref=$(BREAKING_AGAINST),subdir=proto'

fmt: ## format
	cargo fmt --all

stories: tools tests/web/node_modules tests/unifi/venv ## the whole-platform stories, TIMES times over
	cargo build --workspace --bins
	target/debug/latchkey install
	for n in $$(seq 1 $${TIMES:-1}); do echo "round $$n"; cargo test --package stories || exit 1; done

sim: tools ## the simulations of access-control and of billing: SEEDS of them, or just SEED with all that happens
	SEEDS=$${SEEDS:-10000} cargo test --release --package billing-core --lib sim:: -- --nocapture
	SEEDS=$${SEEDS:-10000} cargo test --release --package access-control --lib sim:: -- --nocapture

sim-mutations: tools ## make faults on purpose, and see the simulation find each; MUTATION names one
	cargo test --package access-control --test mutations -- --include-ignored --nocapture

bench: tools ## measure, next to what this machine can do; PARTS="unlocks schedules": those parts alone
	cargo build --release --workspace --bins
	target/release/latchkey install
	target/release/bench $(PARTS)

# Without Python, all but one story runs: that of the public UniFi clients.
tests/unifi/venv: tests/unifi/requirements.txt
	@if python3 -m venv $@; then $@/bin/pip install --quiet --requirement $< && touch $@; \
	else rm -rf $@; echo "left out: UniFi's public clients against the sandbox; they need Python 3 with its venv"; fi

tests/web/node_modules: tests/web/package.json tests/web/buf.gen.yaml $(shell find proto -name '*.proto')
	cd tests/web && npm install --no-package-lock --no-audit --no-fund
	cd tests/web && npx --no-install buf generate ../../proto
	touch $@

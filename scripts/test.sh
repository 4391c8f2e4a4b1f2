#!/usr/bin/env bash
# Everything that must pass, cheapest first; stops at the first stage that fails. With `quick`: what is worth running
# before a push. With `light`: the tests of light crates alone.
set -euo pipefail
cd "$(dirname "$0")/.."

# Crates without Arrow and DataFusion: their tests build and run in seconds.
light=(-p model -p env -p capture -p eventlog -p meta -p xtask)

stage() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    "$@"
    echo "== $name: $((SECONDS - start)) s"
}

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --no-fail-fast "$@"
    else
        cargo test --locked --no-fail-fast --all-targets "$@"
    fi
}

scripts/need.sh rust lints cc
scripts/assets.sh
if [ "${1:-}" = light ]; then
    stage "tests of light crates" tests "${light[@]}"
    exit
fi
stage format cargo fmt --all --check
stage tidy cargo run --quiet --locked --package xtask -- tidy
stage clippy cargo clippy --workspace --all-targets --locked -- -D warnings
if [ "${1:-}" = quick ]; then
    stage "tests of light crates" tests "${light[@]}"
    exit
fi
# All targets in one build: the binary for the suites below then has the same dependencies as the tests.
stage build cargo build --workspace --all-targets --locked
stage doctests cargo test --workspace --doc --locked --quiet
stage tests tests --workspace
stage "SDK suites" scripts/sdk-tests.sh

#!/usr/bin/env bash
# Builds the release binary and the bench, and runs it: `make bench`, `make bench ARGS=--quick`. First it prints what it
# costs to understand a query.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/need.sh rust cc
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p server --bin hedgerow -p bench --bin bench -p bench-engine --bin bench-engine
"$target/release/bench-engine" plan
exec "$target/release/bench" capture --hedgerow "$target/release/hedgerow" --dir "$target/bench-data" "$@"

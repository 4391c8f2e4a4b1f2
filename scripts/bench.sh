#!/usr/bin/env bash
# Builds the release binary and the bench, and runs it: `make bench`, `make bench ARGS=--quick`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/need.sh rust cc
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p server --bin hedgerow -p bench --bin bench
exec "$target/release/bench" capture --hedgerow "$target/release/hedgerow" --dir "$target/bench-data" "$@"

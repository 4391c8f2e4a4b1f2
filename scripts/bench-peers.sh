#!/usr/bin/env bash
# Hedgerow beside ClickHouse and DuckDB: `make bench-peers`, `make bench-peers ARGS='--rows 1000000 --keep'`. The peers come
# from the Python registry as libraries, into an environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=bench/peers/requirements.txt
venv=.venv-bench

scripts/need.sh rust cc python

# The environment is made anew when the list of packages has changed.
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi

target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p server --bin hedgerow -p bench --bin bench
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" bench/peers/main.py --dir "$target/bench-peers" --hedgerow "$target/release/hedgerow" \
    --bench "$target/release/bench" "$@"

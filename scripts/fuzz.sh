#!/usr/bin/env bash
# Fuzzes with libFuzzer, on the stable compiler: coverage comes from LLVM's own pass, without sanitizers. Needs a C++ compiler.
# The first argument names the target: `capture` (the default) decodes requests and starts with the recorded SDK requests,
# `hogql` reads queries and starts with the golden corpus. The corpus stays in target/fuzz. Further arguments go to
# libFuzzer; without any it runs for a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/need.sh rust cc
command -v c++ >/dev/null || {
    echo "SKIPPED: fuzzing needs a C++ compiler: on Debian, 'apt-get install g++'" >&2
    exit 0
}
subject=capture
case "${1:-}" in
capture | hogql)
    subject=$1
    shift
    ;;
esac
target=${CARGO_TARGET_DIR:-target}/fuzz
corpus=$target/corpus
[ "$subject" = capture ] || corpus=$corpus-$subject
mkdir -p "$corpus"
seed_hogql() {
    python3 - "$corpus" <<'PYTHON'
import hashlib, json, pathlib, sys

for line in pathlib.Path("compat/hogql/golden.jsonl").read_text().splitlines():
    # A letter says what the text is parsed as.
    seed = json.loads(line)["text"][2:].encode()
    pathlib.Path(sys.argv[1], hashlib.sha1(seed).hexdigest()).write_bytes(seed)
PYTHON
}
seed_capture() {
    # Each recorded request as it was sent, after the byte that says how: its body as JSON is a good start.
    python3 - "$corpus" <<'PYTHON'
import gzip, hashlib, json, pathlib, sys

endpoints = {"/batch": 0, "/i/v0/e": 0, "/e": 1, "/engage": 2, "/i/v1/analytics/events": 3}
for file in pathlib.Path("compat/captured").glob("*.json"):
    for request in json.loads(file.read_text())["requests"]:
        endpoint = endpoints.get(request["path"].rstrip("/"))
        if endpoint is None:
            continue
        text = json.dumps(request["body"]).encode()
        for choice, body in ((endpoint, text), (endpoint | 1 << 3, gzip.compress(text))):
            seed = bytes([choice]) + body
            pathlib.Path(sys.argv[1], hashlib.sha1(seed).hexdigest()).write_bytes(seed)
PYTHON
}
"seed_$subject"
flags=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing)
host=$(rustc -vV | sed -n 's/^host: //p')
# A target that is named keeps the flags away from build scripts, which could not be linked with them.
CARGO_TARGET_DIR=$target RUSTFLAGS="${flags[*]}" cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host"
arguments=("$@")
[ $# -gt 0 ] || arguments=(-max_total_time=60)
exec "$target/$host/release/$subject" -max_len=65536 -rss_limit_mb=1024 "${arguments[@]}" "$corpus"

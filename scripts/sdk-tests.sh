#!/usr/bin/env bash
# Runs the suites that drive the built binary with other people's clients: PostHog's published SDKs, Airbyte's PostHog
# source, and schemathesis. They need Python's venv and the registries that the clients come from; where those are out of
# reach the suites are skipped, and that is said. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "SKIPPED: $1" >&2
}

# Makes the environment $1 hold the packages listed in $2; anew when the list has changed.
environment() {
    local venv=$1 requirements=$2
    if cmp -s "$requirements" "$venv/installed.txt"; then
        return
    fi
    python3 -m venv --clear "$venv"
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"; then
        rm -rf "$venv"
        return 1
    fi
    cp "$requirements" "$venv/installed.txt"
}

venv=.venv
if ! scripts/need.sh python; then
    skip "all suites with other people's clients: Python's venv is not there"
    exit
fi
if ! environment "$venv" tests/sdk/requirements.txt; then
    skip "all suites with other people's clients: the packages in tests/sdk/requirements.txt cannot be installed (is the registry reachable?)"
    exit
fi
# The two bring dependencies that do not go together: each has an environment of its own.
for client in airbyte schemathesis; do
    environment "$venv-$client" "tests/clients/requirements-$client.txt" ||
        skip "the suite with $client: its package cannot be installed (is the registry reachable?)"
done

# The JavaScript suites need node, and say themselves that they are skipped without it.
node=tests/sdk/node
if command -v npm >/dev/null; then
    if ! cmp -s "$node/package-lock.json" "$node/node_modules/installed.json"; then
        if (cd "$node" && npm ci --silent --no-audit --no-fund --ignore-scripts); then
            cp "$node/package-lock.json" "$node/node_modules/installed.json"
        else
            rm -rf "$node/node_modules"
            skip "the JavaScript suites: the npm registry cannot be reached"
        fi
    fi
else
    skip "the JavaScript suites: npm is not installed (on Debian, 'apt-get install nodejs npm')"
fi
command -v chromium >/dev/null ||
    skip "the browser suites: Chromium is not installed (on Debian, 'apt-get install chromium')"

target=$(cargo metadata --format-version 1 --no-deps --offline |
    "$venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

# posthog-rs speaks the protocol that it was built for, so there are two programs.
rust=$target/sdk-rust
rust_program() {
    local mode=$1
    shift
    cargo build --quiet --locked --manifest-path tests/sdk/rust/Cargo.toml --target-dir "$rust" "$@" &&
        cp "$rust/debug/sdk-events" "$rust/$mode"
}
if cargo fetch --quiet --locked --manifest-path tests/sdk/rust/Cargo.toml; then
    rust_program v0
    rust_program v1 --features v1
else
    rm -f "$rust/v0" "$rust/v1"
    skip "the Rust suite: crates.io cannot be reached"
fi

export HEDGEROW_BIN="${HEDGEROW_BIN:-$target/debug/hedgerow}"
export HEDGEROW_RUST_SDK=$rust
export HEDGEROW_AIRBYTE=$PWD/$venv-airbyte/bin/source-posthog
export HEDGEROW_SCHEMATHESIS=$PWD/$venv-schemathesis/bin/st
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" -m pytest -p no:cacheprovider -o tmp_path_retention_policy=failed -rs tests "$@"

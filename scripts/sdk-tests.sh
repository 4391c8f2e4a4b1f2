#!/usr/bin/env bash
# Runs the suites that drive the built binary with PostHog's published SDKs. They need Python's venv and the registry the
# SDKs come from; where those are out of reach the suites are skipped, and that is said.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=tests/sdk/requirements.txt
venv=.venv

skip() {
    echo "SKIPPED: the SDK suites were not run: $1" >&2
    exit 0
}

[ -f "$requirements" ] || skip "$requirements is missing"
scripts/need.sh python || skip "Python's venv is not there"

# The environment is made anew when the list of packages has changed.
if ! cmp -s "$requirements" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"; then
        rm -rf "$venv"
        skip "the packages in $requirements cannot be installed (is the registry reachable?)"
    fi
    cp "$requirements" "$venv/installed.txt"
fi

# The JavaScript suites need node, and say themselves that they are skipped without it.
node=tests/sdk/node
if command -v npm >/dev/null; then
    if ! cmp -s "$node/package-lock.json" "$node/node_modules/installed.json"; then
        if (cd "$node" && npm ci --silent --no-audit --no-fund --ignore-scripts); then
            cp "$node/package-lock.json" "$node/node_modules/installed.json"
        else
            rm -rf "$node/node_modules"
            echo "SKIPPED: the JavaScript suites: the npm registry cannot be reached" >&2
        fi
    fi
else
    echo "SKIPPED: the JavaScript suites: npm is not installed (on Debian, 'apt-get install nodejs npm')" >&2
fi
command -v chromium >/dev/null ||
    echo "SKIPPED: the browser suites: Chromium is not installed (on Debian, 'apt-get install chromium')" >&2

target=$(cargo metadata --format-version 1 --no-deps --offline |
    "$venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
export HEDGEROW_BIN="${HEDGEROW_BIN:-$target/debug/hedgerow}"
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" -m pytest -p no:cacheprovider -rs tests "$@"

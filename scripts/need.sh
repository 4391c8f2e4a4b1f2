#!/usr/bin/env bash
# Checks that the tools named as arguments are there: rust, lints, cc, python. As root on Debian, installs cc and python's venv
# when they are missing; everywhere else says what to install. Anything faster than the defaults (nextest, mold) is used
# when present and never needed.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "$1" >&2
    exit 1
}

# Installs Debian packages if that is possible here; quiet about it unless it fails.
install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 1
    fi
    echo "installing $*" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2
}

need_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' Cargo.toml | head -n 1)
    if ! command -v cargo >/dev/null || ! found=$(rustc --version 2>/dev/null); then
        fail "Rust 1.$wanted or newer is needed and not installed: see https://rustup.rs"
    fi
    found=${found#rustc 1.}
    if [ "${found%%.*}" -lt "$wanted" ]; then
        fail "Rust 1.$wanted or newer is needed, this is 1.${found%% *}: try 'rustup update stable'"
    fi
}

need_lints() {
    { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 ||
        fail "rustfmt and clippy are needed and not installed: try 'rustup component add rustfmt clippy'"
}

need_cc() {
    # SQLite, zstd and libdeflate are C; a compiler without the C library's headers is not enough.
    has_cc() { echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1; }
    has_cc || install gcc libc6-dev || true
    has_cc || fail "a C compiler is needed and not installed: on Debian, 'apt-get install gcc libc6-dev'"
}

need_python() {
    has_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
    has_venv || install python3 python3-venv || true
    has_venv || fail "Python 3 with venv is needed and not installed: on Debian, 'apt-get install python3 python3-venv'"
}

for tool in "$@"; do
    "need_$tool"
done

#!/usr/bin/env bash
# Makes .venv from requirements.lock. Needs a Python >= 3.12 from PATH, pyenv or uv; downloads packages by name only.
# Usage: deploy/setup.sh MEMBER_DIR...
set -euo pipefail
cd "$(dirname "$0")/.."

is_new_enough() { "$1" -c 'import sys, venv; sys.exit(not sys.version_info >= (3, 12))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.12 python3.13 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python; do
        if [ -n "$candidate" ] && is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    if command -v uv >/dev/null && uv python install -q 3.12 >&2; then
        uv python find 3.12
        return
    fi
    cat >&2 <<'TXT'
GrowFit needs Python 3.12 or newer, and none was found on PATH, in pyenv, or through uv.
Do one of these, then run the same command again:
  - install it:      apt-get install python3.12 python3.12-venv   (or your system's package of that name)
  - with pyenv:      pyenv install 3.12
  - with uv:         pip install uv        (set-up then fetches Python 3.12 by itself)
  - already there:   PYTHON=/path/to/python3.12 make setup
파이썬 3.12 이상이 필요합니다. 위 방법 중 하나로 설치한 뒤 같은 명령을 다시 실행하세요.
TXT
    return 1
}

if [ ! -x .venv/bin/python ] || ! is_new_enough .venv/bin/python; then
    python=$(find_python)
    echo "set-up: $("$python" --version) -> .venv"
    rm -rf .venv
    "$python" -m venv .venv
fi

# pip's only job is to fetch uv, with the hash that the lock file holds for it.
if ! .venv/bin/uv --version >/dev/null 2>&1; then
    uv_lock=$(mktemp)
    trap 'rm -f "$uv_lock"' EXIT
    awk '/^uv==/{on=1} on{print} on && !/\\$/{exit}' requirements.lock >"$uv_lock"
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$uv_lock"
fi

members=()
for member in "$@"; do members+=(-e "$member"); done
echo "set-up: installing the locked packages"
export VIRTUAL_ENV=$PWD/.venv UV_LINK_MODE=${UV_LINK_MODE:-copy}
# The certificates that the rest of this machine trusts, as behind a company proxy.
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
.venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements.lock
.venv/bin/uv pip install -q --no-deps --no-build-isolation "${members[@]}"
echo "set-up: preparing the embedding model"
.venv/bin/python -m embedder prepare
deploy/tessdata.sh

#!/usr/bin/env bash
# Makes bench/peer/.venv from its own lock; `make bench` runs it.
set -euo pipefail
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || ../../.venv/bin/python -m venv .venv
export VIRTUAL_ENV=$PWD/.venv UV_LINK_MODE=${UV_LINK_MODE:-copy} UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
../../.venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements.lock

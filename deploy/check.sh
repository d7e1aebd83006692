#!/usr/bin/env bash
# What `make check` runs, in order, all of it even when something fails. Changes nothing.
# Usage: deploy/check.sh SERVICE...
set -u
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH
failed=()

step() { # name command...
    local name=$1
    shift
    printf '%-22s' "$name"
    local out
    if out=$("$@" 2>&1); then
        echo ok
    else
        echo FAILED
        printf '%s\n' "$out"
        failed+=("$name")
    fi
}

sources=(libs/*/src services/*/src deploy/embedder/src deploy/local/src)
step "ruff format" ruff format --check -q .
step "ruff" ruff check -q .
step "mypy" mypy "${sources[@]}"
step "import-linter" lint-imports
step "alembic check" python -m growfit_local.migrations_check
step "compose" python -m growfit_local.compose
step "shell scripts" bash -n deploy/setup.sh deploy/check.sh deploy/postgres/init.sh .ci/run
step "nats.conf" diff <(python -m chassis.nats_conf) deploy/nats/nats.conf
step "docs" python deploy/docs.py --check

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi

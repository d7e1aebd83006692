#!/usr/bin/env bash
# What `make check` runs: side by side, all of it even when something fails. Changes nothing.
# Usage: deploy/check.sh SERVICE...
set -u
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
# What runs in the background does not hear Ctrl-C.
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM
names=()

step() { # name command...
    local result=$results/${#names[@]}
    names+=("$1")
    shift
    { "$@" >"$result" 2>&1 && touch "$result.ok"; } &
}

same_nats_conf() { diff <(python -m chassis.nats_conf) deploy/nats/nats.conf; }

sources=(libs/*/src services/*/src deploy/embedder/src deploy/local/src)
step "mypy" mypy "${sources[@]}"
step "alembic check" python -m growfit_local.migrations_check
step "import-linter" lint-imports
step "ruff format" ruff format --check -q .
step "ruff" ruff check -q .
step "compose" python -m growfit_local.compose
step "shell scripts" bash -n deploy/setup.sh deploy/check.sh deploy/postgres/init.sh .ci/run
step "nats.conf" same_nats_conf
step "docs" python deploy/docs.py --check
wait

failed=()
for number in "${!names[@]}"; do
    printf '%-22s' "${names[$number]}"
    if [ -e "$results/$number.ok" ]; then
        echo ok
    else
        echo FAILED
        cat "$results/$number"
        failed+=("${names[$number]}")
    fi
done

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi

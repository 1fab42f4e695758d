#!/bin/bash
# How fast are old result files taken in? Distinct copies of the sample files, into a fresh database. Writes docs/results/import.md.
#   benchmarks/import.sh [--quick] [ACCEL]
# Samples: shared/legacy-results beside the project (or in ACCEL_SHARED), else tests/data/import.
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
samples=${ACCEL_SHARED:-../shared}/legacy-results
[ -d "$samples" ] || samples=tests/data/import
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PYTHONPATH=benchmarks python3 -B benchmarks/import.py "${quick[@]}" "$accel" "$samples" "$work"

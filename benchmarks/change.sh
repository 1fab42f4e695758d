#!/bin/bash
# What the change points of `accel trend` find, and what they find where nothing is. Writes docs/results/change.md.
#   benchmarks/change.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
judge=$(dirname "$accel")/tests/change_stress
[ -x "$judge" ] || { echo "$0: there is no $judge; \`make all\` builds it" >&2; exit 1; }
PYTHONPATH=benchmarks:.deps/python:.deps/onnxruntime python3 -B benchmarks/change.py "${quick[@]}" "$accel" "$judge"

#!/bin/bash
# Does the harness change what it measures? One engine against itself, and accel bench against a bare loop through the public API.
# Writes docs/results/harness.md.
#   benchmarks/harness_overhead.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
folder=$(dirname "$accel")
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
[ -e "$folder/libaccel.so" ] || { echo "$0: there is no libaccel.so beside $accel; \`make\` builds it" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -O2 -std=c17 -D_GNU_SOURCE -Iinclude benchmarks/api_loop.c "$folder/libaccel.so" \
    -Wl,-rpath,"$(realpath "$folder")" -o "$work/api_loop"
PYTHONPATH=benchmarks python3 -B benchmarks/harness_overhead.py "${quick[@]}" "$accel" "$work"

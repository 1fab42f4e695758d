#!/bin/bash
# ONNX's own cases on the native engine and, beside it, on ONNX Runtime. Writes docs/results/conformance.md.
#   benchmarks/conformance.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
export PYTHONPATH=.deps/python:benchmarks
python3 -B scripts/make_conformance.py .deps/conformance >&2
python3 -B benchmarks/conformance.py "${quick[@]}" "$accel" .deps/conformance

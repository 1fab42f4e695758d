#!/bin/bash
# Native against ONNX Runtime, OpenVINO and OpenBLAS: nine light graphs, MiniLM, matrix products; 1 and 2 threads, fp32, interleaved.
# Writes docs/results/peers.md.
#   benchmarks/peers.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONPATH=.deps/python:benchmarks
python3 -B benchmarks/peers.py "${quick[@]}" "$accel" "$work"

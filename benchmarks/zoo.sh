#!/bin/bash
# Every class of models on native, ONNX Runtime and OpenVINO. Writes docs/results/zoo.md; on a quiet machine.
#   benchmarks/zoo.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
PYTHONPATH=benchmarks exec python3 -B benchmarks/zoo.py "${quick[@]}" "$accel"

#!/bin/bash
# The errors of native and of ONNX Runtime against an evaluation in f64, on the same files and inputs. Writes docs/results/accuracy.md.
#   benchmarks/accuracy.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
folder=$(dirname "$accel")
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
if [ -f "$folder/build.ninja" ]; then cmake --build "$folder" --target give_file >&2; fi
[ -x "$folder/give_file" ] || { echo "$0: there is no give_file beside $accel" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PYTHONPATH=.deps/python:.deps/onnxruntime:benchmarks python3 -B benchmarks/accuracy.py "${quick[@]}" "$accel" "$work"

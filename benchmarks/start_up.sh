#!/bin/bash
# How small is accel, and how soon is it there? Sizes, `accel --help`, and MiniLM's folder from process start to first output.
# Writes docs/results/start-up.md.
#   benchmarks/start_up.sh [--quick] [ACCEL]
# With give_file beside ACCEL (cmake --build BUILD --target give_file) also what ten lines of Python with ONNX Runtime need.
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
strip -o "$work/accel" "$accel"
strip -o "$work/libaccel.so" "$(realpath "$folder/libaccel.so")"
given=
if [ -x "$folder/give_file" ]; then given=$("$folder/give_file" minilm onnxruntime "$work/given" 1 128); fi
PYTHONPATH=benchmarks python3 -B benchmarks/start_up.py "${quick[@]}" "$accel" "$work" "$given"

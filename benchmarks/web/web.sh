#!/bin/bash
# accel in a page against ONNX Runtime Web's wasm provider, in Chromium and Firefox, or its WebGPU or WebNN provider in Chromium: speed of four models with 1 and 2 threads, time from opening
# a page to the first inference, sizes. Writes docs/results/web-PLATFORM.md. About 15 minutes on a quiet machine.
#   benchmarks/web/web.sh [--quick | --rounds N] [--platform wasm|webgpu|webnn] [--browsers Chromium,Firefox] [--models MiniLM,ResNet] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/../.."
options=()
while [[ "${1:-}" == --* ]]; do
    options+=("$1")
    case $1 in --browsers | --models | --platform | --rounds) options+=("${2:?$1 needs a word}") && shift ;; esac
    shift
done
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
[ -d build/web/package ] || { echo "$0: there is no build/web; scripts/wasm.sh and scripts/web.sh make it" >&2; exit 1; }
[ -d .deps/onnxruntime-web ] || scripts/deps.sh web
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PYTHONPATH=.deps/python python3 -B benchmarks/web/measure.py "${options[@]}" "$accel" "$work"

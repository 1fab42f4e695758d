#!/bin/bash
# Native against ONNX Runtime, OpenVINO and OpenBLAS, interleaved, 1 and 2 threads: nine light graphs, MiniLM, matrix products in fp32 (models)
# and bf16, quantised models (int8), load, first inference and memory (start). Each section writes its page of docs/results: peers.md,
# peers-bf16.md, peers-int8.md, start-up-memory.md (…-avx2.md on a CPU without AVX-512). About 20 minutes on a quiet machine.
#   benchmarks/peers.sh [--quick] [--only models|bf16|int8|start] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
options=()
while [[ "${1:-}" == --* ]]; do
    options+=("$1")
    if [ "$1" = --only ]; then options+=("${2:?--only needs a section}") && shift; fi
    shift
done
accel=${1:-build/release/accel}
folder=$(dirname "$accel")
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
if [ -f "$folder/build.ninja" ]; then cmake --build "$folder" --target give_file accel_shared >&2; fi
[ -x "$folder/give_file" ] || { echo "$0: there is no give_file beside $accel" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -O2 -std=c17 -D_GNU_SOURCE -Iinclude benchmarks/api_loop.c "$folder/libaccel.so" \
    -Wl,-rpath,"$(realpath "$folder")" -o "$work/api_loop"
export PYTHONPATH=.deps/python:.deps/onnxruntime:benchmarks
python3 -B benchmarks/peers.py "${options[@]}" "$accel" "$work"

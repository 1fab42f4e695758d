#!/bin/bash
# All bars that are measured by scripts: each writes its page of docs/results/, the index comes last. Wants a quiet machine (about three hours; 8 GB of disk).
#   benchmarks/all.sh [--quick] [ACCEL]
set -uo pipefail
cd "$(dirname "$0")/.."
quick=()
if [ "${1:-}" = --quick ]; then quick=(--quick) && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
if [ -f "$(dirname "$accel")/build.ninja" ]; then
    cmake --build "$(dirname "$accel")" --target give_file accel_shared change_stress >&2 || exit 1
fi

missed=()
measure() { # measure SCRIPT ARGUMENTS...
    echo "== $1" >&2
    "benchmarks/$1.sh" "${@:2}" || missed+=("$1")
}
page() { # page timed|exact NAME TITLE METHOD BAR SCRIPT ARGUMENTS...: of a script that prints its table and writes no page
    echo "== $6" >&2
    python3 -B benchmarks/bars.py page "${@:1:5}" "$accel" "benchmarks/$6.sh" "${@:7}" || missed+=("$6")
}
truth=("$accel")
((${#quick[@]} == 0)) || truth+=(2 0.3)

measure start_up "${quick[@]}" "$accel"
measure conformance "${quick[@]}" "$accel"
page exact agreement "Native agrees with ONNX Runtime" \
    "Outputs of one inference on seeded inputs, batch 1, fp32, by \`accel verify\`; the light graphs with seeded random weights." \
    "relative L2 at most 5e-5" agreement "$accel"
page timed harness-truth "The figures are true" \
    "ONNX Runtime's latency by \`accel bench\` against the same library, file and threads in a loop of its own, the two in turn." \
    "medians within 3 % of each other" harness_truth "${truth[@]}"
measure harness_overhead "${quick[@]}" "$accel"
measure peers "${quick[@]}" "$accel"
measure accuracy "${quick[@]}" "$accel"
measure change "${quick[@]}" "$accel"
measure zoo "${quick[@]}" "$accel"
measure real_files "${quick[@]}" "$accel"
measure database "${quick[@]}" "$accel"
measure import "${quick[@]}" "$accel"
for platform in wasm webgpu webnn; do
    measure web/web --platform "$platform" "${quick[@]}" "$accel"
done
python3 -B benchmarks/bars.py index
((${#missed[@]} == 0)) && exit
echo "failed: ${missed[*]}" >&2
exit 1

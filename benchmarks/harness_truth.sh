#!/bin/bash
# Are accel's figures true? ONNX Runtime's latency as `accel bench` measures it, against the same library in a loop of its own
# (ort_loop.c): same file, same threads, the two in turn. Passes when the median ratio is within 3 %.
#   benchmarks/harness_truth.sh [ACCEL [ROUNDS [SECONDS]]]
# Uses give_file beside ACCEL for MiniLM's file when it is there (cmake --build BUILD --target give_file).
set -euo pipefail
cd "$(dirname "$0")/.."
accel=${1:-build/release/accel}
rounds=${2:-10}
seconds=${3:-2}
light=.deps/python/onnx/backend/test/data/light
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

library=$(ls .deps/onnxruntime/onnxruntime/capi/libonnxruntime.so* | sort -V | tail -n 1)
cc -O2 -isystem .deps/onnxruntime/include benchmarks/ort_loop.c -ldl -o "$work/ort_loop"

models=("$light/light_squeezenet.onnx" "$light/light_resnet50.onnx")
if [ -x "$(dirname "$accel")/give_file" ]; then
    models=("$("$(dirname "$accel")/give_file" minilm onnxruntime "$work/minilm" 1 128)" "${models[@]}")
fi

ours() { # ours MODEL THREADS: median_ms mean_ms runs
    ACCEL_ONNXRUNTIME=$library "$accel" bench "$1" --engine onnxruntime --on cpu --threads "$2" --min-time "$seconds" \
        --max-time "$seconds" --no-verify --no-db --format json 2>"$work/log" >"$work/record.json" ||
        { cat "$work/log" >&2; return 1; }
    python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))[0]
if r["status"] != "ok": sys.exit(r.get("error") or r["status"])
m = r["latency_ms"]
print(m["median"], m["mean"], len(r["samples_ns"]))' "$work/record.json"
}
loop() { "$work/ort_loop" "$library" "$1" "$2" "$seconds" 1 128; }

echo "| model | threads | accel, ms | loop, ms | ratio of medians | quartiles | rounds |"
echo "|---|--:|--:|--:|--:|---|--:|"
for model in "${models[@]}"; do
    for threads in 1 2; do
        : >"$work/pairs"
        for ((round = 0; round < rounds; round++)); do
            if ((round % 2)); then
                a=$(ours "$model" $threads) && b=$(loop "$model" $threads)
            else
                b=$(loop "$model" $threads) && a=$(ours "$model" $threads)
            fi
            echo "$a $b" >>"$work/pairs"
        done
        python3 - "$work/pairs" "$(basename "$(dirname "$model")")/$(basename "$model")" $threads "$work/worst" <<'PYTHON'
import statistics
import sys

pairs = [[float(x) for x in line.split()] for line in open(sys.argv[1])]
ratios = sorted(p[0] / p[3] for p in pairs)
ratio, quarter = statistics.median(ratios), len(ratios) // 4
print(f"| {sys.argv[2]} | {sys.argv[3]} | {statistics.median(p[0] for p in pairs):.3f} | "
      f"{statistics.median(p[3] for p in pairs):.3f} | **{ratio:.4f}** | "
      f"{ratios[quarter]:.3f}–{ratios[-1 - quarter]:.3f} | {len(pairs)} |", flush=True)
open(sys.argv[4], "a").write(f"{abs(ratio - 1)}\n")
PYTHON
    done
done
echo
awk '{ if ($1 > worst) worst = $1 } END { printf "largest difference %.2f %% (bar: 3 %%)\n", worst * 100; exit worst > 0.03 }' "$work/worst"

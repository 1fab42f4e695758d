#!/bin/bash
# Do the native engine and ONNX Runtime agree? All nine light graphs (seeded random weights) and MiniLM: relative L2 ≤ 5e-5 in fp32.
#   benchmarks/agreement.sh [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
accel=${1:-build/release/accel}
bar=5e-5
models=(minilm alexnet-light densenet121-light inception-v1-light inception-v2-light resnet50-light shufflenet-light
    squeezenet-light vgg19-light zfnet512-light)

"$accel" verify "${models[@]}" --engine native --against onnxruntime --format json | python3 -c '
import json, sys
bar, result = float(sys.argv[1]), json.load(sys.stdin)
print("| model | output | relative L2 | max abs error |\n|---|---|--:|--:|")
worst = 0.0
for c in result["cases"]:
    if c.get("relative_l2") is None:
        sys.exit("{}: {}".format(c["model"], c.get("error")))
    worst = max(worst, c["relative_l2"])
    print("| {model} | {output} | {relative_l2:.2e} | {max_abs_error:.2e} |".format(**c))
print(f"\nworst {worst:.2e} (bar: {bar:.0e})")
sys.exit(worst > bar)' $bar

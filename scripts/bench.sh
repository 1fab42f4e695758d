#!/bin/bash
# The benchmark of `make bench`: real models on everything found here, verified, stored, shown.
#   scripts/bench.sh [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
accel=${1:-build/release/accel}
db=benchmark_db.duckdb

"$accel" detect
"$accel" bench .deps/minilm resnet50-light --on cpu,openvino --engine native,onnxruntime,openvino --batch 1,8 --db "$db"
"$accel" report --db "$db" --output report.html

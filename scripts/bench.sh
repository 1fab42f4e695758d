#!/bin/bash
# The benchmark of `make bench`: real models on everything found here, verified, stored, shown.
#   scripts/bench.sh [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
accel=${1:-build/release/accel}

"$accel" detect --all --available
echo
exec "$accel" bench minilm resnet50-light --batch 1,8 --seq 128 --max-time 6 \
    --db benchmark_db.duckdb --report report.html

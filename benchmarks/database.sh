#!/bin/bash
# The benchmark database at 1,000,000 results (about 8 GB of disk meanwhile). Writes docs/results/database.md; on a quiet machine.
#   benchmarks/database.sh [--quick] [ACCEL]
set -euo pipefail
cd "$(dirname "$0")/.."
count=1000000
if [ "${1:-}" = --quick ]; then count=100000 && shift; fi
accel=${1:-build/release/accel}
[ -x "$accel" ] || { echo "$0: there is no $accel; \`make\` builds it" >&2; exit 1; }
folder=$(dirname "$accel")
cmake --build "$folder" --target fill_database store_stress >/dev/null
PYTHONPATH=benchmarks exec python3 -B benchmarks/database.py "$count" "$accel" "$folder"

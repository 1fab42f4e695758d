#!/bin/bash
# Runs ONNX's own conformance cases on an engine: scripts/conformance.sh [ACCEL] [ENGINE]
set -euo pipefail
cd "$(dirname "$0")/.."
accel=${1:-build/release/accel}
engine=${2:-native}
PYTHONPATH=.deps/python python3 scripts/make_conformance.py .deps/conformance
exec "$accel" conformance .deps/conformance --engine "$engine"

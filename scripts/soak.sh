#!/bin/bash
# The full form of every bar that `make test` and .ci/run only sample: all tests with ACCEL_SOAK=1 and no
# short time limit, and an hour of fuzzing a target. The last result is kept in docs/results/soak.md.
#   scripts/soak.sh [FUZZ_SECONDS_EACH]
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p docs/results build
result=docs/results/soak.md
log=build/soak.log

{
    echo "# Soak"
    echo
    echo "Run on $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)," \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores."
    echo
    echo '```'
} >build/soak.md
cmake -G Ninja -S . -B build/soak -DACCEL_TEST_TIMEOUT=14400 >/dev/null && cmake --build build/soak
ACCEL_SOAK=1 ctest --test-dir build/soak --output-on-failure 2>&1 | tee "$log"
tests=${PIPESTATUS[0]}
scripts/fuzz.sh "${1:-3600}" 2>&1 | tee -a "$log"
fuzz=${PIPESTATUS[0]}
grep -E '^(fuzz:|SOAK)|tests passed|\*\*\*|Total Test' "$log" >>build/soak.md
grep -h '^SOAK' build/soak/Testing/Temporary/LastTest.log >>build/soak.md # figures of the tests that passed
echo '```' >>build/soak.md
mv build/soak.md "$result"
exit $((tests || fuzz))

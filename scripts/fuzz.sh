#!/bin/bash
# Runs every fuzz target (tests/fuzz/fuzz_NAME.c) from its seeds (tests/fuzz/corpus/NAME/) for a while.
#   scripts/fuzz.sh [SECONDS_EACH] [NAME...]
# Short runs (up to 30 s) take the same way every time, so that a gate does not fail by chance; long ones look for what is new.
# New inputs collect in build/fuzz/corpus/NAME, an input that breaks a target in build/fuzz/crashes/NAME-*.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-300}
shift || true
jobs=${JOBS:-$(nproc)}
build=build/fuzz

mkdir -p $build
cmake -G Ninja -S . -B $build -DCMAKE_C_COMPILER=clang-19 -DACCEL_FUZZ=ON -DACCEL_TESTS=OFF \
    -DACCEL_SANITIZE=address,undefined >$build/configure.log 2>&1 || { cat $build/configure.log >&2; exit 1; }
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(basename -a -s .c tests/fuzz/fuzz_*.c 2>/dev/null | sed 's/^fuzz_//')
[ ${#names[@]} -gt 0 ] || { echo "fuzz: no targets in tests/fuzz"; exit 0; }
cmake --build $build -j "$jobs" -- --quiet "${names[@]/#/fuzz_}"

run() { # run NAME: fuzzes one target; its own words go to a log
    local name=$1 corpus=$build/corpus/$1 seeds=tests/fuzz/corpus/$1 log=$build/$1.log
    mkdir -p "$corpus" $build/crashes
    local folders=("$corpus") options=()
    [ -d "$seeds" ] && folders+=("$seeds")
    [ "$seconds" -le 30 ] && options+=(-seed=1)
    [ -f "tests/fuzz/$name.dict" ] && options+=("-dict=tests/fuzz/$name.dict")
    if $build/fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix=$build/crashes/"$name"- "${options[@]}" "${folders[@]}" >"$log" 2>&1; then
        echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none broke it"
    else
        tail -n 40 "$log"
        echo "fuzz: $name: FAILED; the input is in $build/crashes"
        return 1
    fi
}
export -f run
export build seconds
printf '%s\n' "${names[@]}" | xargs -P "$jobs" -I{} bash -c 'run {}'

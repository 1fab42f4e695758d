#!/bin/bash
# Compiles the rooms below measure/ and the native engine's NEON kernels for arm64, and runs their tests under qemu-user.
#   scripts/neon.sh [TEST...]     tests of tests/graph and tests/engines by their file's name; all that need no runtime by default
# A test that has not ended after LIMIT_S seconds (300) fails.
# The tests' libraries do not exist for arm64 here: tests/neon/cmocka.h stands for cmocka, the wasm build's SHA-256 for
# OpenSSL's, and tests/neon/browser.c for the engine that needs libwebsockets.
set -euo pipefail
cd "$(dirname "$0")/.."
cc=aarch64-linux-gnu-gcc
jobs=${JOBS:-$(nproc)}
out=build/neon
export LIMIT_S=${LIMIT_S:-300}
version=$(sed -n 's/^project(accel VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
command -v $cc qemu-aarch64 >/dev/null || { echo "neon: $cc or qemu-aarch64 is missing: run scripts/deps.sh ci" >&2; exit 1; }

common=(-std=c17 -O2 -pthread -D_GNU_SOURCE "-DACCEL_VERSION=\"$version\"" -DACCEL_HAVE_ISA_neon=1 -Iinclude -Isrc
    -isystem .deps/yyjson -isystem .deps/onnxruntime/include -isystem .deps/openvino/openvino/include -isystem .deps/wgpu/include
    -isystem $out)
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
kernel=(-O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -march=armv8-a -DACCEL_ISA=neon -DACCEL_ISA_neon=1)

compile() { # compile FILE: one object below build/neon, unless it is newer than all sources
    local file=$1 object=$out/${1//\//_}.o flags=()
    case $file in
    .deps/*) flags=(-w) ;;
    src/engines/native/kernels/*) flags=("${warnings[@]}" "${kernel[@]}") ;;
    tests/*) flags=("${warnings[@]}" -ffp-contract=off -isystem tests/neon -Itests) ;;
    *) flags=("${warnings[@]}" -ffp-contract=off) ;;
    esac
    if [ -f "$object" ] && [ "$object" -nt $out/newest ]; then return 0; fi
    $cc "${common[@]}" "${flags[@]}" -c "$file" -o "$object"
}

mkdir -p $out
cmake -DSOURCE="$PWD" -DOUT="$PWD/$out/accel_git_commit.h" -P cmake/git_commit.cmake
cmake -DFOLDER="$PWD/src/engines/webgpu/wgsl" -DOUT="$PWD/$out/webgpu_sources.h" -P cmake/wgsl.cmake
newest=$(find src include tests .deps/yyjson scripts/neon.sh -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
touch -r "$newest" $out/newest
mapfile -t files < <(find src/base src/graph src/media src/formats src/zoo src/engines -name '*.c' \
    ! -path 'src/base/wasm/*' ! -path src/base/posix/sha256.c ! -path 'src/media/files/*' ! -path 'src/engines/browser/*' | sort)
files+=(src/base/wasm/sha256.c tests/neon/browser.c .deps/yyjson/yyjson.c tests/support/temp_folder.c)
tests=("$@")
[ ${#tests[@]} -gt 0 ] || mapfile -t tests < <(basename -a -s .c tests/graph/test_*.c tests/engines/test_native_*.c)
programs=()
for test in "${tests[@]}"; do programs+=("$(echo tests/*/"$test".c)"); done

export -f compile
export cc out
declare -p common warnings kernel >$out/flags.sh
printf '%s\n' "${files[@]}" "${programs[@]}" | xargs -P "$jobs" -I{} bash -c "source $out/flags.sh; compile {}"
objects=()
for file in "${files[@]}"; do objects+=("$out/${file//\//_}.o"); done
rm -f $out/libaccel.a
aarch64-linux-gnu-ar rcs $out/libaccel.a "${objects[@]}"

run() { # run PROGRAM: links and runs one test; its words are shown when it fails
    local name=${1##*/} start=$SECONDS
    name=${name%.c}
    $cc -pthread "$out/${1//\//_}.o" $out/libaccel.a -lm -ldl -o "$out/$name" || return 1
    if ACCEL_SOURCE_DIR=$PWD timeout --kill-after=5 "$LIMIT_S" qemu-aarch64 -L /usr/aarch64-linux-gnu "$out/$name" >"$out/$name.log" 2>&1; then
        echo "neon: $name: passed ($((SECONDS - start)) s)"
    else
        local status=$?
        tail -n 20 "$out/$name.log"
        [ $status -ne 124 ] || echo "neon: $name did not end within $LIMIT_S s"
        echo "neon: $name: FAILED"
        return 1
    fi
}
export -f run
printf '%s\n' "${programs[@]}" | xargs -P "$jobs" -I{} bash -c 'run {}'

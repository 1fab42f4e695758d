#!/bin/bash
# Compiles the rooms that also run in browsers for wasm32 without a libc, and links them. Nothing may stay
# undefined but what src/base/wasm/host.h imports from the page. Result: build/wasm/accel.wasm
set -euo pipefail
cd "$(dirname "$0")/.."
clang=${CLANG:-clang-19}
link=${WASM_LD:-wasm-ld-19}
jobs=${JOBS:-$(nproc)}
out=build/wasm
isa=simd128
version=$(sed -n 's/^project(accel VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
command -v "$clang" "$link" >/dev/null || { echo "wasm: $clang or $link is missing: run scripts/deps.sh ci" >&2; exit 1; }

common=(--target=wasm32 -std=c17 -O2 -nostdlib -ffreestanding -fno-builtin-printf -msimd128 -DNDEBUG
    -DACCEL_WASM=1 "-DACCEL_VERSION=\"$version\"" -isystem src/base/wasm/include -isystem $out)
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
kernel=(-O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast "-DACCEL_ISA=$isa" "-DACCEL_ISA_$isa=1")

compile() { # compile FILE: one object below build/wasm
    local file=$1 name=${1#.} flags=()
    case $file in
    .deps/*) flags=(-w) ;;
    src/engines/native/kernels/*) flags=("${warnings[@]}" "${kernel[@]}" -Iinclude -Isrc -isystem .deps/yyjson) ;;
    *) flags=("${warnings[@]}" -ffp-contract=off "-DACCEL_HAVE_ISA_$isa=1" -Iinclude -Isrc -isystem .deps/yyjson) ;;
    esac
    "$clang" "${common[@]}" "${flags[@]}" -c "$file" -o "$out/${name//\//_}.o"
}

mkdir -p $out
rm -f $out/*.o
folders=()
for folder in src/base src/graph src/media src/formats src/zoo src/engines/native; do [ -d $folder ] && folders+=($folder); done
mapfile -t files < <(find "${folders[@]}" -name '*.c' ! -path 'src/base/posix/*' ! -path 'src/media/files/*' | sort)
for file in src/engines/names.c src/engines/precision.c; do [ -f $file ] && files+=($file); done
[ ${#files[@]} -gt 0 ] || { echo "wasm: nothing to compile yet"; exit 0; }
files+=(.deps/yyjson/yyjson.c src/base/posix/version.c)
cmake -DSOURCE="$PWD" -DOUT="$PWD/$out/accel_git_commit.h" -P cmake/git_commit.cmake

export -f compile
export clang out isa
declare -p common warnings kernel >$out/flags.sh
printf '%s\n' "${files[@]}" | xargs -P "$jobs" -I{} bash -c "source $out/flags.sh; compile {}"

"$link" --no-entry --export-dynamic --no-gc-sections -o $out/accel.wasm $out/*.o
echo "wasm: ${#files[@]} files, $(stat -c %s $out/accel.wasm) bytes"

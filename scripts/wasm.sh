#!/bin/bash
# Builds the engine for pages: the rooms that need no C library, and src/page, which is what a page calls, for wasm32 in these variants:
#   baseline, relaxed (relaxed SIMD), and both with threads (shared memory);
#   webnn and webgpu, which have no kernels: they read models and say how the browser's WebNN builds them, what its GPU is to do.
# VARIANTS names those that are wanted, all when it is not set.
# Nothing may stay undefined but what src/base/wasm/host.h imports. Results: build/wasm/accel-VARIANT.wasm
set -euo pipefail
cd "$(dirname "$0")/.."
clang=${CLANG:-clang-19}
link=${WASM_LD:-wasm-ld-19}
jobs=${JOBS:-$(nproc)}
variants=${VARIANTS:-baseline relaxed baseline-threads relaxed-threads webnn webgpu}
out=build/wasm
version=$(sed -n 's/^project(accel VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
command -v "$clang" "$link" >/dev/null || { echo "wasm: $clang or $link is missing: run scripts/deps.sh ci" >&2; exit 1; }

# Sections, so that the linker drops what no page calls. Vectors, bulk memory and saturating conversions are in every browser since 2023.
common=(--target=wasm32 -std=c17 -nostdlib -ffreestanding -fno-builtin-printf -ffunction-sections -fdata-sections
    -msimd128 -mbulk-memory -mnontrapping-fptoint -msign-ext -mmutable-globals -DNDEBUG
    -DACCEL_WASM=1 "-DACCEL_VERSION=\"$version\"" -isystem src/base/wasm/include -isystem $out -isystem .deps/yyjson -Iinclude -Isrc)
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
# As cmake/AccelFlags.cmake and cmake/AccelRooms.cmake have them.
kernel=(-O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast)

# compile FILE THREADS PART: one object. THREADS: plain or threads. PART: simd128 or relaxed, of a file that depends on it; else the folder.
compile() {
    local file=$1 threads=$2 isa=$3 flags=(-O2) name=${1#.}
    [ "$threads" = plain ] || flags+=(-matomics)
    [ "$isa" != relaxed ] || flags+=(-mrelaxed-simd)
    case $file in
    .deps/*) flags+=(-w -Os -DYYJSON_DISABLE_FAST_FP_CONV -DYYJSON_DISABLE_INCR_READER -DYYJSON_DISABLE_UTILS -Dyyjson_inline=inline) ;; # 25 kB less, compressed; the reader in one function takes a page 1 ms to compile
    src/engines/native/kernels/*) flags+=("${warnings[@]}" "${kernel[@]}" "-DACCEL_ISA=$isa" "-DACCEL_ISA_$isa=1") ;;
    src/engines/native/isa.c) flags+=("${warnings[@]}" "-DACCEL_HAVE_ISA_$isa=1") ;;
    src/base/*) flags+=("${warnings[@]}" -ffp-contract=off) ;;
    *) flags+=("${warnings[@]}" -ffp-contract=off -Os) ;; # where no time is spent that a user waits for
    esac
    ${CMAKE_C_COMPILER_LAUNCHER:-} "$clang" "${common[@]}" "${flags[@]}" -c "$file" -o "$out/$threads/$isa/${name//\//_}.o"
}

rm -rf $out/plain $out/threads
mkdir -p $out/{plain,threads}/{any,native,webnn,webgpu,simd128,relaxed}
cmake -DSOURCE="$PWD" -DOUT="$PWD/$out/accel_git_commit.h" -P cmake/git_commit.cmake
cmake -DFOLDER="$PWD/src/engines/webgpu/wgsl" -DOUT="$PWD/$out/webgpu_sources.h" -P cmake/wgsl.cmake
mapfile -t files < <(find src/base src/graph src/media src/formats src/zoo src/engines/native src/engines/webnn src/engines/webgpu src/page -name '*.c' \
    ! -path 'src/base/posix/*' ! -path 'src/media/files/*' ! -path 'src/engines/webgpu/native/*' | sort)
files+=(src/engines/names.c src/engines/precision.c src/engines/node_context.c src/measure/{sampler,generation,generate_stage,sample_token}.c .deps/yyjson/yyjson.c src/base/posix/version.c
    src/base/posix/thread_pool.c)

objects() { # a line an object: FILE THREADS PART. PART: what its variants link: any; native, webnn or webgpu; simd128 or relaxed
    local file variant threads isa
    for variant in $variants; do
        isa=${variant%-threads} threads=plain
        [ "$isa" = baseline ] && isa=simd128
        [ "$variant" = "${variant%-threads}" ] || threads=threads
        for file in "${files[@]}"; do
            case $file:$threads:$isa in # one of the two has threads, one has kernels
            src/base/wasm/thread.c:threads:* | src/base/wasm/pthread.c:plain:* | src/page/threads.c:plain:* | src/base/posix/thread_pool.c:plain:*) ;;
            src/engines/native/*:web* | src/page/session.c:*:web* | src/page/sample.c:*:web* | src/measure/sampler.c:*:web*) ;;
            src/engines/webnn/*:webnn | src/page/webnn.c:*:webnn) echo "$file $threads webnn" ;;
            src/engines/webgpu/*:webgpu | src/page/webgpu*.c:*:webgpu) echo "$file $threads webgpu" ;;
            src/engines/web* | src/page/web*) ;;
            src/page/generate.c:*:webnn | src/page/open.c:*:webnn | src/measure/*:webnn) ;; # texts are written by the other builds
            src/page/generate.c:*:webgpu | src/page/open.c:*:webgpu | src/measure/*:webgpu) echo "$file $threads webgpu" ;;
            src/engines/native/kernels/* | src/engines/native/isa.c:*) echo "$file $threads $isa" ;;
            src/engines/native/* | src/page/session.c:* | src/page/sample.c:* | src/page/generate.c:* | src/page/open.c:* | src/measure/*)
                echo "$file $threads native"
                ;;
            *) echo "$file $threads any" ;;
            esac
        done
    done | sort -u
}

export -f compile
export clang out
declare -p common warnings kernel >$out/flags.sh
objects | xargs -P "$jobs" -L1 bash -c "source $out/flags.sh; compile \"\$@\"" compile

# The stack lies first, so that what overflows it leaves the memory and traps.
for variant in $variants; do
    isa=${variant%-threads} threads=plain
    flags=(--no-entry --gc-sections --strip-all -O2 --stack-first -z stack-size=1048576 --import-memory --initial-memory=4194304)
    parts=(any native "${isa/baseline/simd128}")
    [ "$variant" = "${variant#web}" ] || parts=(any "$variant")
    case $variant in *-threads)
        threads=threads
        flags+=(--shared-memory --max-memory=4294967296 --export=__stack_pointer --export=__wasm_init_tls)
        ;;
    esac
    mapfile -t objects < <(cd $out/$threads && printf "$out/$threads/%s\n" $(printf '%s/*.o ' "${parts[@]}"))
    "$link" "${flags[@]}" -o $out/accel-$variant.wasm "${objects[@]}"
    echo "wasm: accel-$variant.wasm: $(stat -c %s $out/accel-$variant.wasm) bytes, $(gzip -9c $out/accel-$variant.wasm | wc -c) gzip"
done

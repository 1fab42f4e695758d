#!/bin/bash
# The installed tree works from wherever it is put: the command runs, and an outside program compiles against
# accel.pc, finds its libraries and runs. Only ACCEL_API functions are visible.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

cmake --install "$ACCEL_BUILD_DIR" --prefix "$work/first" --strip >"$work/log" || { cat "$work/log"; exit 1; }
[ -f "$work/first/lib/libaccel.so" ] || { echo "no libaccel in this build"; exit 77; }
mv "$work/first" "$work/moved"
tree=$work/moved
sed -i "s|^prefix=.*|prefix=$tree|" "$tree/lib/pkgconfig/accel.pc"

env -u LD_LIBRARY_PATH "$tree/bin/accel" version >"$work/out" || fail "the installed accel does not run"
[ -s "$work/out" ] || fail "accel version prints nothing"

cat >"$work/outside.c" <<'C'
#include <accel/accel.h>
#include <stdio.h>

int main(void) {
    puts(accel_version());
    return 0;
}
C
read -ra flags < <(PKG_CONFIG_PATH=$tree/lib/pkgconfig pkg-config --cflags --libs accel)
cc -std=c17 -Wall -Wextra -Wpedantic -Werror "$work/outside.c" -o "$work/outside" "${flags[@]}" "-Wl,-rpath,$tree/lib"
"$work/outside" >"$work/out" || fail "the outside program does not run"
[ -s "$work/out" ] || fail "accel_version gives nothing"
ldd "$work/outside" | grep 'not found' && fail "the outside program lacks a library"

strangers=$(nm -D --defined-only "$tree/lib/libaccel.so" | awk '$2 ~ /[A-Z]/ && $3 !~ /^accel_/ { print $3 }')
[ -z "$strangers" ] || fail "libaccel shows what is not its interface: $strangers"

bytes=$(($(stat -Lc %s "$tree/lib/libaccel.so") + $(stat -c %s "$tree/bin/accel")))
echo "accel and libaccel, stripped: $bytes bytes"
[ "$bytes" -lt 4000000 ] || fail "accel and libaccel are $bytes bytes together; the bar is 4 MB"

#!/bin/bash
# Checks that every C file has the form of .clang-format; with --fix, gives it that form.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-format-19 >/dev/null || { echo "clang-format-19 is missing: run scripts/deps.sh ci" >&2; exit 1; }
folders=()
for folder in include src tests benchmarks cmake; do [ -d $folder ] && folders+=("$folder"); done
files() { find "${folders[@]}" -name '*.[ch]' -print0; }

if [ "${1:-}" = --fix ]; then
    files | xargs -0 --no-run-if-empty clang-format-19 -i
    exit
fi
bad=$(files | xargs -0 --no-run-if-empty clang-format-19 --dry-run 2>&1 | sed -n 's/^\([^: ]*\):[0-9].* code should be clang-formatted.*/\1/p' | sort -u)
[ -z "$bad" ] && exit
echo "not in the form of .clang-format (make format gives it to them):"
echo "$bad"
exit 1

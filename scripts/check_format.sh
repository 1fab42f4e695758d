#!/bin/bash
# Checks that every C file has the form of .clang-format; with --fix, gives it that form.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run --Werror)
[ "${1:-}" = --fix ] && mode=(-i)
command -v clang-format-19 >/dev/null || { echo "clang-format-19 is missing: run scripts/deps.sh ci" >&2; exit 1; }
folders=()
for folder in include src tests benchmarks cmake; do [ -d $folder ] && folders+=("$folder"); done
find "${folders[@]}" -name '*.[ch]' -print0 | xargs -0 --no-run-if-empty clang-format-19 "${mode[@]}"

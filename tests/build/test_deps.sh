#!/bin/bash
# make deps: does nothing when all is there, and says what is wrong with a broken or foreign download.
set -euo pipefail
cd "${ACCEL_SOURCE_DIR:-.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

said=$(scripts/deps.sh 2>&1) || fail "deps.sh fails where all is there: $said"
[ -z "$said" ] || fail "a second run is not silent: $said"

# A copy with a stub for npm, so that no network is needed.
mkdir -p "$work"/{scripts,deps,bin}
cp scripts/deps.sh "$work/scripts/"
grep -E '^npm' deps/pins.txt >"$work/deps/pins.txt"

printf '#!/bin/sh\necho nonsense >duckdb.tgz\n' >"$work/bin/npm"
chmod +x "$work/bin/npm"
if said=$(PATH=$work/bin:$PATH "$work/scripts/deps.sh" 2>&1); then fail "a wrong hash is accepted"; fi
[[ $said == *"SHA-256 of the download is not the pinned one"* ]] || fail "wrong hash: $said"
[ ! -e "$work/.deps/duckdb" ] || fail "a wrong download left a folder"
[ -z "$(find "$work/.deps" -name '.tmp-*')" ] || fail "a wrong download left temporary files"

printf '#!/bin/sh\necho "network is unreachable"; exit 1\n' >"$work/bin/npm"
if said=$(PATH=$work/bin:$PATH "$work/scripts/deps.sh" 2>&1); then fail "a failed download is accepted"; fi
[[ $said == *"network is unreachable"*"the download failed"* ]] || fail "failed download: $said"

if said=$("$work/scripts/deps.sh" everything 2>&1); then fail "an unknown group is accepted"; fi
[[ $said == *"unknown group"* ]] || fail "unknown group: $said"

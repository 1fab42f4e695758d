#!/bin/bash
# Benchmarks models in CI: detects, measures a matrix, stores it, compares with the base branch, writes a summary, fails on a regression.
# The workflow integrations/github/accel-benchmark.yml runs these stages one by one; without a stage all but `build` run here and now.
#
#   benchmark.sh [build | base | measure | compare]
#
#   build     make accel from its sources, unless ACCEL names one
#   base      get the database of the base branch: ACCEL_BASE_DB, else the artifact of its newest successful run (gh)
#   measure   detect, benchmark, store, write the page; exit code 1 when a case failed
#   compare   against the base, and what changed over the runs; exit code 1 when a case became slower
#
# What is measured comes from the environment, lists with blanks between their entries:
#   ACCEL_MODELS (files, folders or names), ACCEL_PLATFORMS, ACCEL_ENGINES, ACCEL_PRECISIONS, ACCEL_BATCHES, ACCEL_SEQUENCES, ACCEL_THREADS
#   ACCEL_REPEAT    fresh processes for each case (5): how processes differ decides what counts as slower
#   ACCEL_MIN_TIME  seconds of measuring for each process (1)
# What fails:
#   ACCEL_FAIL_ON   regression, or empty: only tell
#   ACCEL_AT_LEAST  percent below which a difference is none (5)
#   ACCEL_ACROSS    what may differ between base and now (machine,model_version,engine_version); the device may not
# And where:
#   ACCEL           the program (accel/build/release/accel beside the work tree, else accel of the PATH)
#   ACCEL_OUT       folder of results.duckdb, base.duckdb, report.html, summary.md (accel-benchmark)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
accel=${ACCEL:-$here/build/release/accel}
[ -x "$accel" ] || accel=$(command -v accel || echo "$accel")
out=${ACCEL_OUT:-accel-benchmark}
results=$out/results.duckdb
base=$out/base.duckdb

say() { printf '%s\n' "$*" >&2; }

# The summary of the job where there is one; always kept beside the results.
summary() { tee -a "$out/summary.md" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"; }

# A line that GitHub shows beside the job: warning or error.
annotate() {
    [ -z "${GITHUB_ACTIONS:-}" ] || printf '::%s::%s\n' "$1" "$2"
    say "$2"
}

# A bare Debian has neither make nor gh; deps.sh brings all but the latter.
build() {
    if [ -n "${GITHUB_ACTIONS:-}" ] && ! command -v gh >/dev/null; then
        apt-get update -q && apt-get install -q -y --no-install-recommends ca-certificates gh
    fi
    if [ -x "$accel" ]; then
        say "accel is there: $("$accel" version | head -1)"
        return
    fi
    "$here/scripts/deps.sh"
    make -C "$here"
}

# The base of a pull request is its target branch; of a push the branch itself, whose history goes on in the same database.
base() {
    mkdir -p "$out"
    rm -f "$base"
    if [ -n "${ACCEL_BASE_DB:-}" ]; then
        cp "$ACCEL_BASE_DB" "$base"
    elif [ -n "${GITHUB_ACTIONS:-}" ]; then
        fetch_artifact "${GITHUB_BASE_REF:-$GITHUB_REF_NAME}"
    fi
    if [ ! -e "$base" ]; then
        say "there is no base to compare with yet"
    elif [ -z "${GITHUB_BASE_REF:-}" ] && [ -n "${GITHUB_ACTIONS:-}" ]; then
        cp "$base" "$results"
    fi
}

# Only runs of pushes count: a pull request from a fork may come from a branch of the same name.
fetch_artifact() { # fetch_artifact BRANCH
    local workflow=${GITHUB_WORKFLOW_REF%%@*} run
    run=$(gh api --method GET "repos/$GITHUB_REPOSITORY/actions/workflows/${workflow##*/}/runs" -f branch="$1" -f event=push \
        -f status=success -f per_page=1 --jq '.workflow_runs[0].id // empty')
    [ -n "$run" ] || return 0
    if gh run download "$run" --repo "$GITHUB_REPOSITORY" --name accel-benchmark --dir "$out/fetched"; then
        mv "$out/fetched/results.duckdb" "$base"
    else
        annotate warning "The artifact of run $run of $1 is not there any more: nothing to compare with."
    fi
    rm -rf "$out/fetched"
}

# option NAME "A B": --NAME A,B, where there is something
option() { [ -z "$2" ] || arguments+=("$1" "$(tr -s ' ' ',' <<<"$2")"); }

measure() {
    local arguments=() models status=0
    read -r -a models <<<"${ACCEL_MODELS:?names no model to benchmark}"
    option --on "${ACCEL_PLATFORMS:-}"
    option --engine "${ACCEL_ENGINES:-}"
    option --precision "${ACCEL_PRECISIONS:-}"
    option --batch "${ACCEL_BATCHES:-}"
    option --seq "${ACCEL_SEQUENCES:-}"
    option --threads "${ACCEL_THREADS:-}"
    mkdir -p "$out"
    rm -f "$out/summary.md"
    "$accel" detect --save --db "$results" --available --format markdown >"$out/detected.md"
    "$accel" bench "${models[@]}" "${arguments[@]}" --repeat "${ACCEL_REPEAT:-5}" --min-time "${ACCEL_MIN_TIME:-1}" \
        --db "$results" --report "$out/report.html" --format markdown >"$out/results.md" || status=$?
    {
        printf '# Benchmark\n\n'
        cat "$out/results.md"
        printf '\n<details><summary>The machine</summary>\n\n'
        cat "$out/detected.md"
        printf '\n</details>\n\n'
    } | summary
    [ "$status" = 0 ] || annotate error "A case failed: see the table of the summary."
    return "$status"
}

compare() {
    local status=0 words=()
    [ -z "${ACCEL_FAIL_ON:-}" ] || words=(--fail-on "$ACCEL_FAIL_ON")
    if [ ! -e "$base" ]; then
        printf '## Against the base\n\nThere is no base yet: the next run is compared with this one.\n\n' | summary
        return
    fi
    "$accel" compare "$base" "$results" --across "${ACCEL_ACROSS:-machine,model_version,engine_version}" \
        --at-least "${ACCEL_AT_LEAST:-5}" "${words[@]}" --format markdown >"$out/compare.md" || status=$?
    {
        printf '## Against the base\n\nA is the base, B is this run.\n\n'
        cat "$out/compare.md"
        printf '\n## Over the runs\n\n'
        "$accel" trend --db "$results" --format markdown 2>&1
        printf '\n'
    } | summary
    case $status in
    0) ;;
    1) annotate error "A case became slower: see the summary." ;;
    3) annotate warning "Nothing could be compared with the base: no case ran on the same device there." && status=0 ;;
    *) annotate error "The comparison failed." ;;
    esac
    return "$status"
}

case ${1:-all} in
build | base | measure | compare) "$1" ;;
all) base && measure && compare ;;
*) say "$0: there is no stage '$1'; build, base, measure or compare" && exit 2 ;;
esac

"""The measuring and the page of harness_overhead.sh:   harness_overhead.py [--quick] ACCEL WORK_FOLDER"""

import json
import math
import statistics
import subprocess
import sys

from bars import Page, accel_json, milliseconds, ratio_of_means, ratio_of_pairs, say

SELF_MODEL, SELF_ENGINES = "squeezenet-light", ["native", "onnxruntime", "openvino"]
SMALL_MODEL, SMALL_SEQUENCE = "bert-tiny", 128  # about a millisecond
SELF_WIDEST, LOOP_WIDEST = 0.05, 0.01  # half an interval: wider ones say nothing about the bars


# ---- one engine against itself


def doubled_plan(accel, work, engine, threads, repeats, seconds):
    """A plan in which every case stands twice, side by side: the harness compares the two as it would two engines."""
    path = f"{work}/plan.json"
    command = [accel, "bench", SELF_MODEL, "--engine", engine, "--on", "cpu,openvino", "--threads", threads]
    command += ["--repeat", repeats, "--min-time", seconds, "--no-verify", "--no-db", "--quiet"]
    command += ["--dry-run", "--save-plan", path]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    with open(path) as file:
        plan = json.load(file)
    cases = [c for c in plan["cases"] if c["device"]["id"] == "CPU" and c["preset"] == "ok"]
    plan["cases"] = [c for case in cases for c in (case, case)]
    with open(path, "w") as file:
        json.dump(plan, file)
    return path if cases else None


def against_itself(accel, work, engine, threads, repeats, seconds):
    """(row, the interval holds 1, ratio, half the interval), or None when the engine is not here."""
    path = doubled_plan(accel, work, engine, threads, repeats, seconds)
    if path is None:
        return None
    records = accel_json([accel, "bench", "--plan", path, "--no-db", "--quiet", "--format", "json"])
    means = [statistics.fmean(milliseconds(r)) for r in records]
    ratio, low, high = ratio_of_means(means[0::2], means[1::2])
    bounded = not math.isnan(low)
    inside = not bounded or low <= 1.0 <= high
    row = [engine, threads, f"{statistics.fmean(means[0::2]):.3f}", f"{statistics.fmean(means[1::2]):.3f}"]
    verdict = "no difference" if inside and bounded else "a difference" if bounded else "too noisy to say"
    row += [f"**{ratio:.4f}**", f"{low:.3f}–{high:.3f}" if bounded else "unbounded", len(means[0::2]), verdict]
    return row, inside, ratio, 0.5 * (high - low) if bounded else math.inf


def misses_by_chance(trials):
    """The largest number of 95 % intervals that miss by chance in 95 % of such experiments."""
    total = 0.0
    for k in range(trials + 1):
        total += math.comb(trials, k) * 0.05**k * 0.95 ** (trials - k)
        if total >= 0.95:
            return k
    return trials


def self_comparison(page, accel, work, quick):
    repeats, seconds = (3, 0.3) if quick else (8, 1)
    found = []
    for engine in SELF_ENGINES[: 1 if quick else None]:
        for threads in (1,) if quick else (1, 2):
            say(f"{engine} against itself, threads: {threads}, {repeats} × 2 processes")
            row = against_itself(accel, work, engine, threads, repeats, seconds)
            found += [row] if row else []
    if not found:
        raise SystemExit("none of the engines is here")
    page.text(
        "## One engine against itself",
        "",
        f"Every case of {SELF_MODEL} stands twice in the plan, so that `accel bench` interleaves the two as it would two engines, with",
        "fresh processes for every repetition. The ratio of the means and its 95 % interval (Kalibera & Jones) are computed here from the",
        "records' samples, apart from accel's own statistics.",
    )
    page.table(
        ["engine", ">threads", ">A, ms", ">A again, ms", ">ratio", "95 % interval", ">processes each", "verdict"],
        [row for row, *_ in found],
    )
    missed, allowed = sum(not inside for _, inside, *_ in found), misses_by_chance(len(found))
    worst = max(abs(ratio - 1.0) for _, _, ratio, _ in found)
    widest = max(half for *_, half in found)
    page.bar(
        f"an engine against itself: no difference (of {len(found)} 95 % intervals, at most {allowed} without 1)",
        f"{missed} without 1; largest difference {worst * 100:.2f} %, widest interval ± {widest * 100:.1f} %",
        missed <= allowed if widest <= SELF_WIDEST else None,
    )


# ---- the harness against a bare loop


def by_accel(accel, seconds):
    command = [accel, "bench", SMALL_MODEL, "--engine", "native", "--on", "cpu", "--threads", 1]
    command += ["--seq", SMALL_SEQUENCE, "--min-time", seconds, "--max-time", 3 * seconds]
    command += ["--no-verify", "--no-db", "--quiet", "--format", "json"]
    (record,) = accel_json(command)
    return record["latency_ms"]["median"], record["clock_overhead_ns"]


def by_loop(work, seconds):
    command = [f"{work}/api_loop", SMALL_MODEL, "1", "1", str(SMALL_SEQUENCE), str(seconds)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0])


def against_loop(page, accel, work, quick):
    rounds, seconds = (4, 0.3) if quick else (24, 1)
    pairs, clock_ns = [], []
    for n in range(rounds):
        say(f"accel bench against a loop of the API, round {n + 1} of {rounds}")
        loop = by_loop(work, seconds) if n % 2 else None
        ours, clock = by_accel(accel, seconds)
        pairs.append((ours, loop or by_loop(work, seconds)))
        clock_ns.append(clock)
    ratio, low, high = ratio_of_pairs(pairs)
    page.text(
        "## The harness against a bare loop",
        "",
        f"{SMALL_MODEL}, {SMALL_SEQUENCE} tokens, one thread, native: the median of `accel bench` against the median of a loop of",
        "accel_session_run (benchmarks/api_loop.c) that reads the clock before and after each run. The two take turns in fresh",
        "processes; the ratio is the geometric mean over the pairs. A loop never pauses, the harness does between its blocks.",
    )
    page.table(
        [">accel bench, ms", ">loop, ms", ">ratio", "95 % interval", ">pairs", ">reading the clock, ns"],
        [
            [
                f"{statistics.median(a for a, _ in pairs):.4f}",
                f"{statistics.median(b for _, b in pairs):.4f}",
                f"**{ratio:.4f}**",
                f"{low:.4f}–{high:.4f}",
                len(pairs),
                f"{statistics.median(clock_ns):.0f}",
            ]
        ],
    )
    half = 0.5 * (high - low)
    page.bar(
        "the harness adds at most 1 % to a model of about 1 ms",
        f"{(ratio - 1) * 100:+.2f} % ± {half * 100:.2f} %",
        ratio <= 1.01 if half <= LOOP_WIDEST else None,
    )


def main():
    quick = sys.argv[1] == "--quick"
    accel, work = sys.argv[-2:]
    page = Page("harness", "What the harness adds", accel, "quick" if quick else "")
    self_comparison(page, accel, work, quick)
    against_loop(page, accel, work, quick)
    page.write()


main()

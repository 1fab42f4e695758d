"""The time of ready questions at 100,000 and 1,000,000 results:   questions.py ACCEL QUESTIONS_PROGRAM WORK_FOLDER [ROUNDS]

The databases are made with SQL by benchmarks/questions.c and flagged simulated; they are kept in WORK_FOLDER (1.2 GB) and used again."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bars import Page, say

SIZES = {100_000: 5.0, 1_000_000: 10.0}
COMMAND = ["--model", "model-7", "--compare-hardware", "--provenance", "simulated", "--format", "json"]


def database(program, folder, results):
    path = folder / f"questions-{results}.duckdb"
    if not path.exists():
        say(f"making {results} results")
        beside = path.with_suffix(".making")
        beside.unlink(missing_ok=True)
        subprocess.run([program, "make", beside, str(results)], check=True)
        beside.rename(path)
    return path


def command_ms(accel, path, rounds):
    """Whole commands, from the process to its end."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run([accel, "query", "--db", path, *COMMAND], stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def main():
    accel, program, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 50
    folder.mkdir(parents=True, exist_ok=True)
    paths = {results: database(program, folder, results) for results in SIZES}
    page = Page("questions", "Ready questions", accel)
    page.text(
        f"Databases of simulated results, 100 samples each, of 2,000 series (40 models, 5 devices, 2 engines, 5 batches) over as many runs as needed,"
        f" in the order of a rewritten file. Each question is asked {rounds} times in an open database; the median. CPU time stands beside it: on a"
        " busy machine it says more."
    )
    answers = {}
    for results, path in paths.items():
        done = subprocess.run([program, "ask", path, str(rounds)], stdout=subprocess.PIPE, text=True, check=True)
        answers[results] = json.loads(done.stdout)
    small, large = answers.values()
    page.table(
        ["accel query", ">rows", ">ms at 100,000", ">CPU ms", ">rows", ">ms at 1,000,000", ">CPU ms"],
        [
            [f"`{a['name']}`"] + [cell for q in (a, b) for cell in (q["rows"], f"{statistics.median(q['ms']):.2f}", f"{q['cpu_ms']:.2f}")]
            for a, b in zip(small, large)
        ],
    )
    for results, path in paths.items():
        page.text(
            f"The whole command `accel query --model M --compare-hardware` at {results:,} results ({path.stat().st_size / 1e6:.0f} MB), process start and opening"
            f" included: {command_ms(accel, path, max(rounds // 5, 3)):.0f} ms."
        )
    for results, most in SIZES.items():
        median = statistics.median(statistics.median(q["ms"]) for q in answers[results])
        page.bar(f"the median ready question at {results:,} results: under {most:g} ms", f"{median:.2f} ms", median < most)
    page.write()


if __name__ == "__main__":
    os.environ.pop("BENCHMARK_DB_PATH", None)
    main()

#!/usr/bin/env python3
"""The benchmark database at 1,000,000 results: size, insertion, one acknowledged record, against the same records as JSON files.
Called by database.sh."""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bars import Page, accel_json, say

TEMPLATE = ["bench", "bert-tiny", "--engine", "native", "--min-time", "0.2", "--no-db", "--quiet", "--format", "json"]
SAMPLES, SINGLE = 100, 300


def seconds(command):
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def folder_bytes(folder):
    return sum(f.stat().st_size for f in folder.iterdir())


def mean_by_hardware(folder):
    """What `--compare-hardware` asks, from the files: Python's json module reads every one of them."""
    sums = {}
    for file in sorted(folder.iterdir()):
        for record in json.loads(file.read_bytes()):
            key = (record["model"]["name"], record["device"]["name"], record["engine"]["name"], record["batch"])
            sums[key] = record["latency_ms"]["mean"]
    return sums


def main():
    count, accel, programs = int(sys.argv[1]), Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    page = Page("database", f"A database of {count:,} results", accel, "" if count == 1_000_000 else f"{count:,} results only")
    page.text(
        f"Results made up by benchmarks/fill_database.c, flagged simulated, {SAMPLES} samples each in integer nanoseconds; texts are those of a",
        "real record. The JSON files hold the same records as accel writes them, 1,000 in a file, without spaces.",
    )
    with tempfile.TemporaryDirectory(dir=programs) as work:
        work = Path(work)
        template, database, folder = work / "template.json", work / "results.duckdb", work / "json"
        template.write_text(json.dumps(accel_json([accel, *TEMPLATE])))
        say(f"filling {count} results")
        inserting = float(subprocess.run([programs / "fill_database", database, template, str(count), str(max(count // 100, 24)), folder],
                                         check=True, capture_output=True, text=True).stdout)
        say("compacting")
        filled = database.stat().st_size
        compacting = seconds([accel, "db", "compact", "--db", database])
        size, of_json = database.stat().st_size, folder_bytes(folder)
        check = subprocess.run([accel, "db", "check", "--db", database], stdout=subprocess.DEVNULL).returncode
        say("reading the JSON")
        start = time.perf_counter()
        answers = len(mean_by_hardware(folder))
        python_s = time.perf_counter() - start
        sql = (f"SELECT r.model.name, r.device.name, r.engine.name, r.batch, avg(r.latency_ms.mean) FROM read_json('{folder}/*.json') r GROUP BY ALL")
        duckdb_s = seconds([accel, "query", "--allow-files", "--db", database, "--format", "csv", sql])
        question = [accel, "query", "--db", database, "--compare-hardware", "--provenance", "simulated", "--limit", "100", "--format", "csv"]
        question_s = statistics.median(seconds(question) for _ in range(7))
        say("one record after the other")
        out = subprocess.run([programs / "tests/store_stress", work / "single.duckdb", "1", "0", str(SINGLE)], check=True, capture_output=True, text=True).stdout
        single = statistics.median(float(line.split()[1]) for line in out.splitlines())
        shutil.rmtree(folder)
    page.table(["", ">bytes", ">a result", ">of the JSON"],
               [["JSON files", f"{of_json:,}", f"{of_json / count:.0f}", "100 %"],
                ["database as filled", f"{filled:,}", f"{filled / count:.0f}", f"{100 * filled / of_json:.1f} %"],
                ["after accel db compact", f"{size:,}", f"{size / count:.0f}", f"{100 * size / of_json:.1f} %"]])
    page.table(["", ">seconds"],
               [["inserting all", f"{inserting:.1f}"], ["accel db compact", f"{compacting:.1f}"],
                [f"newest latency of {answers:,} series, Python's json", f"{python_s:.2f}"], ["the same, DuckDB's read_json", f"{duckdb_s:.2f}"],
                ["the same, accel query --compare-hardware, the whole command", f"{question_s:.3f}"]])
    page.bar("at least 85 % smaller than the JSON files, keys enforced", f"{100 * (1 - size / of_json):.1f} %", size <= 0.15 * of_json, timed=False)
    page.bar("accel db check finds nothing", "clean" if check == 0 else f"exit code {check}", check == 0, timed=False)
    page.bar("insert: at least 20,000 records/s in bulk", f"{count / inserting:,.0f}/s", count / inserting >= 20000)
    page.bar("one acknowledged record under 10 ms (median)", f"{single:.2f} ms", single < 10)
    fastest = min(python_s, duckdb_s)
    page.bar("a ready question at least 50 times faster than reading the JSON", f"{fastest / question_s:.0f} times", fastest >= 50 * question_s)
    page.write()


main()

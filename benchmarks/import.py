"""The measuring and the page of import.sh:   import.py [--quick] ACCEL SAMPLES_FOLDER WORK_FOLDER"""

import datetime
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bars import Page, say

BAR_MB_PER_S = 50
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
PACKED = re.compile(r"\d{8}_\d{6}")


def later(text, number):
    """The times in a text, `number` seconds later."""

    def shift(form):
        return lambda found: (datetime.datetime.strptime(found[0], form) + datetime.timedelta(seconds=number)).strftime(form)

    text = ISO.sub(lambda found: shift("%Y-%m-%dT%H:%M:%S" if "T" in found[0] else "%Y-%m-%d %H:%M:%S")(found), text)
    return PACKED.sub(shift("%Y%m%d_%H%M%S"), text)


def vary(value, number):
    """Another run of the same: later, and a little slower or faster."""
    if isinstance(value, dict):
        return {key: vary(inner, number) for key, inner in value.items()}
    if isinstance(value, list):
        return [vary(inner, number) for inner in value]
    if isinstance(value, float):
        return value + number if value > 1e9 else value * (1 + (number % 1000) * 1e-5)
    return later(value, number) if isinstance(value, str) else value


def samples_of(folder):
    """Files that are JSON, by their path in the folder."""
    samples = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            samples[path.relative_to(folder)] = json.loads(path.read_text())
        except ValueError:
            continue
    return samples


def make_copies(samples, folder, least_bytes):
    """Whole sets of copies until there are least_bytes; gives bytes and files."""
    made = files = number = 0
    while made < least_bytes:
        for name, value in samples.items():
            path = folder / f"{number // 100:04}" / f"{number:06}" / later(str(name), number)
            text = json.dumps(vary(value, number), indent=2)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            made += len(text)
            files += 1
        number += 1
    return made, files


def import_seconds(accel, folder, database, jobs):
    begin = time.perf_counter()
    done = subprocess.run([accel, "db", "import", folder, "--db", database, "--jobs", str(jobs)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"exit code {done.returncode}: {done.stderr}")
    say(done.stderr.strip().splitlines()[-1])
    return time.perf_counter() - begin


def database_rows(accel, database):
    sql = " + ".join(f"(SELECT count(*) FROM {t})" for t in ("performance_results", "hardware_compatibility", "integration_test_results", "web_platform_results"))
    done = subprocess.run([accel, "query", f"SELECT {sql} AS n", "--db", database, "--format", "json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)[0]["n"]


def measure(page, accel, samples, work, title, least_bytes, runs):
    copies = work / "copies"
    made, files = make_copies(samples, copies, least_bytes)
    say(f"{title}: {files} files, {made / 1e6:.0f} MB")
    seconds = []
    for run in range(runs):
        database = work / f"{run}.duckdb"
        seconds.append(import_seconds(accel, copies, database, 2))
        rows, size = database_rows(accel, database), database.stat().st_size
        if run + 1 < runs:
            database.unlink()
    again = import_seconds(accel, copies, database, 2)
    database.unlink()
    subprocess.run(["rm", "-r", copies], check=True)
    middle = statistics.median(seconds)
    return made / middle / 1e6, [title, files, f"{made / 1e6:.0f}", rows, f"{middle:.2f}", f"**{made / middle / 1e6:.0f}**", f"{rows / middle:,.0f}",
                                 f"{again:.2f}", f"{size / 1e6:.0f}"]


def main():
    quick = sys.argv[1] == "--quick"
    accel, folder, work = sys.argv[-3], Path(sys.argv[-2]), Path(sys.argv[-1])
    page = Page("import", "Taking in old result files", accel, "quick" if quick else "")
    samples = samples_of(folder)
    runs = {name: value for name, value in samples.items() if isinstance(value, dict) and isinstance(value.get("benchmarks"), dict)}
    least, repeats = (20e6, 1) if quick else (200e6, 3)
    page.text(
        "Copies of the sample files, each with other times and other numbers, into a fresh database: wall time of the whole process",
        "`accel db import --jobs 2`, page cache warm. \"Again\" is the same import a second time, which changes nothing.",
    )
    rate, row = measure(page, accel, samples, work, "all samples", least, repeats)
    rows = [row]
    if runs:
        rows.append(measure(page, accel, runs, work, "benchmark runs alone", least, repeats)[1])
    page.table(["samples", ">files", ">MB", ">rows", ">s", ">MB/s", ">rows/s", ">again, s", ">database, MB"], rows)
    page.bar(f"at least {BAR_MB_PER_S} MB/s of JSON", f"{rate:.0f} MB/s", rate >= BAR_MB_PER_S)
    page.write()


main()

#!/usr/bin/env python3
"""Every class of models in real browsers, unattended, and again while browsers are killed. Writes docs/results/web-matrix.md.

    benchmarks/web/matrix.py [--kills 10] [--browsers chromium,firefox,webkit] [--models a,b] [--on wasm] [ACCEL]

First the smallest model of each class and the small set (`accel models`), each in each browser; then the same of the small set while a random process
of a random browser is killed now and then. About 40 minutes."""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from bars import Page, say  # noqa: E402

MARK = f"ACCEL_MATRIX={os.getpid()}"  # in the environment of every process that comes from here, and of no other
QUICK = ["--min-time", "0.2", "--max-time", "2", "--min-runs", "2"]
LIMITS = {"wasm": 1e-5, "webnn": 1e-3, "webgpu": 1e-4}


def ours():
    """Process ids of browsers that were started from here."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
            if MARK.encode() in environment and b"accel-browser" in environment:
                found.add(int(entry.name))
        except OSError:
            pass
    return found


def profiles(folder):
    return {path.name for path in Path(folder).rglob("accel-browser*")}


def models_of(accel):
    """Names of the small set, and of the smallest of each class."""
    listed = json.loads(subprocess.run([accel, "models", "--format", "json"], capture_output=True, text=True, check=True).stdout)
    small = [m["name"] for m in listed if m["small"]]
    least = {}
    for m in listed:
        if m["parameters"] > 1e6:
            continue
        if m["class"] not in least or m["parameters"] < least[m["class"]]["parameters"]:
            least[m["class"]] = m
    return small, [m["name"] for m in least.values() if m["name"] not in small]


class Killer(threading.Thread):
    """Kills a random process of ours now and then, until it has killed as many as it should or is told to end."""

    def __init__(self, kills, pause_s):
        super().__init__(daemon=True)
        self.wanted, self.pause_s, self.killed, self.ended = kills, pause_s, [], threading.Event()

    def run(self):
        while len(self.killed) < self.wanted and not self.ended.wait(random.uniform(0.3, 1.7) * self.pause_s):
            alive = sorted(ours())
            if not alive:
                continue
            pid = random.choice(alive)
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                os.kill(pid, signal.SIGKILL)
                self.killed.append(name)
                say(f"killed {name}")
            except OSError:
                pass


def bench(accel, models, how, database):
    """{(model, browser): record}; a browser is restarted for each model, so that one command's end is not all's."""
    records = {}
    for model in models:
        command = [accel, "bench", model, "--on", how.on, "--browser", how.browsers, "--db", database, "-q", "--format", "json", *QUICK]
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            raise SystemExit(f"{model}: exit code {done.returncode}: {done.stderr}")
        for record in found:
            records[model, record["device"]["id"]] = record
        say(f"{model}: {', '.join(r['status'] for r in found)} in {time.monotonic() - begin:.0f} s")
    return records


def cell(record):
    if record is None:
        return "–"
    if record["status"] == "ok":
        return f"{record['verification']['relative_l2']:.1e}"
    return record["status"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--browsers", default="chromium,firefox,webkit")
    parser.add_argument("--models")
    parser.add_argument("--on", default="wasm")
    parser.add_argument("accel", nargs="?", default="build/release/accel")
    how = parser.parse_args()
    page = Page("web-matrix" if how.on == "wasm" else f"web-matrix-{how.on}", f"Every class of models in browsers, {how.on}", how.accel, form=f"only {how.models}" if how.models else "")
    small, least = models_of(how.accel)
    if how.models:
        small, least = how.models.split(","), []
    browsers = how.browsers.split(",")
    with tempfile.TemporaryDirectory(prefix="accel-matrix-") as work:
        name, value = MARK.split("=")
        os.environ.update({name: value, "TMPDIR": work})
        begin = time.monotonic()
        whole = bench(how.accel, least + small, how, f"{work}/whole.duckdb")
        minutes = (time.monotonic() - begin) / 60
        killer = Killer(how.kills, max(minutes * 60 / (how.kills + 3) * len(small) / len(small + least), 2))
        killer.start()
        killed = bench(how.accel, small, how, f"{work}/killed.duckdb") if how.kills > 0 else {}
        killer.ended.set()
        killer.join()
        time.sleep(2)
        left, left_folders = ours(), profiles(work)

    versions = {r["web"]["browser"]: r["web"]["browser_version"] for r in whole.values() if r["status"] == "ok"}
    page.text(
        "Relative L2 of the outputs from the reference engine's on the CPU, or why there are none; one thread, seeded weights but for all-minilm-l6-v2. "
        + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".")
    page.table(["model", *(f">{name}" for name in browsers)], [[m, *(cell(whole.get((m, b))) for b in browsers)] for m in least + small])
    reasons = sorted({f"- {m}, {b}: {r['error']}" for (m, b), r in whole.items() if r["status"] != "ok"})
    page.text(*reasons)
    worst = max((r["verification"]["relative_l2"] for r in whole.values() if r["status"] == "ok"), default=float("nan"))
    fine = [r for r in whole.values() if r["status"] == "ok" and r["verification"]["pass"]]
    explained = [r for r in whole.values() if r["status"] in ("unsupported", "absent", "skipped", "out_of_memory") and r["error"]]
    page.bar(f"every model agrees with the reference to {LIMITS[how.on]:g} or is unsupported with the reason", f"{len(fine)} of {len(whole)} agree, {len(explained)} unsupported, "
             f"worst {worst:.1e}", len(fine) + len(explained) == len(whole) and worst <= LIMITS[how.on], timed=False)
    if killed:
        page.text(f"The small set again, while {len(killer.killed)} processes were killed: {', '.join(killer.killed)}.")
        changed = {key: r for key, r in killed.items() if r["status"] != whole[key]["status"]}
        page.table(["model", "browser", "status", "why"], [[m, b, r["status"], r["error"]] for (m, b), r in sorted(changed.items())])
        odd = [r for r in changed.values() if r["status"] not in ("crashed", "ok")]
        page.bar(f"{how.kills} kills: every case is measured or recorded as crashed", f"{len(killed)} cases, {len(changed)} otherwise than before, {len(odd)} of them not as crashed",
                 len(killer.killed) == how.kills and len(killed) == len(small) * len(browsers) and not odd, timed=False)
        page.bar("no process or profile of ours is left", f"{len(left)} processes, {len(left_folders)} profiles", not left and not left_folders, timed=False)
    page.text(f"The first pass took {minutes:.0f} minutes.")
    page.write()


if __name__ == "__main__":
    main()

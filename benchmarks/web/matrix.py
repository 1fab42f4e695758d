#!/usr/bin/env python3
"""Every class of models in real browsers, unattended, and again while browsers are killed. Writes docs/results/web-matrix.md and web-matrix-kills.md.

    benchmarks/web/matrix.py [--kills 10] [--only-kills] [--browsers chromium,firefox,webkit] [--models a,b] [--timeout 300] [--on wasm] [--precision fp16] [--resume FILE] [ACCEL]

First the smallest model of each class and the small set (`accel models`), each in each browser; then the small set again while a random process
of a random browser is killed now and then, until enough were. About 40 minutes on a quiet machine."""

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

QUICK = ["--min-time", "0.2", "--max-time", "2", "--min-runs", "2"]
LIMITS = {"wasm": 1e-5, "webnn": 1e-3, "webgpu": 1e-4, "vulkan": 1e-4}


def ours():
    """Process ids of browsers that were started from here: TMPDIR stands in their environment or, with their profile, in their command."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if os.environ["TMPDIR"].encode() in text and b"accel-browser" in text:
                found.add(int(entry.name))
        except OSError:
            pass
    return found


def users(folder):
    """Process ids of all but this one that have the folder in their environment or command, lie in it, or have something in it open."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            links = [entry / "cwd", *(entry / "fd").iterdir()]
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if folder.encode() in text or any(os.readlink(link).startswith(folder) for link in links):
                found.add(int(entry.name))
        except OSError:
            pass
    return found


def folders(folder):
    """{what accel left there: its first files}"""
    found = [path for path in Path(folder).glob("accel-*") if path.is_dir()]
    return {path.name: [str(file.relative_to(path)) for file in path.rglob("*")][:20] for path in found}


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


def kept(how):
    """Records of an earlier run that was broken off."""
    if not how.resume or not Path(how.resume).exists():
        return {}
    return {(model, where): record for model, where, record in json.loads(Path(how.resume).read_text())}


def keep(how, records):
    if how.resume:
        Path(how.resume).write_text(json.dumps([[model, where, record] for (model, where), record in records.items()]))


def bench(accel, models, how, database, records, told=lambda records: None):
    """{(model, browser): record}, told after each model; a browser is restarted for each, so that one command's end is not all's. records: of models
    that are not run again."""
    there = {model for model, _ in records}
    for model in models:
        if model in there:
            continue
        browsers = ["--browser", how.browsers] if how.browsers else []
        command = [accel, "bench", model, "--on", how.on, *browsers, "--db", database, "-q", "--format", "json", "--timeout", str(how.timeout), *QUICK,
                   *(["--precision", how.precision] if how.precision else [])]
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            raise SystemExit(f"{model}: exit code {done.returncode}: {done.stderr}")
        for record in found:
            records[model, record["device"]["id"] if browsers else how.on] = record
        say(f"{model}: {', '.join(r['status'] for r in found)} in {time.monotonic() - begin:.0f} s")
        told(records)
    return records


def cell(record):
    if record is None:
        return "–"
    if record["status"] == "ok":
        return f"{record['verification']['relative_l2']:.1e}"
    return record["status"]


def write_whole(how, models, records, minutes):
    browsers = how.browsers.split(",") if how.browsers else [how.on]
    name, where = ("web-matrix" if how.on == "wasm" else f"web-matrix-{how.on}", f"in browsers, {how.on}") if how.browsers else (f"matrix-{how.on}", f"on {how.on}")
    if how.precision:
        name, where = f"{name}-{how.precision}", f"{where}, {how.precision}"
    limit = 5e-3 if how.precision == "fp16" else LIMITS[how.on]
    page = Page(name, f"Every class of models {where}", how.accel, form=f"only {how.models}" if how.models else "")
    versions = {r["web"]["browser"]: r["web"]["browser_version"] for r in records.values() if r["status"] == "ok" and how.browsers}
    versions |= {r["device"]["name"]: r["device"]["driver"] for r in records.values() if r["status"] == "ok" and not how.browsers}
    page.text(
        "Relative L2 of the outputs from the reference engine's on the CPU, or why there are none; seeded weights but for all-minilm-l6-v2. "
        + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".")
    page.table(["model", *(f">{name}" for name in browsers)], [[m, *(cell(records.get((m, b))) for b in browsers)] for m in models])
    builds = sorted({r["git_commit"] for r in records.values()})
    if len(builds) > 1:
        page.text(f"Taken in parts, by the builds {', '.join(builds)}.")
    page.text(*sorted({f"- {m}, {b}: {r['error']}" for (m, b), r in records.items() if r["status"] != "ok"}))
    worst = max((r["verification"]["relative_l2"] for r in records.values() if r["status"] == "ok"), default=float("nan"))
    fine = [r for r in records.values() if r["status"] == "ok" and r["verification"]["pass"]]
    wanted = len(models) * len(browsers)
    explained = [r for r in records.values() if r["status"] in ("unsupported", "absent", "skipped", "out_of_memory") and r["error"]]
    page.bar(f"every model agrees with the reference to {limit:g} or is unsupported with the reason", f"{len(fine)} of {wanted} agree, {len(explained)} unsupported, "
             f"worst {worst:.1e}", len(fine) + len(explained) == wanted and worst <= limit, timed=False)
    page.text(f"It took {minutes:.0f} minutes.")
    page.write()


def write_killed(how, models, passes, killed, left, left_folders):
    page = Page("web-matrix-kills", f"Browsers that are killed meanwhile, {how.on}", how.accel, form=f"only {how.models}" if how.models else "")
    records = [(model, browser, r) for whole in passes for (model, browser), r in whole.items()]
    page.text(f"The small set in {how.browsers}, {len(passes)} times, while {len(killed)} processes of browsers were killed at random: {', '.join(killed)}.")
    page.table(["status", ">cases"], [[status, sum(r["status"] == status for _, _, r in records)] for status in sorted({r["status"] for _, _, r in records})])
    page.table(["model", "browser", "status", "why"], [[m, b, r["status"], " ".join(r["error"].split())] for m, b, r in records if r["status"] != "ok"])
    odd = [r for _, _, r in records if r["status"] not in ("ok", "crashed", "unsupported", "out_of_memory")]
    whole = len(passes) * len(models) * len(how.browsers.split(","))
    page.bar(f"{how.kills} kills: every case is measured, recorded as crashed, or cannot run", f"{len(records)} of {whole} cases, {len(odd)} of another kind",
             len(killed) == how.kills and len(records) == whole and not odd, timed=False)
    for folder, files in left_folders.items():
        page.text(f"Left: {folder} with {', '.join(files) or 'nothing'}.")
    page.bar("no process or profile of ours is left", f"{len(left)} processes, {len(left_folders)} folders", not left and not left_folders, timed=False)
    page.write()


def kill_browsers(how, models, work):
    killer, passes = Killer(how.kills, how.pause), []
    killer.start()
    while not passes or len(killer.killed) < how.kills:
        passes.append(bench(how.accel, models, how, f"{work}/killed.duckdb", {}))
    killer.join()
    time.sleep(3)
    write_killed(how, models, passes, killer.killed, users(work), folders(work))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10, help="0: only the first pass")
    parser.add_argument("--pause", type=float, default=60, help="seconds between kills, about")
    parser.add_argument("--only-kills", action="store_true", help="only the second")
    parser.add_argument("--browsers", default="chromium,firefox,webkit", help="by commas; empty: natively, no browser")
    parser.add_argument("--models")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for a phase of a case")
    parser.add_argument("--on", default="wasm")
    parser.add_argument("--precision", choices=["fp16"])
    parser.add_argument("--resume", help="file in which the first pass keeps its records, and finds those of one that was broken off")
    parser.add_argument("accel", nargs="?", default="build/release/accel")
    how = parser.parse_args()
    small, least = models_of(how.accel)
    if how.models:
        small, least = how.models.split(","), []
    with tempfile.TemporaryDirectory(prefix="accel-matrix-") as work:
        os.environ["TMPDIR"] = work
        if not how.only_kills:
            begin = time.monotonic()

            def told(records):  # what is there stays when it is broken off
                keep(how, records)
                write_whole(how, least + small, records, (time.monotonic() - begin) / 60)

            bench(how.accel, least + small, how, f"{work}/whole.duckdb", kept(how), told)
        if how.kills > 0 and how.browsers:
            kill_browsers(how, small, work)


if __name__ == "__main__":
    main()

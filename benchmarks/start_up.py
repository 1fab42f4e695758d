"""The measuring and the page of start_up.sh:   start_up.py [--quick] ACCEL WORK_FOLDER ONNX_FILE_OR_EMPTY"""

import os
import statistics
import sys
import time
from pathlib import Path

from bars import ROOT, Page, accel_json, say

SEQUENCE = 128
PYTHON_SCRIPT = """
import sys
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
shape = {"batch": 1, "batch_size": 1}
feed = {i.name: np.ones([d if isinstance(d, int) else shape.get(d, 128) for d in i.shape], np.int64)
        for i in session.get_inputs()}
np.save(sys.argv[3], session.run(None, feed)[0])
"""


def wall_and_cpu_ms(command, env=None):
    """Wall time from before the process is made until it has ended, and what CPU time it took."""
    command = [str(part) for part in command]
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1,)]
    begin = time.perf_counter()
    child = os.posix_spawnp(command[0], command, env or os.environ, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    elapsed = (time.perf_counter() - begin) * 1e3
    if status != 0:
        raise SystemExit(f"exit code {os.waitstatus_to_exitcode(status)} from: {Path(command[0]).name} {' '.join(command[1:3])} …")
    return elapsed, (used.ru_utime + used.ru_stime) * 1e3


def sizes(page, work):
    command, library = (os.stat(f"{work}/{name}").st_size for name in ("accel", "libaccel.so"))
    page.text("## Size, stripped, without libduckdb")
    page.table(
        ["file", ">MB"],
        [[name, f"{size / 1e6:.2f}"] for name, size in (("accel", command), ("libaccel", library), ("together", command + library))],
    )
    page.bar("accel and libaccel together below 4 MB", f"{(command + library) / 1e6:.2f} MB", command + library < 4e6, timed=False)


def help_text(page, accel, runs):
    say(f"accel --help, {runs} runs")
    walls = [wall_and_cpu_ms([accel, "--help"])[0] for _ in range(runs)]
    page.text("## `accel --help`")
    page.table(
        [">runs", ">median, ms", ">min, ms", ">max, ms"],
        [[runs, f"{statistics.median(walls):.2f}", f"{min(walls):.2f}", f"{max(walls):.2f}"]],
    )
    page.bar("`accel --help` below 10 ms", f"{statistics.median(walls):.2f} ms", statistics.median(walls) < 10)


def steady_ms(accel, threads, engines, quick):
    command = [accel, "bench", "minilm", "--engine", ",".join(engines), "--on", "cpu", "--seq", SEQUENCE]
    command += ["--threads", threads, "--min-time", 0.3 if quick else 2, "--no-verify", "--no-db", "--quiet", "--format", "json"]
    return {r["engine"]["name"]: r["latency_ms"]["median"] for r in accel_json(command)}


def first_output(page, accel, work, given, runs, quick):
    threads = len(os.sched_getaffinity(0))
    ours = [accel, "run", "minilm", "--seq", SEQUENCE, "--threads", threads, "--output-dir", f"{work}/out", "--quiet"]
    python = [sys.executable, "-c", PYTHON_SCRIPT, given, threads, f"{work}/python.npy"]
    paths = os.pathsep.join(str(ROOT / ".deps" / name) for name in ("python", "onnxruntime"))
    env = {**os.environ, "PYTHONPATH": paths}
    taken = {"accel run, native": [], "Python, ONNX Runtime": []}
    wall_and_cpu_ms(ours)  # the files come into the page cache
    for n in range(runs):
        say(f"MiniLM from start to first output, run {n + 1} of {runs}")
        taken["accel run, native"].append(wall_and_cpu_ms(ours))
        if given:
            taken["Python, ONNX Runtime"].append(wall_and_cpu_ms(python, env))
    compute = steady_ms(accel, threads, ["native"] + (["onnxruntime"] if given else []), quick)
    rows, more = [], {}
    for (name, runs_taken), engine in zip(taken.items(), ("native", "onnxruntime")):
        if runs_taken:
            walls, cpu = ([t[i] for t in runs_taken] for i in (0, 1))
            more[engine] = statistics.median(walls) - compute[engine]
            rows.append([name, len(walls), f"{statistics.median(walls):.1f}", f"{min(walls):.1f}"])
            rows[-1] += [f"{statistics.median(cpu):.1f}", f"{compute[engine]:.1f}", f"**{more[engine]:.1f}**"]
    page.text(
        "## MiniLM's folder from start to first output",
        "",
        f"Wall time of a fresh process that loads the model (90 MB of weights, page cache warm), runs it once on {SEQUENCE} tokens with",
        f"{threads} threads and writes the output to a file; less the compute, which is the median of the steady latency by `accel bench`.",
        "The Python process reads the same model as one .onnx file and takes turns with accel.",
    )
    page.table(["program", ">runs", ">wall, ms", ">least, ms", ">CPU time, ms", ">its compute, ms", ">more than its compute, ms"], rows)
    page.bar("first output less than 100 ms after its compute", f"{more['native']:.1f} ms", more["native"] < 100)


def main():
    quick = sys.argv[1] == "--quick"
    accel, work, given = sys.argv[-3:]
    page = Page("start-up", "Size and start", accel, "quick" if quick else "")
    page.text("Stripped sizes, and wall times of whole processes from before they are made until they have ended (page cache warm).")
    sizes(page, work)
    help_text(page, accel, 20)
    first_output(page, accel, work, given, 3 if quick else 10, quick)
    page.write()


main()

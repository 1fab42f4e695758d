#!/usr/bin/env python3
"""Compares `accel run FOLDER` with the goldens of zoo/: outputs by relative L2, greedy continuations exactly.

    python3 tests/golden/check_zoo.py build/release/accel [FOLDER...] [--leave-out-optional] [--first-case] [-- MORE]

FOLDER: a name below zoo/, or NAME* for all that begin so. --leave-out-optional: also runs each case without the inputs
that follow from the others. --first-case: only case0 of each. MORE: further arguments of accel run. Exits with 1 when
anything differs. Needs numpy only.
"""

import argparse
import fnmatch
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ZOO = Path(__file__).resolve().parent / "zoo"
TIMEOUT_S = 120


def arguments():
    own, more = sys.argv[1:], []
    if "--" in own:
        cut = own.index("--")
        own, more = own[:cut], own[cut + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accel")
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--leave-out-optional", action="store_true")
    parser.add_argument("--first-case", action="store_true")
    options = parser.parse_args(own)
    options.more = more
    return options


def run(options, line, left_out, tokens, out):
    command = [options.accel, "run", str(ZOO / line["folder"]), "--output-dir", out, *options.more]
    for name in line["inputs"]:
        if name not in left_out:
            command += ["--input", f"{name}={ZOO / line['data'] / 'inputs' / name}.npy"]
    if tokens:
        command += ["--max-new-tokens", str(tokens)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"no answer in {TIMEOUT_S} s"
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        return f"exit {done.returncode}: {said[0]}"
    return None


def load(folder, name):
    path = Path(folder) / f"{name}.npy"
    return np.load(path) if path.exists() else None


def distance(have, want):
    """Relative L2 over the defined values, or a sentence."""
    if have is None:
        return "not written"
    if have.shape != want.shape:
        return f"shape {list(have.shape)}, not {list(want.shape)}"
    kept = ~np.isnan(want)
    have, want = have[kept].astype(np.float64), want[kept].astype(np.float64)
    if not np.isfinite(have).all():
        return "not finite"
    return float(np.linalg.norm(have - want) / max(np.linalg.norm(want), 1e-30))


def compare_outputs(options, line, left_out):
    """[(output, figure or sentence, passed)]"""
    with tempfile.TemporaryDirectory() as out:
        failure = run(options, line, left_out, 0, out)
        if failure:
            return [("", failure, False)]
        rows = []
        for name in line["outputs"]:
            found = distance(load(out, name), load(ZOO / line["data"] / "outputs", name))
            rows.append((name, found if isinstance(found, str) else f"{found:.1e}",
                         not isinstance(found, str) and found <= line["tolerance"]))
        return rows


def compare_continuation(options, line, left_out):
    with tempfile.TemporaryDirectory() as out:
        failure = run(options, line, left_out, line["generates"], out)
        if failure:
            return [("generated_ids", failure, False)]
        have, want = load(out, "generated_ids"), load(ZOO / line["data"] / "outputs", "generated_ids")
        if have is None or have.shape != want.shape:
            return [("generated_ids", "not written" if have is None else f"shape {list(have.shape)}", False)]
        differ = np.argwhere((have != want).any(0))
        text = "equal" if differ.size == 0 else f"differ from token {differ[0, 0]} on"
        return [("generated_ids", text, differ.size == 0)]


def chosen(options):
    lines = json.loads((ZOO / "cases.json").read_text())
    if options.first_case:
        lines = [line for line in lines if line["case"] == "case0"]
    for pattern in options.folders:
        if not any(fnmatch.fnmatch(line["folder"], pattern) for line in lines):
            sys.exit(f"no folder of {ZOO} is called {pattern}")
    return [line for line in lines
            if not options.folders or any(fnmatch.fnmatch(line["folder"], p) for p in options.folders)]


def main():
    options = arguments()
    failed = total = 0
    for line in chosen(options):
        runs = [()]
        if options.leave_out_optional and line["optional"]:
            runs.append(tuple(line["optional"]))
        for left_out in runs:
            rows = compare_outputs(options, line, left_out)
            if line["generates"]:
                rows += compare_continuation(options, line, left_out)
            for name, text, passed in rows:
                where = f"{line['folder']}/{line['case']}" + (" (optional left out)" if left_out else "")
                print(f"{'ok  ' if passed else 'FAIL'}  {where:40}  {name:26}  {text}", flush=True)
                failed += not passed
                total += 1
    print(f"{total - failed} of {total} comparisons passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

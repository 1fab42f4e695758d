#!/usr/bin/env python3
"""The same WebGPU kernels natively (wgpu-native) and in Chromium: on this machine's Vulkan adapter, and natively on the browser's own, SwiftShader, where
its driver is there. Writes docs/results/native-gpu.md; about 10 minutes, on a quiet machine.

    benchmarks/web/native_gpu.py [--quick] [--models a,b] [ACCEL]

`accel bench` measures both in blocks that take turns; outputs are checked against the reference."""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from bars import Page, accel_json, geometric_mean, milliseconds, say  # noqa: E402

SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json"
MODELS = {"minilm": ["--seq", "128"], "resnet-50": [], "vit-base-patch16-224": [], "whisper-tiny": []}
TIMES = {False: ["--min-time", "3", "--max-time", "30", "--min-runs", "5"], True: ["--min-time", "0.5", "--max-time", "5", "--min-runs", "2"]}


def measure(how, model, driver):
    """(native record, Chromium's)"""
    env = os.environ | ({"VK_DRIVER_FILES": driver} if driver else {})
    command = [how.accel, "bench", model, "--on", "vulkan,webgpu", "--browser", "chromium", "--db", f"{how.work}/gpu.duckdb", "-q", "--format", "json", "--timeout", "900",
               *TIMES[how.quick], *MODELS.get(model, [])]
    records = accel_json(command, env=env)
    native, page = (next(r for r in records if (r["engine"]["name"] == "browser") == browser) for browser in (False, True))
    for record in (native, page):
        if record["status"] != "ok" or not record["verification"]["pass"]:
            raise SystemExit(f"{model}: {record['status']}: {record['error']}")
    return native, page


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few runs: a trial")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("accel", nargs="?", default=str(ROOT / "build/release/accel"))
    how = parser.parse_args()
    page = Page("native-gpu", "The same kernels natively and in Chromium", how.accel, "few runs" if how.quick else "")
    rows, ratios, versions = [], {"its own": [], "Chromium's": []}, set()
    with tempfile.TemporaryDirectory() as how.work:
        for model in how.models.split(","):
            for name, driver in (("its own", None), ("Chromium's", SWIFTSHADER)):
                if driver and not Path(driver).exists():
                    continue
                native, chromium = measure(how, model, driver)
                ours, theirs = (statistics.median(milliseconds(r)) for r in (native, chromium))
                ratios[name].append(theirs / ours)
                versions |= {f"natively {native['device']['name']} {native['device']['driver']}", f"Chromium {chromium['web']['browser_version']}, {chromium['web']['adapter']['name']}"}
                errors = [f"{r['verification']['relative_l2']:.0e}" for r in (native, chromium)]
                rows.append((model, native["device"]["name"], f"{ours:.1f}", f"{theirs:.1f}", f"**{theirs / ours:.2f}**", " and ".join(errors)))
                say(" ".join(map(str, rows[-1])))
    page.text("Medians of the latency, ms, in blocks that took turns; the ratio is Chromium's time over the native one's. Errors are relative L2 distances to the reference.", "",
              "; ".join(sorted(versions)) + ".")
    page.table(["model", "native adapter", ">natively", ">in Chromium", ">ratio", "errors"], rows)
    for name, found in ratios.items():
        if found:
            page.bar(f"natively on {name} adapter at least as fast as in Chromium", f"{geometric_mean(found):.2f}, the geometric mean of {len(found)}; least {min(found):.2f}", geometric_mean(found) >= 1)
    page.write()


if __name__ == "__main__":
    main()

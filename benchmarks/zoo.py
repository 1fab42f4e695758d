#!/usr/bin/env python3
"""Every class of models by `accel bench --all-models --small`, native beside ONNX Runtime and OpenVINO, and the time that
takes. Called by zoo.sh."""

import sys
import time
from pathlib import Path

from bars import Page, accel_json, geometric_mean

ENGINES = ("native", "onnxruntime", "openvino")
LIMIT_MINUTES = 15


def cell(record):
    if record is None:
        return "–"
    if record["status"] != "ok":
        return record["status"]
    wrong = "" if record["verification"] and record["verification"]["pass"] else " (not verified)"
    return f"{record['latency_ms']['median']:.2f}{wrong}"


def main():
    quick, accel = sys.argv[1] == "--quick", Path(sys.argv[-1])
    page = Page("zoo", "Every class of models", accel, "quick: 0.3 to 2 s a case" if quick else "", by_cpu=True)
    page.text(
        "`accel bench --all-models --small`: one model or more of each class, batch 1, 128 tokens where a class has tokens (more where an image",
        "brings its own), 2 threads, fp32, seeded weights but for all-minilm-l6-v2. Median latency in ms; the engines take turns in blocks.",
        "The ratio is native's median for that of the faster of the two others: below 1, native is faster.",
    )
    start = time.monotonic()
    times = ["--min-time", "0.3", "--max-time", "2"] if quick else []
    records = accel_json([accel, "bench", "--all-models", "--small", "--no-db", "--format", "json", *times], allowed=(0, 1))
    minutes = (time.monotonic() - start) / 60
    rows, ratios, measured, models = [], [], 0, list(dict.fromkeys(r["model"]["name"] for r in records))
    for name in models:
        found = {r["engine"]["name"]: r for r in records if r["model"]["name"] == name}
        medians = {e: found[e]["latency_ms"]["median"] for e in ENGINES if e in found and found[e]["status"] == "ok"}
        measured += len(medians) == len(ENGINES)
        ratio = None
        if "native" in medians and len(medians) > 1:
            ratio = medians["native"] / min(v for e, v in medians.items() if e != "native")
            ratios.append(ratio)
        known = next((r for r in found.values() if r["status"] == "ok"), {"model": {"family": "", "parameters": 0}, "sequence": None})
        rows.append([name, known["model"]["family"], f"{known['model']['parameters'] / 1e6:.1f}", str(known["sequence"] or "–"),
                     *(cell(found.get(e)) for e in ENGINES), f"**{ratio:.2f}**" if ratio else "–"])
    page.table(["model", "class", ">parameters, M", ">tokens", ">native", ">ONNX Runtime", ">OpenVINO", ">ratio"], rows)
    page.bar(f"every model measured on {', '.join(ENGINES)}", f"{measured} of {len(models)}", measured == len(models), timed=False)
    page.bar(f"in under {LIMIT_MINUTES} minutes on 2 cores", f"{minutes:.1f} minutes", minutes < LIMIT_MINUTES)
    mean = geometric_mean(ratios)
    page.bar("native against the faster of the others, geometric mean: goal 1.0 or better", f"{mean:.3f}", mean <= 1.0)
    page.write()


main()

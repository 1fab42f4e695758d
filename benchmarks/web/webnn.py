#!/usr/bin/env python3
"""accel's WebNN engine against ONNX Runtime Web's WebNN provider, in one page of one browser, which run once each in every turn, in random order. The
peer is given two files: plain ONNX of opset 21, and the form that ONNX Runtime's CPU provider runs fastest.

    benchmarks/web/webnn.py [--turns N] [MODEL:SEQUENCE …]
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import quantiles

SOURCE = Path(__file__).resolve().parents[2]
os.environ.setdefault("ACCEL_SOURCE_DIR", str(SOURCE))
sys.path.insert(0, str(SOURCE / "tests/web"))
from webnn_browser import TOOL, WebnnBrowser, skip_without_browser  # noqa: E402

PEER = Path(os.environ.get("ACCEL_ORT_WEB", SOURCE / ".deps/onnxruntime-web"))
ACCEL = os.environ.get("ACCEL_BIN", str(SOURCE / "build/release/accel"))
FORMS = {"ort-web": ["--opset", "21"], "ort-web-fused": ["--engine", "onnxruntime"]}
TURNS_AT_ONCE = 10


def export(web, model, sequence):
    """{peer: URL}: weights are inside of the file below 2 GB, so that it is one fetch."""
    urls = {}
    for peer, form in FORMS.items():
        ready = os.environ.get("ACCEL_WEBNN_MODELS")  # files of an earlier run
        path = Path(ready) / f"{model}-{peer}.onnx" if ready else web.folder / f"{model}-{peer}" / "model.onnx"
        if not ready:
            subprocess.run([ACCEL, "export", model, *form, "--seq", sequence, "--output", path.parent, "-q"], check=True)
        (web.folder / f"{peer}.onnx").symlink_to(path)
        urls[peer] = f"/{peer}.onnx"
    return urls


def ratio(samples, peer):
    """Of means, with the 95 % interval of a bootstrap over turns."""
    pairs = list(zip(samples["accel"], samples[peer], strict=True))

    def of(drawn):
        return sum(theirs for _, theirs in drawn) / sum(ours for ours, _ in drawn)

    draws = sorted(of(random.choices(pairs, k=len(pairs))) for _ in range(2000))
    return of(pairs), draws[50], draws[1949]


def compare(web, model, sequence, turns):
    web.describe_zoo({model: f"{model} inference {sequence}"})
    if web.refusal(model):
        sys.exit(web.refusal(model))
    shutil.copy(SOURCE / "benchmarks/web/webnn_compare.js", web.folder)
    if not (web.folder / "ort").exists():
        (web.folder / "ort").symlink_to(PEER.resolve())
    told = web.call_of("webnn_compare.js", "open", model, export(web, model, sequence))
    samples = {name: [] for name in told}
    for _ in range(0, turns, TURNS_AT_ONCE):
        for name, times in web.call_of("webnn_compare.js", "takeTurns", TURNS_AT_ONCE).items():
            samples[name] += times
    print(f"{model}, sequence {sequence}, Chromium {web.version}, {len(samples['accel'])} turns")
    for name, times in samples.items():
        low, middle, _ = quantiles(times, n=4)
        print(f"  {name:14} least {min(times):7.1f} ms  quarter {low:7.1f} ms  median {middle:7.1f} ms  open {told[name]['open_ms']:6.0f} ms  "
              f"first {told[name]['first_ms']:7.1f} ms  {'relative L2 %.1e' % told[name]['relative_l2'] if name != 'accel' else ''}")
    for peer in FORMS:
        print("  %s takes %.3f times (%.3f to %.3f) accel's time" % (peer, *ratio(samples, peer)))


def main():
    skip_without_browser((TOOL, "cmake --build"))
    words = sys.argv[1:]
    turns = int(words.pop(words.index("--turns") + 1)) if "--turns" in words else 200
    models = [word for word in words if word != "--turns"] or ["minilm:128", "resnet-50:0"]
    for word in models:
        with WebnnBrowser() as web:
            compare(web, *word.split(":"), turns)


if __name__ == "__main__":
    main()

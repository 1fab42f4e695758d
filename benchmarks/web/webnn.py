#!/usr/bin/env python3
"""accel's WebNN engine against ONNX Runtime Web's WebNN provider, in one page of one browser, in blocks that take turns in random order. The peer is
given the better of two files: plain ONNX of opset 21, and the form that ONNX Runtime's CPU provider runs fastest.

    benchmarks/web/webnn.py [--rounds N] [MODEL:SEQUENCE …]
"""

import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean, median

SOURCE = Path(__file__).resolve().parents[2]
os.environ.setdefault("ACCEL_SOURCE_DIR", str(SOURCE))
sys.path.insert(0, str(SOURCE / "tests/web"))
from webnn_browser import TOOL, WebnnBrowser, skip_without_browser  # noqa: E402

PEER = Path(os.environ.get("ACCEL_ORT_WEB", SOURCE / ".deps/onnxruntime-web"))
ACCEL = os.environ.get("ACCEL_BIN", str(SOURCE / "build/release/accel"))
FORMS = {"ort-web": ["--opset", "21"], "ort-web-fused": ["--engine", "onnxruntime"]}
BLOCK_MS = 300


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
    """Of means of blocks, with the 95 % interval of a bootstrap over them."""
    ours, theirs = ([mean(block) for block in samples[name]] for name in ("accel", peer))
    draws = sorted(mean(random.choices(theirs, k=len(theirs))) / mean(random.choices(ours, k=len(ours))) for _ in range(2000))
    return mean(theirs) / mean(ours), draws[50], draws[1949]


def compare(web, model, sequence, rounds):
    web.describe_zoo({model: f"{model} inference {sequence}"})
    if web.refusal(model):
        sys.exit(web.refusal(model))
    for file in (SOURCE / "benchmarks/web/webnn_compare.js",):
        (web.folder / file.name).write_bytes(file.read_bytes())
    if not (web.folder / "ort").exists():
        (web.folder / "ort").symlink_to(PEER.resolve())
    told = web.call_of("webnn_compare.js", "open", model, export(web, model, sequence))
    samples = {name: [] for name in told}
    for _ in range(rounds):
        for name in random.sample(list(told), len(told)):
            samples[name].append(web.call_of("webnn_compare.js", "block", name, BLOCK_MS))
    print(f"{model}, sequence {sequence}, Chromium {web.version}")
    for name, blocks in samples.items():
        every = [time for block in blocks for time in block]
        print(f"  {name:14} median {median(every):8.2f} ms  mean {mean(every):8.2f} ms  n {len(every):5}  "
              f"open {told[name]['open_ms']:6.0f} ms  first {told[name]['first_ms']:7.1f} ms  "
              f"{'relative L2 %.1e' % told[name]['relative_l2'] if name != 'accel' else ''}")
    for peer in FORMS:
        print("  %s takes %.3f (%.3f to %.3f) of accel's time" % (peer, *ratio(samples, peer)))


def main():
    skip_without_browser((TOOL, "cmake --build"))
    words = sys.argv[1:]
    rounds = int(words.pop(words.index("--rounds") + 1)) if "--rounds" in words else 20
    models = [word for word in words if word != "--rounds"] or ["minilm:128", "resnet-50:0"]
    for word in models:
        with WebnnBrowser() as web:
            compare(web, *word.split(":"), rounds)


if __name__ == "__main__":
    main()

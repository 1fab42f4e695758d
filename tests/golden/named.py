#!/usr/bin/env python3
"""The named models of the zoo as transformers has them: their configurations, parameter counts, and comparisons.

    V/bin/python tests/golden/named.py counts                          parameters of each, without storage
    V/bin/python tests/golden/named.py compare build/release/accel [NAME...] [-- MORE ARGUMENTS OF accel run]
        builds each named model with random weights, saves it as transformers does, runs one seeded input and compares
        every output with that of accel run on the folder: relative L2 <= 1e-4

Run by hand, not in CI (V: see make_zoo.py). The configurations are written here, from the published ones; counts
asserts that transformers builds exactly the parameters of the zoo's table from them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from check_zoo import distance
from classes.kit import Draw, redraw
from named_configs import MODELS
from named_inputs import inputs_of, outputs_of

TOLERANCE = 1e-4


def build(name, architecture=None):
    """The model without storage, from its published configuration."""
    architecture = architecture or MODELS[name].architecture
    kind = getattr(transformers, architecture)
    config = kind.config_class.from_dict(dict(MODELS[name].config))
    with torch.device("meta"):
        return kind(config)


def count(model):
    """Every parameter once; DETR's frozen batch norms are buffers and ResNet's statistics too."""
    return sum(p.numel() for p in model.parameters())


def check_counts():
    wrong = 0
    for name, model in MODELS.items():
        for architecture, want in model.counts.items():
            have = count(build(name, architecture))
            wrong += have != want
            print(f"{'ok  ' if have == want else 'FAIL'}  {name:34} {architecture:38} {have:>13,}"
                  + ("" if have == want else f"  zoo.md says {want:,}"), flush=True)
    return wrong


def compare(accel, name, more):
    """[(output, figure or sentence, passed)]"""
    architecture = MODELS[name].architecture
    with tempfile.TemporaryDirectory() as work:
        folder, out = Path(work) / "model", Path(work) / "out"
        kind = getattr(transformers, architecture)
        config = kind.config_class.from_dict(dict(MODELS[name].config))
        config.dtype, config._attn_implementation = torch.float32, "eager"
        model = kind(config).eval()
        with torch.no_grad():
            redraw(model, Draw(name, 0), 1.0)
        model.save_pretrained(folder)
        inputs = inputs_of(name, model.config)
        command = [accel, "run", folder, "--output-dir", out, *more]
        for key, value in inputs.items():
            np.save(Path(work) / f"{key}.npy", value.numpy())
            command += ["--input", f"{key}={work}/{key}.npy"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with torch.no_grad():
            want = outputs_of(name, model, inputs)
        rows = []
        for key, value in want.items():
            path = out / f"{key}.npy"
            found = distance(np.load(path) if path.exists() else None, value.float().numpy())
            passed = not isinstance(found, str) and found <= TOLERANCE
            rows.append((key, found if isinstance(found, str) else f"{found:.1e}", passed))
        return rows


def compare_all(accel, names):
    wrong, more = 0, []
    if "--" in names:
        cut = names.index("--")
        names, more = names[:cut], names[cut + 1:]
    for name in names or [n for n, m in MODELS.items() if m.small]:
        try:
            rows = compare(accel, name, more)
        except subprocess.CalledProcessError as e:
            rows = [("", f"{e.cmd[1]} exits with {e.returncode}", False)]
        for key, text, passed in rows:
            print(f"{'ok  ' if passed else 'FAIL'}  {name:34} {key:28} {text}", flush=True)
            wrong += not passed
    return wrong


def main():
    what, rest = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    transformers.logging.set_verbosity_error()
    if what == "counts":
        return check_counts()
    if what == "compare" and rest:
        return compare_all(rest[0], rest[1:])
    return __doc__


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Time of an output token on a GPU, of two builds of accel that take turns: how much a change of the decoding path is worth.

    benchmarks/decode_gpu.py --before ACCEL [--accel build/release/accel] [--on vulkan] [--model NAME:SEQUENCE …] [--rounds 5] [--tokens 16]

SEQUENCE: tokens that the cache has room for. `step` is `accel bench --mode decode`, from the inputs in the computer's memory until its outputs are there;
`token` is `accel run --max-new-tokens`, the loop that writes, after a prompt of SEQUENCE - TOKENS. Not part of `make test`.
"""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

from bars import accel_json, milliseconds, ratio_of_pairs, say

MODELS = ["qwen2-tiny:256", "qwen2-tiny:4096", "gpt2-tiny:500"]
ENGINE_OF = {"vulkan": "webgpu", "mps": "webgpu", "dx12": "webgpu", "cpu": "native"}


def step(accel, options, model, sequence):
    command = [accel, "bench", model, "--on", options.on, "--mode", "decode", "--seq", sequence, "--no-db", "--quiet", "--format", "json"]
    (record,) = accel_json([*command, "--engine", ENGINE_OF[options.on]], allowed=(0, 1))
    if record["status"] != "ok":
        raise SystemExit(f"{model}: {record['error']}")
    return statistics.median(milliseconds(record))


def token(accel, options, model, sequence):
    command = [accel, "run", model, "--engine", ENGINE_OF[options.on], "--seq", str(sequence - options.tokens), "--max-new-tokens", str(options.tokens)]
    result = subprocess.run(command, capture_output=True, text=True)
    said = re.search(r"then ([0-9.]+) ms a token", result.stderr)
    if result.returncode != 0 or not said:
        raise SystemExit(f"{model}: {result.stderr}")
    return float(said[1])


def compare(measure, options, model, sequence):
    """Medians of both, and the ratio of the pairs with its interval."""
    pairs = []
    for turn in range(options.rounds):
        sides = [options.before, options.accel]
        both = {side: measure(side, options, model, sequence) for side in (sides if turn % 2 == 0 else reversed(sides))}
        pairs.append((both[options.before], both[options.accel]))
    ratio, low, high = ratio_of_pairs(pairs)
    before, after = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return f"{before:.2f} | {after:.2f} | **{ratio:.2f}** | {low:.2f}–{high:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accel", type=Path, default=Path("build/release/accel"))
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--on", default="vulkan", choices=ENGINE_OF)
    parser.add_argument("--model", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=16)
    options = parser.parse_args()
    print("| model | cache | | before, ms | after, ms | ratio | 95 % |\n|---|--:|---|--:|--:|--:|--:|")
    for word in options.model:
        model, sequence = word.split(":")
        for measure in (step, token):
            say(f"{word}, {measure.__name__}")
            print(f"| {model} | {sequence} | {measure.__name__} | {compare(measure, options, model, int(sequence))} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())

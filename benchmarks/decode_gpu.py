#!/usr/bin/env python3
"""Time of an output token on a GPU, of two builds of accel that take turns: how much a change of the decoding path is worth.

    benchmarks/decode_gpu.py --before ACCEL [--accel build/release/accel] [--on vulkan] [--model NAME:SEQUENCE …] [--rounds 5] [--tokens 16]

SEQUENCE: tokens that the cache has room for. `step` is `accel bench --mode decode`, from the inputs in the computer's memory until its outputs are there (`CPU`: processor
time, which is what counts where the device is a processor that others use, too); `token` is `accel run --max-new-tokens`, the loop that writes, after a prompt of SEQUENCE - TOKENS. Not part of `make test`.
"""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

from bars import accel_json, milliseconds, ratio_of_pairs, say

MODELS = ["whisper-tiny:400", "t5-efficient-tiny:500", "qwen2-0.5b:1000"]
ENGINE_OF = {"vulkan": "webgpu", "mps": "webgpu", "dx12": "webgpu", "cpu": "native"}


def step(accel, options, model, sequence):
    command = [accel, "bench", model, "--on", options.on, "--mode", "decode", "--seq", sequence, "--no-db", "--no-verify", "--quiet", "--format", "json"]
    (record,) = accel_json([*command, "--engine", ENGINE_OF[options.on]], allowed=(0, 1))
    if record["status"] != "ok":
        raise SystemExit(f"{model}: {record['error']}")
    samples = milliseconds(record)
    return {"step": statistics.median(samples), "step, CPU": record["cpu_time_ns"] / 1e6 / len(samples)}


def token(accel, options, model, sequence):
    command = [accel, "run", model, "--engine", ENGINE_OF[options.on], "--seq", str(sequence - options.tokens), "--max-new-tokens", str(options.tokens)]
    result = subprocess.run(command, capture_output=True, text=True)
    said = re.search(r"then ([0-9.]+) ms a token", result.stderr)
    if result.returncode != 0 or not said:
        raise SystemExit(f"{model}: {result.stderr}")
    return {"token": float(said[1])}


def compare(measure, options, model, sequence):
    """For each figure: medians of both, and the ratio of the pairs with its interval."""
    pairs = []
    for turn in range(options.rounds):
        sides = [options.before, options.accel]
        both = {side: measure(side, options, model, sequence) for side in (sides if turn % 2 == 0 else reversed(sides))}
        pairs.append((both[options.before], both[options.accel]))
    for figure in pairs[0][0]:
        ratio, low, high = ratio_of_pairs([(before[figure], after[figure]) for before, after in pairs])
        before, after = (statistics.median(pair[side][figure] for pair in pairs) for side in (0, 1))
        yield f"{figure} | {before:.2f} | {after:.2f} | **{ratio:.2f}** | {low:.2f}–{high:.2f}"


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
            for row in compare(measure, options, model, int(sequence)):
                print(f"| {model} | {sequence} | {row} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())

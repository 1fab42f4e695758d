#!/usr/bin/env python3
"""Tokens a second of accel's native engine against llama.cpp's, on the same GGUF files with random weights: docs/results/decode.md.

    make
    python3 -m venv V && V/bin/pip install llama-cpp-python gguf numpy safetensors
    V/bin/python benchmarks/decode.py [--accel build/release/accel] [--work build/gguf] [--model qwen2-0.5b ...] [--rounds 6] [--threads 1 2]

The two take turns: a process of `accel bench --mode prefill,decode`, then llama.cpp in a process that stays. Decoding is one token after the
prompt, of llama.cpp each of TOKENS after it. Not part of `make test`: llama.cpp is not among accel's dependencies.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from bars import Page, accel_json, geometric_mean, ratio_of_pairs, say

HERE = Path(__file__).resolve().parent
MODELS = ["qwen2-0.5b", "tinyllama-quarter"]
WEIGHTS = {"F32": "fp32", "F16": "fp16"}  # of the file, and the precision that accel is asked for
PROMPT, TOKENS, LLAMA_ROUNDS = 128, 16, 3
MODES = ("prefill", "decode")
TOKENS_OF = {"prefill": PROMPT, "decode": 1}


class Llama:
    """llama_loop.py at work, asleep between its turns."""

    def __init__(self, path, threads):
        command = [sys.executable, HERE / "llama_loop.py", path, threads, PROMPT, TOKENS]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.process.stdout.readline().strip()

    def turn(self):
        """{mode: milliseconds of each run}"""
        times = {mode: [] for mode in MODES}
        for _ in range(LLAMA_ROUNDS):
            print(file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
            times["prefill"].append(answer["prefill_ns"] / 1e6)
            times["decode"] += [ns / 1e6 for ns in answer["decode_ns"]]
        return times

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def accel_turn(accel, path, precision, threads):
    command = [accel, "bench", path, "--engine", "native", "--mode", ",".join(MODES), "--seq", PROMPT, "--threads", threads]
    records = accel_json([*command, "--precision", precision, "--no-db", "--no-verify", "--quiet", "--format", "json"], allowed=(0, 1))
    for record in records:
        if record["status"] != "ok":
            raise SystemExit(f"{path}: {record['error']}")
    return {record["mode"]: [ns / 1e6 for ns in record["samples_ns"]] for record in records}


def compare(accel, path, precision, threads, rounds):
    """{mode: [(accel's times, llama.cpp's times), one a round]}, and what llama.cpp says of itself."""
    llama = Llama(path, threads)
    turns = [(accel_turn(accel, path, precision, threads), llama.turn()) for _ in range(rounds)]
    llama.close()
    return {mode: [(ours[mode], theirs[mode]) for ours, theirs in turns] for mode in MODES}, llama.about


def made(work, model, kind):
    path = work / f"{model}-{kind}.gguf"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        say(f"writing {path.name}")
        beside = path.with_suffix(".new")
        subprocess.run([sys.executable, HERE / "make_gguf.py", "--random", model, "--type", kind, beside], check=True)
        beside.rename(path)
    return path


def row_of(names, mode, turns):
    """The table's row and the ratio: how many tokens a second of ours are one of theirs."""
    ours, theirs = ([statistics.median(turn[side]) for turn in turns] for side in (0, 1))
    ratio, low, high = ratio_of_pairs(list(zip(theirs, ours)))
    best = min(min(turn[1]) for turn in turns) / min(min(turn[0]) for turn in turns)
    speeds = [f"{TOKENS_OF[mode] * 1e3 / statistics.median(side):.1f}" for side in (ours, theirs)]
    return [*names, mode, *speeds, f"**{ratio:.2f}**", f"{low:.2f}–{high:.2f}", f"{best:.2f}"], ratio


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--accel", default="build/release/accel")
    parser.add_argument("--work", type=Path, default=Path("build/gguf"))
    parser.add_argument("--model", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", nargs="+", type=int, default=[2, 1])
    options = parser.parse_args()
    page = Page("decode", "Tokens a second, native against llama.cpp", options.accel, by_cpu=True)
    rows, ratios, about = [], {}, ""
    for model in options.model:
        for kind, precision in WEIGHTS.items():
            path = made(options.work, model, kind)
            for threads in options.threads:
                say(f"{model}, {kind}, threads: {threads}")
                found, about = compare(options.accel, path, precision, threads, options.rounds)
                for mode in MODES:
                    row, ratio = row_of([model, kind, threads], mode, found[mode])
                    rows.append(row)
                    say(" | ".join(map(str, row)))
                    if mode == "decode":
                        ratios.setdefault(kind, []).append(ratio)
    page.text(
        f"One sequence: prefill reads {PROMPT} tokens and gives the logits of the last; decoding adds one token after them. Ratio: accel's",
        "tokens a second for one of llama.cpp's, the mean over rounds in which the two took turns, with its 95 % interval; best: the same of",
        f"the fastest run of each. llama.cpp (llama-cpp-python): {about}. Its keys and values are float16, its flash attention as it likes.",
    )
    page.table(["model", "weights", ">threads", "mode", ">accel, tokens/s", ">llama.cpp", ">ratio", "95 %", ">best"], rows)
    for kind, all_ratios in ratios.items():
        mean = geometric_mean(all_ratios)
        page.bar(f"decoding at {kind} weights, geometric mean of the ratios: goal 1.0 or better", f"{mean:.2f}", mean >= 1)
    page.write()


main()

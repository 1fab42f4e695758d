#!/usr/bin/env python3
"""How fast are text's tokenizers beside the `tokenizers` package, on one thread? Prints a table in Markdown.

    cmake --build build/release --target tokenize
    python3 benchmarks/tokenizer_speed.py build/release/tokenize [TEXT_FILE]

Needs the package (pip install tokenizers). The text: without TEXT_FILE this repository's own pages and sources, English and C. Both sides
get the same lines, one by one, with special tokens; the package by encode_batch_fast, which keeps no offsets and spends least on Python.
Processor time, so that other programs of the machine do not matter much; the best of three rounds. Both sides keep a cache of words.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
from tokenizers import Tokenizer  # noqa: E402  (reads the environment)

ROOT = Path(__file__).parent.parent
ROUNDS = 3


def own_text():
    paths = sorted(p for folder in ("docs", "src", "tests") for end in ("md", "c", "h", "py") for p in (ROOT / folder).rglob(f"*.{end}"))
    return "\n".join(p.read_text() for p in paths)


def theirs(path, lines):
    start = time.process_time()
    t = Tokenizer.from_file(str(path))
    opened = time.process_time() - start
    t.no_truncation()
    t.no_padding()
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        encoded = t.encode_batch_fast(lines)
        seconds.append(time.process_time() - start)
    return opened, sum(len(e.ids) for e in encoded), min(seconds)


def ours(program, path, text):
    out = subprocess.run([program, path, text, str(ROUNDS)], capture_output=True, text=True, check=True).stdout.split()
    return float(out[1]), int(out[-2]), min(map(float, out[3::2]))


def main():
    program = sys.argv[1]
    text = Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else own_text()
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    megabytes = len("\n".join(lines).encode()) / 1e6
    print(f"{megabytes:.1f} MB in {len(lines)} lines\n")
    print("| tokenizer | accel MB/s | tokenizers MB/s | times | accel opens ms | tokenizers opens ms |\n|---|---:|---:|---:|---:|---:|")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        for path in [ROOT / ".deps/minilm/tokenizer.json"] + sorted((ROOT / "tests/golden/tokenizers").glob("*.json")):
            opened, count, seconds = ours(program, path, file.name)
            their_opened, their_count, their_seconds = theirs(path, lines)
            assert count == their_count, f"{path}: {count} ids, the package has {their_count}"
            name = "minilm" if path.name == "tokenizer.json" else path.stem
            print(f"| {name} | {megabytes / seconds:.1f} | {megabytes / their_seconds:.1f} | {their_seconds / seconds:.1f} | "
                  f"{opened * 1e3:.1f} | {their_opened * 1e3:.1f} |", flush=True)


main()

#!/usr/bin/env python3
"""Is the file that accel gives a runtime as fast as the usual export for that runtime?

The usual export is made here with torch.onnx (both exporters), and with onnxruntime.transformers' optimiser on top; the fastest of
them is what accel's file is compared with, at each shape and thread count. All sessions live in one process and take turns
in blocks; the figure is the median of the ratios of neighbouring blocks.

    make, cmake --build build/release --target give_file
    python3 -m venv V && V/bin/pip install torch transformers onnx onnxscript onnxruntime openvino
    V/bin/python benchmarks/given_files.py --give-file build/release/give_file --work build/given [--model minilm ...]

Not part of `make test`: torch is not among accel's dependencies.
"""

import argparse
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

import numpy
import onnxruntime
import openvino
import torch
import transformers

from given_models import MODELS, export, reference_of

BLOCK_S = 0.35
IDLE_S = 0.04  # lets ONNX Runtime's spinning threads fall asleep
CLOCKS = {"wall": time.perf_counter_ns, "cpu": time.process_time_ns}
CLOCK = "wall"
BLOCK_TRIES = 6
FOREIGN_LOAD = 0.1  # of one core
FOREIGN = {"kept": 0, "given up": 0}  # blocks in a quiet moment, and blocks taken in a busy one for want of those


class OnnxRuntime:
    def __init__(self, path, inputs, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = {i.name for i in session.get_inputs()}
        self.binding = session.io_binding()
        for key, value in inputs.items():
            if key in names:
                self.binding.bind_cpu_input(key, value)
        for output in session.get_outputs():
            self.binding.bind_output(output.name)
        self.session = session

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class OpenVino:
    core = openvino.Core()

    def __init__(self, path, inputs, threads):
        model = self.core.read_model(path)
        names = {i.get_any_name() for i in model.inputs}
        inputs = {key: value for key, value in inputs.items() if key in names}
        model.reshape({key: list(value.shape) for key, value in inputs.items()})
        compiled = self.core.compile_model(
            model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": threads,
                           "INFERENCE_PRECISION_HINT": "f32"},
        )
        self.request = compiled.create_infer_request()
        for key, value in inputs.items():
            self.request.set_tensor(key, openvino.Tensor(value, shared_memory=True))

    def run(self):
        self.request.infer()

    def outputs(self):
        return [t.data.copy() for t in self.request.output_tensors]


def busy_s():
    """Seconds of CPU used by everybody, and by this process."""
    fields = [int(f) for f in open("/proc/stat").readline().split()[1:9]]
    everybody = sum(fields) - fields[3] - fields[4]  # without idle and iowait; steal is in it
    return everybody / os.sysconf("SC_CLK_TCK"), time.process_time()


def block(session):
    """Median of the runs of one block, in ms. Tried again, a few times, while others use the machine."""
    for _ in range(BLOCK_TRIES):
        start, (all_before, own_before) = time.perf_counter(), busy_s()
        median = quiet_block(session)
        all_after, own_after = busy_s()
        foreign = (all_after - all_before - (own_after - own_before)) / (time.perf_counter() - start)
        if foreign < FOREIGN_LOAD or CLOCK == "cpu":
            FOREIGN["kept"] += 1
            return median
    FOREIGN["given up"] += 1
    return median


def quiet_block(session):
    time.sleep(IDLE_S)
    session.run()
    times, clock = [], CLOCKS[CLOCK]
    end = time.perf_counter() + BLOCK_S
    while not times or time.perf_counter() < end:
        start = clock()
        session.run()
        times.append((clock() - start) / 1e6)
    return statistics.median(times)


def compare(sessions, rounds):
    """Medians of each session, and per round its ratio to each other one."""
    samples = {label: [] for label in sessions}
    order = list(sessions)
    for _ in range(rounds):
        random.shuffle(order)
        for label in order:
            samples[label].append(block(sessions[label]))
    return samples


def far(ours, usual):
    return max(
        float(numpy.linalg.norm(a - b) / numpy.linalg.norm(b)) for a, b in zip(ours, usual, strict=True)
    )


def given_file(name, engine, arguments, batch, sequence):
    folder = arguments.work / f"{name}-{engine}-{batch}-{sequence}"
    return subprocess.run(
        [arguments.give_file, reference_of(name, arguments.work), engine, folder, str(batch), str(sequence)],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.strip()


def rows(name, arguments):
    files = export(name, arguments.deps, arguments.work)
    plain = {label: path for label, path in files.items() if not label.startswith("optimised")}
    runtimes = {"onnxruntime": (OnnxRuntime, files), "openvino": (OpenVino, plain)}
    for engine in arguments.runtime or runtimes:
        make, usual = runtimes[engine]
        for batch, sequence in MODELS[name].cases:
            given = given_file(name, engine, arguments, batch, sequence)
            inputs = MODELS[name].inputs(batch, sequence)
            for threads in arguments.threads:
                sessions = {label: make(str(path), inputs, threads) for label, path in usual.items()}
                sessions["accel"] = make(given, inputs, threads)
                samples = compare(sessions, arguments.rounds)
                plain_export = next(label for label in ("dynamo", "torchscript") if label in sessions)
                distance = far(sessions["accel"].outputs(), sessions[plain_export].outputs())
                medians = {label: statistics.median(values) for label, values in samples.items()}
                best = min((label for label in medians if label != "accel"), key=medians.get)
                ratios = sorted(a / b for a, b in zip(samples["accel"], samples[best], strict=True))
                quarter = len(ratios) // 4
                yield {
                    "model": name, "engine": engine, "batch": batch, "sequence": sequence, "threads": threads,
                    "accel": medians["accel"], "best": best, "best_ms": medians[best],
                    "ratio": statistics.median(ratios), "low": ratios[quarter], "high": ratios[-1 - quarter],
                    "distance": distance,
                }


def main():
    global CLOCK, BLOCK_S
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--give-file", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--deps", type=pathlib.Path, default=pathlib.Path(".deps"))
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--runtime", action="append", choices=["onnxruntime", "openvino"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--block", type=float, default=BLOCK_S, help="seconds of a turn")
    parser.add_argument("--clock", choices=CLOCKS, default="wall",
                        help="cpu: CPU time of the process, for a machine that others use at the same time; 1 thread only")
    arguments = parser.parse_args()
    CLOCK, BLOCK_S = arguments.clock, arguments.block
    if CLOCK == "cpu" and arguments.threads != [1]:
        parser.error("--clock cpu needs --threads 1: waiting threads spin")
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(f"onnxruntime {onnxruntime.__version__}, openvino {openvino.__version__.split('-')[0]}, "
          f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}\n")
    print("| model | runtime | batch | seq | threads | accel's file, ms | fastest usual export, ms | which | ratio "
          "| quartiles | relative L2 |\n|---|---|--:|--:|--:|--:|--:|---|--:|---|--:|")
    worst = 0.0
    for name in arguments.model or MODELS:
        for row in rows(name, arguments):
            worst = max(worst, row["ratio"])
            print("| {model} | {engine} | {batch} | {sequence} | {threads} | {accel:.2f} | {best_ms:.2f} | {best} | "
                  "**{ratio:.3f}** | {low:.3f}–{high:.3f} | {distance:.1e} |".format(**row), flush=True)
    print(f"\nclock: {CLOCK}; worst ratio {worst:.3f} (bar: 1.05); {FOREIGN['given up']} of {sum(FOREIGN.values())} blocks were taken while "
          f"others used more than {FOREIGN_LOAD:.0%} of a core")
    sys.exit(0 if worst <= 1.05 else 1)


if __name__ == "__main__":
    main()

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

BLOCK_S = 0.35
IDLE_S = 0.04  # lets ONNX Runtime's spinning threads fall asleep
CLOCKS = {"wall": time.perf_counter_ns, "cpu": time.process_time_ns}
CLOCK = "wall"
BLOCK_TRIES = 6
FOREIGN_LOAD = 0.1  # of one core
FOREIGN = {"kept": 0, "given up": 0}  # blocks in a quiet moment, and blocks taken in a busy one for want of those
CASES = [(1, 32), (1, 128), (8, 128)]


class Sentence(torch.nn.Module):
    """What accel's MiniLM gives: hidden states, the pooler's output, the normalised mean over kept tokens."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        hidden = out.last_hidden_state
        kept = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        return hidden, out.pooler_output, torch.nn.functional.normalize(mean, p=2, dim=1)


class Pooled(torch.nn.Module):
    """What accel's BERT gives: the hidden states and the pooler's output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return out.last_hidden_state, out.pooler_output


def torch_model(name, deps):
    torch.manual_seed(0)
    if name == "minilm":
        model = transformers.AutoModel.from_pretrained(deps / "minilm", attn_implementation="eager")
        return Sentence(model).eval(), ["last_hidden_state", "pooler_output", "sentence_embedding"]
    config = transformers.BertConfig(attn_implementation="eager")  # the defaults are bert-base
    return Pooled(transformers.BertModel(config)).eval(), ["last_hidden_state", "pooler_output"]


def inputs_for(batch, sequence):
    ids = numpy.random.default_rng(0).integers(1000, 30000, (batch, sequence), dtype=numpy.int64)
    return {
        "input_ids": ids,
        "attention_mask": numpy.ones_like(ids),
        "token_type_ids": numpy.zeros_like(ids),
    }


def export(name, deps, work):
    """Files of the usual exports: {label: path}."""
    files = {label: work / f"{name}.{label}.onnx" for label in ("torchscript", "dynamo", "optimised")}
    if all(path.exists() for path in files.values()):
        return files
    model, outputs = torch_model(name, deps)
    example = {key: torch.from_numpy(value) for key, value in inputs_for(2, 16).items()}
    axes = {key: {0: "batch", 1: "sequence"} for key in example} | {outputs[0]: {0: "batch", 1: "sequence"}}
    torch.onnx.export(
        model, tuple(example.values()), files["torchscript"], input_names=list(example), output_names=outputs,
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    batch, sequence = torch.export.Dim("batch"), torch.export.Dim("sequence")
    torch.onnx.export(
        model, tuple(example.values()), files["dynamo"], input_names=list(example), output_names=outputs,
        dynamic_shapes={key: {0: batch, 1: sequence} for key in example}, opset_version=18, dynamo=True,
        external_data=False,
    )
    from onnxruntime.transformers import optimizer

    config = model.model.config
    fused = optimizer.optimize_model(
        str(files["torchscript"]), model_type="bert", num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size, opt_level=0,
    )
    print(f"{name}: the optimiser fused {fused.get_fused_operator_statistics()}", file=sys.stderr)
    fused.save_model_to_file(str(files["optimised"]))
    return files


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


def rows(name, arguments, work):
    files = export(name, arguments.deps, work)
    runtimes = {"onnxruntime": (OnnxRuntime, files), "openvino": (OpenVino, {k: files[k] for k in ("torchscript", "dynamo")})}
    for engine, (make, usual) in runtimes.items():
        for batch, sequence in CASES:
            folder = work / f"{name}-{engine}-{batch}-{sequence}"
            given = subprocess.run(
                [arguments.give_file, name, engine, folder, str(batch), str(sequence)],
                check=True, stdout=subprocess.PIPE, text=True,
            ).stdout.strip()
            inputs = inputs_for(batch, sequence)
            for threads in arguments.threads:
                sessions = {label: make(str(path), inputs, threads) for label, path in usual.items()}
                sessions["accel"] = make(given, inputs, threads)
                samples = compare(sessions, arguments.rounds)
                distance = None
                if name == "minilm":  # real weights: the outputs can be compared
                    distance = far(sessions["accel"].outputs(), sessions["dynamo"].outputs())
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--give-file", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--deps", type=pathlib.Path, default=pathlib.Path(".deps"))
    parser.add_argument("--model", action="append", choices=["minilm", "bert-base"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--clock", choices=CLOCKS, default="wall",
                        help="cpu: CPU time of the process, for a machine that others use at the same time; 1 thread only")
    arguments = parser.parse_args()
    global CLOCK
    CLOCK = arguments.clock
    if CLOCK == "cpu" and arguments.threads != [1]:
        parser.error("--clock cpu needs --threads 1: waiting threads spin")
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(f"onnxruntime {onnxruntime.__version__}, openvino {openvino.__version__.split('-')[0]}, "
          f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}\n")
    print("| model | runtime | batch | seq | threads | accel's file, ms | fastest usual export, ms | which | ratio "
          "| quartiles | relative L2 |\n|---|---|--:|--:|--:|--:|--:|---|--:|---|--:|")
    worst = 0.0
    for name in arguments.model or ["minilm", "bert-base"]:
        for row in rows(name, arguments, arguments.work):
            worst = max(worst, row["ratio"])
            distance = "" if row["distance"] is None else f"{row['distance']:.1e}"
            print("| {model} | {engine} | {batch} | {sequence} | {threads} | {accel:.2f} | {best_ms:.2f} | {best} | "
                  "**{ratio:.3f}** | {low:.3f}–{high:.3f} | {d} |".format(d=distance, **row), flush=True)
    print(f"\nclock: {CLOCK}; worst ratio {worst:.3f} (bar: 1.05); {FOREIGN['given up']} of {sum(FOREIGN.values())} blocks were taken while "
          f"others used more than {FOREIGN_LOAD:.0%} of a core")
    sys.exit(0 if worst <= 1.05 else 1)


if __name__ == "__main__":
    main()

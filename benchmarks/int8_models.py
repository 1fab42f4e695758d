#!/usr/bin/env python3
"""Writes int8 models for benchmarks, made with onnxruntime.quantization.

    PYTHONPATH=.deps/python:.deps/onnxruntime benchmarks/int8_models.py [options] ACCEL FOLDER [NAME...]

NAME: a light convolution net (squeezenet, resnet50, …): static QDQ; minilm-static: static QDQ of its products; minilm-dynamic:
quantize_dynamic. Without names: the ones listed in DEFAULT. The float models are those that accel gives ONNX Runtime or writes as
plain ONNX (give_file, built beside ACCEL when it is not there); static ones go through ONNX Runtime's own basic optimiser
first, as its quantiser asks, are calibrated on seeded inputs and get one weight scale a channel.
Prints one JSON object a line: name, path, base (the float file it was made from), method, activations, batch, sequence, bytes.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization

DEFAULT = ["squeezenet", "shufflenet", "resnet50", "inception-v2", "minilm-static", "minilm-dynamic"]
CALIBRATION_INPUTS = 4
VOCABULARY = (1000, 30000)  # of MiniLM: ordinary words
QUANT_TYPES = {"u8": quantization.QuantType.QUInt8, "s8": quantization.QuantType.QInt8}


def give_file(accel):
    """The program that writes accel's models as files."""
    build = Path(accel).resolve().parent
    if not (build / "give_file").exists():
        subprocess.run(["cmake", "--build", build, "--target", "give_file"], check=True, stdout=sys.stderr)
    return build / "give_file"


def write_float(program, model, engine, folder, batch, sequence):
    command = [program, model, engine, folder, str(batch), str(sequence or 0)]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def prepare(source, target):
    """What quant_pre_process does to a graph of known shapes: BatchNormalization goes into the convolutions. A Sum of two is an Add to
    the quantiser, which knows Add alone."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    model = onnx.load(target)
    for node in model.graph.node:
        if node.op_type == "Sum" and len(node.input) == 2:
            node.op_type = "Add"
    onnx.save(onnx.shape_inference.infer_shapes(model), target)


class Calibration(quantization.CalibrationDataReader):
    """A few seeded inputs: images uniform in [0, 1), ids of words, masks of ones."""

    def __init__(self, path):
        random = np.random.default_rng(0)
        graph = onnx.load(path, load_external_data=False).graph
        self.feeds = iter([{i.name: self.make(i, random) for i in graph.input} for _ in range(CALIBRATION_INPUTS)])

    @staticmethod
    def make(info, random):
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            return random.random(dims, dtype=np.float32)
        if info.name == "input_ids":
            return random.integers(*VOCABULARY, dims)
        return np.full(dims, "mask" in info.name, dtype=np.int64)

    def get_next(self):
        return next(self.feeds, None)


def make_static(source, target, activations, operators=None):
    prepared = source.with_name("prepared.onnx")  # beside the weights, which may lie in their own file
    prepare(source, prepared)
    quantization.quantize_static(
        prepared, target, Calibration(prepared), quant_format=quantization.QuantFormat.QDQ, op_types_to_quantize=operators,
        per_channel=True, activation_type=QUANT_TYPES[activations], weight_type=quantization.QuantType.QInt8,
    )
    prepared.unlink()


def make_dynamic(source, target):
    quantization.quantize_dynamic(source, target, per_channel=True, weight_type=quantization.QuantType.QInt8)


def report(name, path, base, method, activations, batch, sequence):
    row = {"name": name, "path": str(path), "base": str(base), "method": method, "activations": activations}
    print(json.dumps(row | {"batch": batch, "sequence": sequence, "bytes": path.stat().st_size}), flush=True)


def make_image_net(name, program, folder, activations):
    base = write_float(program, f"{name}-light", "onnxruntime", folder / f"{name}-float", 1, None)
    target = folder / f"{name}-qdq-{activations}.onnx"
    make_static(base, target, activations)
    report(target.stem, target, base, "static", activations, 1, None)


def make_minilm(name, program, folder, activations, batch, sequence):
    base = write_float(program, "minilm", "openvino", folder / f"minilm-float-b{batch}-s{sequence}", batch, sequence)
    if name == "minilm-dynamic":
        target = folder / f"minilm-dynamic-b{batch}-s{sequence}.onnx"
        make_dynamic(base, target)
        report(target.stem, target, base, "dynamic", "u8", batch, sequence)
        return
    target = folder / f"minilm-qdq-{activations}-b{batch}-s{sequence}.onnx"
    # The products alone: with every operator quantised, the mask of -3.4e38 would be, and attention would see nothing.
    make_static(base, target, activations, ["MatMul", "Gemm"])
    report(target.stem, target, base, "static", activations, batch, sequence)


def shapes_of(text):
    """"1x32,8x128" as [(1, 32), (8, 128)]."""
    return [tuple(int(n) for n in shape.split("x")) for shape in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accel", metavar="ACCEL")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*", help="default: " + " ".join(DEFAULT))
    parser.add_argument("--activations", choices=QUANT_TYPES, default="u8", help="type of static activations (default u8, which VNNI multiplies with s8 weights)")
    parser.add_argument("--shapes", type=shapes_of, default=[(1, 128)], metavar="BATCHxSEQUENCE,…", help="of MiniLM, whose files have fixed shapes")
    arguments = parser.parse_intermixed_args()
    logging.disable(logging.WARNING)
    os.makedirs(arguments.folder, exist_ok=True)
    program = give_file(arguments.accel)
    for name in arguments.names or DEFAULT:
        if not name.startswith("minilm-"):
            make_image_net(name, program, arguments.folder, arguments.activations)
            continue
        for batch, sequence in arguments.shapes:
            make_minilm(name, program, arguments.folder, arguments.activations, batch, sequence)


if __name__ == "__main__":
    main()

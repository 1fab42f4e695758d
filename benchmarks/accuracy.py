"""The measuring and the page of accuracy.sh:   accuracy.py [--quick] ACCEL WORK_FOLDER

The f64 evaluation: the graph with every float32 (weights, constants, casts, inputs) made float64, by the onnx package's reference
implementation, whose convolution is replaced by one of numpy's products, which is the same sum in less time.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from bars import Page, say
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

CASES = [("squeezenet-light", 1, None), ("shufflenet-light", 1, None), ("resnet50-light", 1, None), ("minilm", 1, 32), ("minilm", 2, 128)]
QUICK = [("shufflenet-light", 1, None), ("minilm", 1, 32)]
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


# ---- the graph in f64


def widen_tensor(tensor):
    if tensor.data_type == FLOAT:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def widen_type(value):
    if value.type.tensor_type.elem_type == FLOAT:
        value.type.tensor_type.elem_type = DOUBLE


def widen_attributes(node):
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            widen_tensor(attribute.t)
        elif attribute.type == AttributeProto.GRAPH:
            widen_graph(attribute.g)
        elif attribute.name in ("to", "dtype", "stash_type") and attribute.i == FLOAT:
            attribute.i = DOUBLE


def widen_graph(graph):
    for tensor in graph.initializer:
        widen_tensor(tensor)
    for value in [*graph.input, *graph.output]:
        widen_type(value)
    del graph.value_info[:]
    for node in graph.node:
        widen_attributes(node)


class Conv(OpRun):
    """Convolution of images as products: for each group, the taps of all pixels against the kernels."""

    op_domain = ""

    def _run(self, x, w, b=None, auto_pad=None, dilations=None, group=1, kernel_shape=None, pads=None, strides=None):
        assert x.ndim == 4 and auto_pad in (None, "NOTSET", b"NOTSET"), "2-D with pads in numbers"
        (top, left, bottom, right), (sy, sx), (dy, dx) = pads or (0, 0, 0, 0), strides or (1, 1), dilations or (1, 1)
        x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        (kernels, channels, kh, kw), batch = w.shape, x.shape[0]
        windows = np.lib.stride_tricks.sliding_window_view(x, ((kh - 1) * dy + 1, (kw - 1) * dx + 1), (2, 3))
        windows = windows[:, :, ::sy, ::sx, ::dy, ::dx]
        rows, columns = windows.shape[2:4]
        out = np.empty((batch, kernels, rows, columns), x.dtype)
        each = kernels // group
        for g in range(group):
            taps = windows[:, g * channels : (g + 1) * channels].transpose(0, 2, 3, 1, 4, 5).reshape(batch * rows * columns, -1)
            product = taps @ w[g * each : (g + 1) * each].reshape(each, -1).T
            out[:, g * each : (g + 1) * each] = product.reshape(batch, rows, columns, each).transpose(0, 3, 1, 2)
        return (out if b is None else out + b.reshape(1, -1, 1, 1),)


def evaluate_f64(path, feeds):
    model = onnx.load(path)
    widen_graph(model.graph)
    wide = {name: value.astype(np.float64) if value.dtype == np.float32 else value for name, value in feeds.items()}
    values = ReferenceEvaluator(model, new_ops=[Conv]).run(None, wide, intermediate=True)
    narrow = [name for name, value in values.items() if getattr(value, "dtype", None) == np.float32]
    assert not narrow, f"these values were not evaluated in f64: {narrow}"
    return [values[output.name] for output in model.graph.output]


# ---- the engines


def inputs_of(path, sequence):
    random = np.random.default_rng(1)
    feeds = {}
    for value in onnx.load(path, load_external_data=False).graph.input:
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == FLOAT:
            feeds[value.name] = random.random(dims, dtype=np.float32)
        elif "mask" in value.name:
            feeds[value.name] = np.ones(dims, np.int64)
            feeds[value.name][:, sequence - sequence // 4 :] = 0  # a quarter is padding
        else:
            feeds[value.name] = random.integers(0, 2, dims) if "type" in value.name else random.integers(1000, 30000, dims)
    return feeds


def run_native(accel, path, feeds, names, work):
    command = [accel, "run", path, "--engine", "native", "--output-dir", f"{work}/outputs", "--quiet"]
    for i, (name, value) in enumerate(feeds.items()):
        np.save(f"{work}/input-{i}.npy", value)
        command += ["--input", f"{name}={work}/input-{i}.npy"]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return [np.load(f"{work}/outputs/{name.replace('/', '_')}.npy") for name in names]


def run_onnxruntime(path, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def relative_l2(output, exact):
    return float(np.linalg.norm(output.astype(np.float64) - exact) / np.linalg.norm(exact))


def measure(accel, work, model, batch, sequence):
    """One row an output: (name, native's error, ONNX Runtime's)."""
    program = Path(accel).with_name("give_file")
    command = [program, model, "openvino", f"{work}/model", batch, sequence or 0]
    path = subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    names = [value.name for value in onnx.load(path, load_external_data=False).graph.output]
    feeds = inputs_of(path, sequence)
    exact = evaluate_f64(path, feeds)
    native, peer = run_native(accel, path, feeds, names, work), run_onnxruntime(path, feeds)
    return [(n, relative_l2(a, e), relative_l2(b, e)) for n, a, b, e in zip(names, native, peer, exact, strict=True)]


def main():
    quick = sys.argv[1] == "--quick"
    accel, work = sys.argv[-2:]
    page = Page("accuracy", "Errors against f64", accel, "quick: few cases" if quick else "", by_cpu=True)
    rows, worst = [], (0.0, "")
    for model, batch, sequence in QUICK if quick else CASES:
        label = f"{model} b{batch}" + (f" s{sequence}" if sequence else "")
        say(f"accuracy: {label}")
        for name, ours, theirs in measure(accel, work, model, batch, sequence):
            ratio = ours / theirs if theirs else float(ours > 0.0)
            worst = max(worst, (ratio, f"{label}, {name}"))
            rows.append([label, name, f"{ours:.2e}", f"{theirs:.2e}", f"**{ratio:.2f}**"])
    page.text(
        "Relative L2 of an output against the same graph evaluated in float64 (weights, constants and inputs widened, the onnx package's reference",
        "implementation), for `accel run` with the native engine and for ONNX Runtime, both on the same plain .onnx file in fp32. The light graphs carry",
        f"seeded random weights, MiniLM its own; a quarter of its tokens are padding. onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}.",
    )
    page.table(["case", "output", ">native", ">ONNX Runtime", ">native / ONNX Runtime"], rows)
    page.bar("native's error at most twice ONNX Runtime's", f"worst {worst[0]:.2f} ({worst[1]})", worst[0] <= 2.0, timed=False)
    page.write()


main()

#!/usr/bin/env python3
"""Older operator forms give the numbers that ONNX Runtime gives (numpy, for forms that it no longer reads), and models that
accel has read and written again pass onnx.checker and give the same numbers in ONNX Runtime."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

TOOL = Path(os.environ["ACCEL_BUILD_DIR"]) / "tests" / "formats_test_onnx_forms"
rng = np.random.default_rng(11)


def f32(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def node(op, inputs="x", outputs="y", **attributes):
    return helper.make_node(op, inputs.split(","), outputs.split(","), **attributes)


def model_of(opset, nodes, inputs, constants=(), outputs=("y",), functions=(), opsets=(), value_info=()):
    """Output types are left open, so that nothing is known but what follows from the inputs."""
    graph = helper.make_graph(
        nodes,
        "forms",
        [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(v, k) for k, v in dict(constants).items()],
        value_info=value_info,
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(*o) for o in opsets)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=list(functions))


def run_accel(folder, model, inputs):
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    files = []
    for i, value in enumerate(inputs.values()):
        files.append(folder / f"in{i}.npy")
        np.save(files[-1], value)
    done = subprocess.run([TOOL, "--run", folder / "model.onnx", folder, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [np.load(folder / f"{i}.npy") for i in range(len(model.graph.output))]


def run_ort(data, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, inputs)


def compare(name, got, want):
    assert len(got) == len(want), name
    for a, b in zip(got, want):
        assert a.shape == b.shape, (name, a.shape, b.shape)
        assert np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=1e-5, atol=1e-5), (name, a, b)


# ---- forms that ONNX Runtime still reads -------------------------------------------------------------------------

x4 = {"x": f32(2, 4, 6, 5)}
x3 = {"x": f32(2, 3, 4)}
x2 = {"x": f32(3, 5)}
i64 = lambda *v: np.array(v, np.int64)

RUNTIME_CASES = {
    "softmax flattens": (11, [node("Softmax", axis=1)], x3),
    "softmax of axis 0": (9, [node("Softmax", axis=0)], x3),
    "softmax of the last axis": (12, [node("Softmax", axis=2)], x3),
    "softmax of a negative axis": (11, [node("Softmax", axis=-2)], x3),
    "softmax by default": (11, [node("Softmax")], x2),
    "log softmax flattens": (11, [node("LogSoftmax", axis=1)], x3),
    "hardmax flattens": (11, [node("Hardmax", axis=1)], x3),
    "clip of attributes": (6 + 1, [node("Clip", min=-0.5, max=0.25)], x3),
    "clip of one attribute": (10, [node("Clip", max=0.25)], x3),
    "clip of float16": (10, [node("Cast", to=TensorProto.FLOAT16, outputs="h"), node("Clip", "h", min=-0.5, max=0.5)], x3),
    "pad of attributes": (10, [node("Pad", pads=[0, 1, 2, 0, 0, 1], value=7.0)], x3),
    "pad reflected": (10, [node("Pad", pads=[0, 1, 1, 0, 1, 1], mode="reflect")], x3),
    "slice of attributes": (9, [node("Slice", starts=[0, 1], ends=[2, -1], axes=[0, 2])], x3),
    "slice without axes": (9, [node("Slice", starts=[0, 1], ends=[2, 3])], x3),
    "squeeze of attributes": (11, [node("Unsqueeze", axes=[0, 3], outputs="u"), node("Squeeze", "u", axes=[0])], x2),
    "squeeze without axes": (11, [node("Squeeze")], {"x": f32(1, 3, 1, 2)}),
    "split of attributes": (11, [node("Split", outputs="y,z", axis=2, split=[1, 3])], x3, {}, ("y", "z")),
    "split in equal parts": (11, [node("Split", outputs="y,z", axis=2)], x3, {}, ("y", "z")),
    "split of an input": (13, [node("Split", "x,s", "y,z", axis=2)], x3, {"s": i64(3, 1)}, ("y", "z")),
    "split 13 in equal parts": (13, [node("Split", outputs="y,z", axis=2)], x3, {}, ("y", "z")),
    "top k of an attribute": (9, [node("TopK", outputs="y,z", k=2, axis=1)], x3, {}, ("y", "z")),
    "top k of an input": (10, [node("TopK", "x,k", "y,z")], x3, {"k": i64(2)}, ("y", "z")),
    "dropout": (10, [node("Dropout", ratio=0.3)], x3),
    "dropout of opset 7": (7, [node("Dropout", ratio=0.3)], x3),
    "batch norm of opset 8": (8, [node("BatchNormalization", "x,s,b,m,v", spatial=1)], x4,
                              {"s": f32(4), "b": f32(4), "m": f32(4), "v": np.abs(f32(4))}),
    "batch norm of opset 9": (9, [node("BatchNormalization", "x,s,b,m,v", epsilon=1e-3)], x4,
                              {"s": f32(4), "b": f32(4), "m": f32(4), "v": np.abs(f32(4))}),
    "upsample of attributes": (7, [node("Upsample", scales=[1.0, 1.0, 2.0, 3.0], mode="nearest")], x4),
    "upsample of an input": (9, [node("Upsample", "x,s", mode="linear")], x4, {"s": np.array([1, 1, 2, 2], np.float32)}),
    "resize of opset 10": (10, [node("Resize", "x,s", mode="nearest")], x4, {"s": np.array([1, 1, 1.5, 0.6], np.float32)}),
    "resize 10 smaller": (10, [node("Resize", "x,s", mode="nearest")], x4, {"s": np.array([1, 1, 0.4, 0.6], np.float32)}),
    "resize 10 linear": (10, [node("Resize", "x,s", mode="linear")], x4, {"s": np.array([1, 1, 2, 0.5], np.float32)}),
    "resize 11 with empty scales": (11, [node("Resize", "x,r,s,z", mode="linear")], x4,
                                    {"r": np.zeros(0, np.float32), "s": np.zeros(0, np.float32), "z": i64(2, 4, 9, 7)}),
    "scatter": (9, [node("Scatter", "x,i,u", axis=1)], {"x": f32(3, 4)}, {"i": i64([0, 2], [1, 3]), "u": f32(2, 2)}),
    "grid sample of opset 16": (16, [node("GridSample", "x,g", mode="bicubic")], x4,
                                {"g": np.clip(f32(2, 3, 3, 2), -1, 1)}),
    "roi align of opset 10": (10, [node("RoiAlign", "x,r,b", output_height=2, output_width=2, sampling_ratio=2)], x4,
                              {"r": np.array([[0, 0, 3, 4]], np.float32), "b": i64(1)}),
    "group norm of opset 18": (18, [node("GroupNormalization", "x,s,b", num_groups=2)], x4, {"s": f32(2), "b": f32(2)}),
    "dft of opset 17": (17, [node("DFT", axis=1)], {"x": f32(2, 6, 1)}),
    "shape then reshape": (11, [node("Shape", outputs="s"), node("Softmax", axis=1, outputs="t"), node("Reshape", "t,s")], x3),
    "unsorted nodes": (17, [node("Relu", "t"), node("Neg", outputs="t")], x3),
}
for op in "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp".split():
    RUNTIME_CASES[f"{op} of attributes"] = (11, [node(op, axes=[0, -1], keepdims=0)], x3)
    RUNTIME_CASES[f"{op} of all axes"] = (11, [node(op)], x3)

# ---- subgraphs and functions --------------------------------------------------------------------------------------


def branch(op, name):
    return helper.make_graph([node(op, "x", name)], name, [], [onnx.ValueInfoProto(name=name)])


RUNTIME_CASES["if with captured values"] = (
    16,
    [node("If", "c", then_branch=branch("Neg", "a"), else_branch=branch("Exp", "b"))],
    {"c": np.array(True), **x3},
)

scale = helper.make_function(
    "own", "Scale", ["a", "b"], ["c"],
    [helper.make_node("Constant", [], ["k"]), node("Mul", "a,k", "t"), node("Add", "t,b", "c")],
    [helper.make_opsetid("", 17)], ["factor"],
)
scale.node[0].attribute.add(name="value_float", ref_attr_name="factor", type=onnx.AttributeProto.FLOAT)
twice = helper.make_function(
    "own", "Twice", ["a"], ["b", "a2"],
    [helper.make_node("Scale", ["a", "a"], ["t"], domain="own", factor=2.0),
     helper.make_node("Scale", ["t", "a"], ["b"], domain="own", factor=3.0), node("Identity", "a", "a2")],
    [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)],
)
RUNTIME_CASES["functions in functions"] = (
    17,
    [helper.make_node("Twice", ["x"], ["p", "q"], domain="own"), helper.make_node("Twice", ["p"], ["y", ""], domain="own")],
    x3, {}, ("y", "q"), (twice, scale), (("own", 1),),
)


def softmax_2d(x, axis):
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    e = np.exp(flat - flat.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).reshape(x.shape)


# ---- forms that only old files have: expected values from numpy ------------------------------------------------------

b2, c1 = f32(4, 6), f32(4)
NUMPY_CASES = {
    "add from an axis": (6, [node("Add", "x,b", broadcast=1, axis=1)], x4, {"b": b2}, lambda x: x + b2[:, :, None]),
    "mul from an axis": (6, [node("Mul", "x,b", broadcast=1, axis=1)], x4, {"b": c1}, lambda x: x * c1[:, None, None]),
    "sub of a suffix": (6, [node("Sub", "x,b", broadcast=1)], x4, {"b": f32(6, 5)}, None),
    "add from a negative axis": (6, [node("Add", "x,b", broadcast=1, axis=-3)], x4, {"b": c1}, lambda x: x + c1[:, None, None]),
    "prelu of channels": (6, [node("PRelu", "x,b")], x4, {"b": c1}, lambda x: np.where(x < 0, x * c1[:, None, None], x)),
    "gemm that broadcasts": (6, [node("Gemm", "x,w,b", broadcast=1)], x2, {"w": np.eye(5, dtype=np.float32), "b": f32(5)}, None),
    "cast by name": (5, [node("Cast", to="INT32", outputs="i"), node("Cast", "i", to="FLOAT")], x3, {}, lambda x: np.trunc(x)),
    "batch norm of opset 6": (6, [node("BatchNormalization", "x,s,b,m,v", is_test=1)], x4,
                              {"s": np.ones(4, np.float32), "b": c1, "m": np.zeros(4, np.float32), "v": np.ones(4, np.float32)},
                              lambda x: x / np.sqrt(1 + 1e-5) + c1[:, None, None]),
    "dropout of opset 6": (6, [node("Dropout", is_test=1)], x3, {}, lambda x: x),
    "consumed inputs": (5, [node("Relu", consumed_inputs=[0])], x3, {}, lambda x: np.maximum(x, 0)),
    "reshape of an attribute": (4, [node("Reshape", shape=[4, -1])], x3, {}, lambda x: x.reshape(4, -1)),
    "pad of opset 1": (1, [node("Pad", paddings=[0, 0, 1, 0, 0, 1])], x3, {}, lambda x: np.pad(x, ((0, 0), (0, 0), (1, 1)))),
    "concat by default": (3, [node("Concat", "x,x")], x3, {}, lambda x: np.concatenate([x, x], 1)),
    "softmax of opset 6": (6, [node("Softmax", axis=1)], x3, {}, lambda x: softmax_2d(x, 1)),
    "upsample of opset 6": (6, [node("Upsample", height_scale=2.0, width_scale=2.0)], x4, {},
                            lambda x: x.repeat(2, 2).repeat(2, 3)),
}


def check_forms(folder):
    for name, (opset, nodes, inputs, *rest) in RUNTIME_CASES.items():
        model = model_of(opset, nodes, inputs, *rest)
        compare(name, run_accel(folder, model, inputs), run_ort(model.SerializeToString(), inputs))
    for name, (opset, nodes, inputs, constants, expected) in NUMPY_CASES.items():
        model = model_of(opset, nodes, inputs, constants)
        x = inputs["x"]
        if expected is None:  # numpy's own broadcasting
            b = constants["b"]
            expected = (lambda x: x + b) if "gemm" in name else (lambda x: x - b)
        compare(name, run_accel(folder, model, inputs), [expected(x)])


def check_copies(folder):
    for name in ("softmax flattens", "if with captured values", "functions in functions", "group norm of opset 18"):
        opset, nodes, inputs, *rest = RUNTIME_CASES[name]
        model = model_of(opset, nodes, inputs, *rest)
        want = run_ort(model.SerializeToString(), inputs)
        for external in ([], ["external"]):
            (folder / "model.onnx").write_bytes(model.SerializeToString())
            subprocess.run([TOOL, "--copy", folder / "model.onnx", folder / "copy.onnx", *external], check=True)
            onnx.checker.check_model(str(folder / "copy.onnx"), full_check=True)
            compare(name, run_ort(str(folder / "copy.onnx"), inputs), want)
    weights = {"w": f32(64, 64)}
    model = model_of(17, [node("MatMul", "x,w")], {"x": f32(2, 64)}, weights)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    subprocess.run([TOOL, "--copy", folder / "model.onnx", folder / "big.onnx", "external"], check=True)
    assert (folder / "big.onnx.data").stat().st_size == 64 * 64 * 4
    onnx.checker.check_model(str(folder / "big.onnx"), full_check=True)
    x = {"x": f32(2, 64)}
    compare("external", run_ort(str(folder / "big.onnx"), x), [x["x"] @ weights["w"]])


def main():
    if not TOOL.exists():
        print(f"skipped: {TOOL} is not built")
        return 77
    with tempfile.TemporaryDirectory() as name:
        check_forms(Path(name))
        check_copies(Path(name))
    print(f"{len(RUNTIME_CASES) + len(NUMPY_CASES)} forms")
    return 0


if __name__ == "__main__":
    sys.exit(main())

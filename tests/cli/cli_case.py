"""What the tests of the command share: a folder to work in, small models, running accel."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ACCEL = os.environ["ACCEL_BIN"]

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def mlp(path, width=16, batch="batch", opset=17):
    """y = relu(x @ w + b), the batch symbolic; numpy gives the expected answer."""
    rng = np.random.default_rng(7)
    w = rng.standard_normal((width, width)).astype(np.float32)
    b = rng.standard_normal(width).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["xw"]),
            helper.make_node("Add", ["xw", "b"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["out/y"]),
        ],
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, width])],
        [helper.make_tensor_value_info("out/y", TensorProto.FLOAT, [batch, width])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return lambda x: np.maximum(x @ w + b, 0)


def quantised(path, width=16):
    """y = dequantise(u8 x * s8 w): what a quantiser makes of a product, in its dynamic form."""
    w = np.random.default_rng(7).integers(-127, 128, (width, width), dtype=np.int8)
    graph = helper.make_graph(
        [
            helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
            helper.make_node("MatMulInteger", ["q", "w", "zero"], ["sum"]),
            helper.make_node("Cast", ["sum"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["real", "scale"], ["y"]),
        ],
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", width])],
        [numpy_helper.from_array(w, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class CliCase(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = Path(self.temporary.name)
        self.model = self.folder / "mlp.onnx"
        self.expected = mlp(self.model)
        self.db = self.folder / "results.duckdb"

    def accel(self, *arguments, code=0, env=None, timeout_s=110):
        """Runs accel; its exit code must be `code`, unless that is None. Gives stdout; stderr is in self.err."""
        environment = {k: v for k, v in os.environ.items() if k != "BENCHMARK_DB_PATH"} | (env or {})
        done = subprocess.run(
            [ACCEL, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=environment, timeout=timeout_s
        )
        self.err = done.stderr
        if code is not None:
            self.assertEqual(done.returncode, code, f"accel {arguments}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def accel_json(self, *arguments, **options):
        return json.loads(self.accel(*arguments, "--format", "json", **options))

    def bench(self, *arguments, **options):
        """A quick benchmark: what is tested is never how long it takes."""
        quick = ["--min-time", "0.05", "--max-time", "0.5", "-q"]
        return self.accel("bench", *arguments, *quick, **options)

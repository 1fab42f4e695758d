#!/usr/bin/env python3
"""fp16 on a GPU: the zoo's smallest models of all classes, in all modes; a file in float16; a GPU that has none of it. Needs wgpu-native and an adapter
of Vulkan, of which llvmpipe has shader-f16 and SwiftShader has not.
ctest: timeout 900
"""

import json
import unittest
from pathlib import Path

import numpy as np
import onnx
from cli_case import CliCase
from onnx import TensorProto, helper, numpy_helper

LIMIT = 5e-3
# name: sequence. In clap-tiny with the usual seed a cosine lies near 0: 5.2e-3 off, and 6.2e-3 with the native engine's fp16.
MODELS = {"distilbert-tiny": 16, "gpt2-tiny": 16, "qwen3-tiny": 16, "t5-tiny": 16, "clip-tiny": 12, "vit-tiny": None, "resnet-tiny": None,
          "detr-tiny": None, "wav2vec2-tiny": None, "llava-tiny": 16, "qwen2-vl-tiny": 96, "whisper-tiny-random": 16}
SWIFTSHADER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")


def half_mlp(path, width=48):
    """y = relu(x @ w + b), all of it float16; weights of 2304 elements, which lie in f16 on the device."""
    rng = np.random.default_rng(7)
    arrays = [numpy_helper.from_array(rng.standard_normal(shape).astype(np.float16), name) for name, shape in (("w", (width, width)), ("b", (width,)))]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["sum"]), helper.make_node("Relu", ["sum"], ["y"])], "half",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [8, width])], [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [8, width])], arrays)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Half(CliCase):
    def run_half(self, model, *words, precision="fp16", **options):
        out = self.bench(model, "--on", "vulkan", "--precision", precision, "--no-db", "--format", "json", *words, code=None, **options)
        records = [record for record in json.loads(out) if record["status"] != "unsupported" or "write text" not in record["error"]]
        if records[0]["status"] == "absent" or "lacks the feature" in (records[0]["error"] or "") and not options:
            self.skipTest(records[0]["error"])
        return records

    def check(self, record, what):
        self.assertEqual((record["status"], record["precision_asked"], record["precision_ran"]), ("ok", "fp16", "fp16"), (what, record["error"]))
        self.assertTrue(record["verification"]["pass"], what)
        self.assertLessEqual(record["verification"]["relative_l2"], LIMIT, what)
        self.assertIn("values=fp16, sums=fp32", record["engine"]["options"])

    def test_every_class_in_every_mode(self):
        for name, sequence in MODELS.items():
            words = ["--mode", "inference,prefill,decode", *(["--seq", sequence] if sequence else [])]
            for record in self.run_half(name, *words, timeout_s=300):
                self.check(record, f"{name} {record['mode']}")

    def test_weights_take_half_the_memory(self):
        (half,), (whole,) = (self.run_half("distilbert-tiny", "--seq", 16, "--no-verify", precision=precision) for precision in ("fp16", "fp32"))
        self.assertLess(half["memory"]["model_bytes"], 0.6 * whole["memory"]["model_bytes"])
        self.assertLess(half["memory"]["activation_bytes"], 0.7 * whole["memory"]["activation_bytes"])

    def test_a_file_in_float16(self):
        half_mlp(self.folder / "half.onnx")
        (record,) = self.run_half(self.folder / "half.onnx")
        self.check(record, "half.onnx")

    @unittest.skipUnless(SWIFTSHADER.exists(), "SwiftShader is not here")
    def test_a_gpu_without_it_is_named(self):
        (record,) = self.run_half("distilbert-tiny", "--seq", 16, env={"VK_DRIVER_FILES": str(SWIFTSHADER), "VK_ICD_FILENAMES": str(SWIFTSHADER)})
        self.assertEqual(record["status"], "unsupported")
        self.assertIn("does not execute fp16: it lacks the feature shader-f16, which fp16 needs", record["error"])


if __name__ == "__main__":
    unittest.main()

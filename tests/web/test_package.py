#!/usr/bin/env python3
"""The engine of pages in Node, without workers: units, the goldens of the zoo, the zoo's smallest against the native engine, ONNX's own cases.

Needs node 18 and what `make web` builds. Relaxed SIMD where node has it (behind a flag before 22).
ctest: timeout 600
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
HERE = SOURCE / "tests" / "web"
CONFORMANCE = SOURCE / ".deps" / "conformance"
PACKAGE = SOURCE / "build" / "web" / "package"
TYPES = {"float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"}
# As in tests/conformance: the expected zeros are noise of a transform in float32. Of random draws (bernoulli) the type is all that can be compared.
KNOWN = {"node/test_dft_inverse", "node/test_dft_inverse_opset19"}
CASES_AT_LEAST = 1700
NODE = None  # the command, with what it needs for relaxed SIMD; set below
VARIANTS = ["baseline"]


def node(script, *arguments, timeout_s=500):
    done = subprocess.run([*NODE, HERE / script, *arguments], capture_output=True, text=True, timeout=timeout_s)
    return done.returncode, done.stdout, done.stderr


def tensors_only(case):
    """Model, and inputs and outputs of each data set, where all are tensors of numbers; else None."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(case / "model.onnx", load_external_data=False)
    initialised = {i.name for i in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in initialised]
    sets = []
    for data in sorted(case.glob("test_data_set_*")):
        kinds = []
        for prefix, infos in (("input", inputs), ("output", model.graph.output)):
            tensors = {}
            for i, info in enumerate(infos):
                if not (data / f"{prefix}_{i}.pb").exists() or info.type.WhichOneof("value") != "tensor_type":
                    return None
                array = numpy_helper.to_array(onnx.TensorProto.FromString((data / f"{prefix}_{i}.pb").read_bytes()))
                if array.dtype.name not in TYPES or array.ndim > 8:
                    return None
                tensors[info.name] = array
            kinds.append(tensors)
        sets.append(kinds)
    return sets


def write_cases(folder):
    """What conformance.mjs reads, and the expected outputs with their tolerances by case."""
    cases, expected = [], {}
    with open(folder / "inputs.bin", "wb") as binary:
        for case in sorted(CONFORMANCE.glob("*/*/")):
            name = f"{case.parent.name}/{case.name}"
            sets = None if name in KNOWN or case.parent.name == "light" or "bernoulli" in name else tensors_only(case)
            if not sets:
                continue
            listed = []
            for inputs, _ in sets:
                listed.append([])
                for key, array in inputs.items():
                    at = binary.tell()
                    binary.write(array.tobytes())
                    listed[-1].append({"name": key, "type": array.dtype.name, "dims": list(array.shape), "at": at, "bytes": array.nbytes})
            tolerance = json.loads((case / "data.json").read_text()) if (case / "data.json").exists() else {"rtol": 1e-3, "atol": 1e-7}
            cases.append({"name": name, "model": str(case / "model.onnx"), "sets": listed})
            expected[name] = [outputs for _, outputs in sets], tolerance
    (folder / "cases.json").write_text(json.dumps(cases))
    return expected


class Package(unittest.TestCase):
    def test_versions_are_the_projects(self):
        version = re.search(r"project\(accel VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text())[1]
        self.assertEqual(json.loads((PACKAGE / "package.json").read_text())["version"], version)
        self.assertIn(f'export const version = "{version}";', (PACKAGE / "index.js").read_text())

    def test_what_a_page_may_do_wrong(self):
        for variant in VARIANTS:
            with self.subTest(variant):
                code, out, err = node("units.mjs", variant, str(CONFORMANCE))
                self.assertEqual(code, 0, out + err)

    def test_threads(self):
        for variant in VARIANTS:
            code, out, err = node("threads.mjs", f"{variant}-threads")
            self.assertEqual((code, out), (0, "passed\n"), out + err)

    def test_goldens_of_the_zoo(self):
        for variant, weights in [*((variant, "as-given") for variant in VARIANTS), ("baseline", "packed")]:
            code, out, err = node("goldens.mjs", variant, weights)
            self.assertEqual(code, 0, err)
            lines = [json.loads(line) for line in out.splitlines()]
            self.assertGreaterEqual(len(lines), 240)
            wrong = [line for line in lines if not line.get("distance", 1e9) <= line["tolerance"]]
            self.assertEqual(wrong, [], f"{variant}, weights {weights}")
            if weights == "packed":
                self.assertGreaterEqual(sum(line["before"] is True for line in lines), 100)

    def test_weights_packed_in_place_are_the_same_weights(self):
        minilm = SOURCE / ".deps" / "minilm"
        if not (minilm / "model.safetensors").exists():
            self.skipTest("MiniLM is not here: run make deps")
        for variant in VARIANTS:
            code, out, err = node("packed.mjs", variant, minilm)
            self.assertEqual(code, 0, err)
            result = json.loads(out)
            self.assertLessEqual(result["distance"], 1e-6, variant)
            self.assertGreater(result["saved"], 30e6, variant)  # of 42 MB of packed weights

    def test_the_zoos_smallest_are_what_the_native_engine_gives(self):
        names = json.loads(subprocess.run([os.environ["ACCEL_BIN"], "models", "--format", "json"], capture_output=True, text=True, check=True).stdout)
        tiny = [m["name"] for m in names if m["name"].endswith("-tiny") and m["parameters"] < 5e6]
        self.assertGreaterEqual(len(tiny), 15)
        with tempfile.TemporaryDirectory() as folder:
            for name in tiny:
                subprocess.run([os.environ["ACCEL_BIN"], "run", name, "--output-dir", f"{folder}/{name}", "--quiet"], capture_output=True, check=True)
            for variant in VARIANTS:
                code, out, err = node("zoo.mjs", variant, folder, *tiny)
                self.assertEqual(code, 0, err)
                lines = [json.loads(line) for line in out.splitlines()]
                self.assertEqual(len(lines), len(tiny))
                self.assertEqual([line for line in lines if not line.get("distance", 1e9) <= 1e-5], [], variant)

    def test_onnx_cases(self):
        for variant in VARIANTS:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                expected = write_cases(folder)
                code, _, err = node("conformance.mjs", variant, folder)
                self.assertEqual(code, 0, err)
                results = json.loads((folder / "outputs.json").read_text())
                binary = (folder / "outputs.bin").read_bytes()
                passed, wrong = 0, {}
                for result in results:
                    sets, tolerance = expected[result["name"]]
                    reason = result.get("error") or self.difference(result["sets"], sets, tolerance, binary)
                    passed += reason is None
                    if reason and not reason.startswith("unsupported"):
                        wrong[result["name"]] = reason
                self.assertEqual(wrong, {}, variant)
                self.assertGreaterEqual(passed, CASES_AT_LEAST)

    def difference(self, got_sets, sets, tolerance, binary):
        for got, outputs in zip(got_sets, sets, strict=True):
            for name, array in outputs.items():
                t = got[name]
                if t["type"] != array.dtype.name or t["dims"] != list(array.shape):
                    return f"{name} is {t['type']} {t['dims']}, not {array.dtype} {array.shape}"
                have = np.frombuffer(binary, t["type"], array.size, t["at"]).reshape(array.shape)
                if not np.allclose(have.astype("f8"), array.astype("f8"), tolerance["rtol"], tolerance["atol"], equal_nan=True):
                    return f"{name} differs"
        return None


def ready():
    """Why these tests cannot run here; None: they can."""
    global NODE
    program = shutil.which("node")
    if not program:
        return "node is missing: apt-get install nodejs"
    major = int(subprocess.run([program, "--version"], capture_output=True, text=True).stdout[1:].split(".")[0])
    if major < 18:
        return f"node {major} is older than 18"
    if not (PACKAGE / "accel-baseline.wasm").exists():
        return "the package is not built: make web"
    if not (CONFORMANCE / "node").exists():
        return "ONNX's cases are not here: make conformance"
    NODE = [program, *(["--experimental-wasm-relaxed-simd"] if major in (20, 21) else [])]
    if major >= 20:
        VARIANTS.append("relaxed")
    return None


if __name__ == "__main__":
    reason = ready()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()

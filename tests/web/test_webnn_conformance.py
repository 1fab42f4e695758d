#!/usr/bin/env python3
"""ONNX's own cases of the operators that the WebNN engine has a lowering for, in a browser that has WebNN: each is right, or was refused in words before anything was built. A fourth of the cases, chosen by their names; --all: all. ctest: timeout 300

    tests/web/test_webnn_conformance.py [PART_OF_A_NAME] [--all] [--table]
"""

import json
import sys
import zlib
from collections import Counter, defaultdict

import numpy as np
import onnx
from onnx import numpy_helper
from webnn_browser import SOURCE, TOOL, TYPES, WebnnBrowser, skip_without_browser

CASES = SOURCE / ".deps/conformance"
# Per operator, as the WebNN conformance tests have it: what this backend computes by approximation.
ABSOLUTE = defaultdict(lambda: 1e-5)
ABSOLUTE.update(dict.fromkeys(("Tanh", "Erf", "Sin", "Cos", "Gelu", "Mish"), 1 / 1024))
# A row of a mask that lets nothing through is an average here, as exporters write it, and zero in the standard; a remainder of infinity.
KNOWN = {
    "node-test_attention_23_boolmask_fullymasked_row_nan_robustness", "node-test_attention_causal_boolmask_nan_robustness",
    "node-test_mod_float_edge_cases_fmod_0_float16", "node-test_mod_float_edge_cases_fmod_0_float32",
}


def tensor(path):
    value = onnx.TensorProto()
    value.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(value)


def read_case(folder):
    """(operators, inputs, outputs), or None where a page cannot be given what it takes."""
    graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    data = folder / "test_data_set_0"
    constants = {value.name for value in graph.initializer}
    given = [value for value in graph.input if value.name not in constants]
    if any(not value.type.HasField("tensor_type") for value in [*given, *graph.output]):
        return None
    paths = [data / f"input_{index}.pb" for index in range(len(given))]
    if not all(path.exists() for path in paths):
        return None
    inputs = {value.name: tensor(path) for value, path in zip(given, paths)}
    outputs = {value.name: tensor(data / f"output_{index}.pb") for index, value in enumerate(graph.output)}
    if any(str(array.dtype) not in TYPES for array in [*inputs.values(), *outputs.values()]):
        return None
    return {node.op_type for node in graph.node}, inputs, outputs


def with_constants(path, inputs, to):
    """The case with all inputs but the first as constants, as exporters write axes, sizes and pads."""
    model = onnx.load(path)
    first = next(iter(inputs))
    for name, array in inputs.items():
        if name != first:
            model.graph.initializer.append(numpy_helper.from_array(array, name))
            model.graph.input.remove(next(value for value in model.graph.input if value.name == name))
    onnx.save(model, to)
    return {first: inputs[first]}


def describe_again(web, folders, cases):
    """Where WebNN has to know what the case gives as an input."""
    changed = {}
    for name, (operators, inputs, outputs) in cases.items():
        refusal = web.refusal(name) or ""
        if len(inputs) > 1 and any(word in refusal for word in ("computed", "is not known", "are not known")):
            path = web.folder / f"{name}.onnx"
            inputs = with_constants(folders[name] / "model.onnx", inputs, path)
            cases[name] = operators, inputs, outputs
            changed[name] = path, inputs
            (web.folder / f"{name}.err").unlink()
    web.describe(changed)


def tolerances(folder, operators):
    told = folder / "data.json"
    told = json.loads(told.read_text()) if told.exists() else {}
    return told.get("rtol", 1e-3), max([told.get("atol", 1e-7), *(ABSOLUTE[op] for op in operators)])


def difference(folder, operators, got, expected):
    rtol, atol = tolerances(folder, operators)
    for name, array in expected.items():
        if got[name].dtype != array.dtype or got[name].shape != array.shape:
            return f"{name} is {got[name].dtype} {got[name].shape}, expected {array.dtype} {array.shape}"
        if not np.allclose(got[name], array, rtol, atol, equal_nan=True):
            return f"{name} differs by {np.nanmax(np.abs(got[name].astype(float) - array.astype(float))):.3g}"
    return None


def run_case(web, name, folder, case):
    refusal = web.refusal(name)
    if refusal:
        return ("unsupported" if refusal.startswith("unsupported") else "failed"), refusal
    operators, inputs, expected = case
    try:
        outputs, _ = web.run(name, inputs)
    except (RuntimeError, TimeoutError) as error:
        if isinstance(error, TimeoutError) or "ended" in str(error):
            web.restart()
            return "crashed", str(error)
        return "refused", str(error).splitlines()[0]
    wrong = difference(folder, operators, outputs, expected)
    return ("failed", wrong) if wrong else ("passed", "")


def main():
    skip_without_browser((TOOL, "cmake --build"))
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    folders = {f"{path.parent.parent.name}-{path.parent.name}": path.parent for path in CASES.glob("*/*/model.onnx")}
    folders = {name: path for name, path in sorted(folders.items()) if (words[0] in name if words else "--all" in sys.argv or zlib.crc32(name.encode()) % 4 == 0)}
    cases = {name: case for name, path in folders.items() if (case := read_case(path))}
    counts = Counter()
    with WebnnBrowser() as web:
        web.describe({name: (folders[name] / "model.onnx", case[1]) for name, case in cases.items()})
        describe_again(web, folders, cases)
        for name, case in cases.items():
            status, why = run_case(web, name, folders[name], case)
            status = "known" if status == "failed" and name in KNOWN else status
            counts[status] += 1
            if status != "passed" and ("--table" in sys.argv or status != "unsupported"):
                print(f"{status}: {name}: {why[:300]}", flush=True)
    print(", ".join(f"{count} {status}" for status, count in counts.items()), f"({len(folders) - len(cases)} take or give what a page cannot)")
    if counts["failed"] + counts["crashed"] > 0 or not counts["passed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()

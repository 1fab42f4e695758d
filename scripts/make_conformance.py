#!/usr/bin/env python3
"""Writes the conformance cases of the onnx package as a folder of KIND/NAME/{model.onnx,test_data_set_N/}.

    scripts/make_conformance.py FOLDER

Kinds: node, simple, pytorch-converted, pytorch-operator, and light (the nine real graphs). data.json holds
a case's tolerances. The folder is written aside and renamed, and a folder of the same onnx version is kept.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

EXPECTED = {"node": 1884, "simple, pytorch-converted, pytorch-operator": 140, "light": 9}


def to_proto(value, info):
    """A value as the proto that its declared type asks for (tensor, sequence, optional or map)."""
    if isinstance(value, onnx.TensorProto | onnx.SequenceProto | onnx.OptionalProto):
        return value
    kind = info.type.WhichOneof("value")
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    return numpy_helper.from_array(np.asarray(value), info.name)


def write_case(folder, case):
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for n, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{n}"
        data.mkdir()
        for prefix, values, infos in (
            ("input", inputs, case.model.graph.input),
            ("output", outputs, case.model.graph.output),
        ):
            for i, value in enumerate(values):
                (data / f"{prefix}_{i}.pb").write_bytes(to_proto(value, infos[i]).SerializeToString())


def write_light_case(folder, source):
    """A light graph with the input that onnx's own runner gives it: 0, 1/n, 2/n ... in order."""
    model = onnx.load(source)
    data = folder / "test_data_set_0"
    data.mkdir()
    shutil.copy(source, folder / "model.onnx")
    initializers = {i.name for i in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in initializers]
    for n, info in enumerate(inputs):
        assert info.type.tensor_type.elem_type == TensorProto.FLOAT, info
        shape = [d.dim_value if d.HasField("dim_value") else 1 for d in info.type.tensor_type.shape.dim]
        size = int(np.prod(shape))
        value = (np.arange(size).reshape(shape) / size).astype(np.float32)
        (data / f"input_{n}.pb").write_bytes(numpy_helper.from_array(value, info.name).SerializeToString())
    for n in range(len(model.graph.output)):
        shutil.copy(source.with_name(f"{source.stem}_output_{n}.pb"), data / f"output_{n}.pb")


def write_all(root):
    counts = dict.fromkeys(EXPECTED, 0)
    package = Path(onnx.__file__).parent.parent
    for kind in ("node", "simple", "pytorch-converted", "pytorch-operator", "real"):
        for case in load_model_tests(kind=kind):
            folder = root / ("light" if kind == "real" else kind) / case.name
            if case.model_dir:
                shutil.copytree(case.model_dir, folder)
            else:
                folder.mkdir(parents=True)
                if case.model:
                    write_case(folder, case)
                else:
                    write_light_case(folder, package / case.url)
            (folder / "data.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}) + "\n")
            counts[{"node": "node", "real": "light"}.get(kind, list(EXPECTED)[1])] += 1
    return counts


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    target = Path(sys.argv[1])
    stamp = f"onnx {onnx.__version__} {Path(__file__).stat().st_size}\n"
    if target.is_dir() and (target / ".onnx").is_file() and (target / ".onnx").read_text() == stamp:
        return
    print(f"conformance: writing the cases of onnx {onnx.__version__} into {target}", file=sys.stderr)
    work = target.with_name(target.name + ".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    counts = write_all(work)
    if counts != EXPECTED:
        sys.exit(f"conformance: the onnx package gave {counts}, expected {EXPECTED}")
    (work / ".onnx").write_text(stamp)
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)
    print(f"conformance: {sum(counts.values())} cases", file=sys.stderr)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Arrays that numpy saved come back equal after npy_read and npy_write."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import ml_dtypes
    import numpy as np
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

TOOL = Path(os.environ["ACCEL_BUILD_DIR"]) / "tests" / "formats_test_npy"
TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16", ">f4", ">i8", ">c16"]
SHAPES = [(), (0,), (5,), (2, 3), (2, 3, 4), (1, 0, 2)]


def through(folder, array, **options):
    np.lib.format.write_array(open(folder / "in.npy", "wb"), array, **options)
    subprocess.run([TOOL, "--convert", folder / "in.npy", folder / "out.npy"], check=True)
    return np.load(folder / "out.npy")


def main():
    if not TOOL.exists():
        print(f"skipped: {TOOL} is not built")
        return 77
    rng = np.random.default_rng(3)
    cases = [(kind, (2, 3), order, (1, 0)) for kind in TYPES for order in "CF"]
    cases += [("f4", shape, order, (1, 0)) for shape in SHAPES for order in "CF"]
    cases += [("f4", (4,), "C", version) for version in ((2, 0), (3, 0))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, shape, order, version in cases:
            array = np.asarray(rng.integers(0, 100, shape)).astype(kind)
            back = through(folder, np.asarray(array, order=order), version=version)
            assert back.dtype == array.dtype.newbyteorder("="), (back.dtype, array.dtype)
            assert back.shape == array.shape and (back == array).all(), (kind, shape, order)
        bf16 = np.array([1.5, -2, 3e38], ml_dtypes.bfloat16)
        assert (through(folder, bf16).view(ml_dtypes.bfloat16) == bf16).all()
        fp8 = np.array([1.5, -2, 448], ml_dtypes.float8_e4m3fn)
        assert (through(folder, fp8).view(np.uint8) == fp8.view(np.uint8)).all()
    print(f"{len(cases) + 2} arrays")
    return 0


if __name__ == "__main__":
    sys.exit(main())

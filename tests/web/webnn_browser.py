"""A browser that has WebNN, and a page in it that runs descriptions (webnn_page.js). Files of cases lie in a folder that is served with it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
PROGRAM = SOURCE / ".deps/webnn-chromium/chromium"
TOOL = Path(os.environ.get("ACCEL_BUILD_DIR", SOURCE / "build/release")) / "tests/webnn_describe_tool"
os.environ["ACCEL_CHROMIUM"] = str(PROGRAM)  # what browser.py starts
sys.path.insert(0, str(SOURCE / "tests/web"))
from browser import Chromium, Server  # noqa: E402

TYPES = {
    "float32": np.float32, "float16": np.float16, "int8": np.int8, "uint8": np.uint8, "int32": np.int32, "uint32": np.uint32,
    "int64": np.int64, "uint64": np.uint64, "bool": np.bool_,
}


def skip_without_browser(*more):
    for path, how in ((PROGRAM, "scripts/deps.sh web"), *more):
        if not path.exists():
            print(f"skipped: {path} is missing; {how} brings it")
            sys.exit(77)


def put(handler):
    Path(handler.translate_path(handler.path)).write_bytes(handler.rfile.read(int(handler.headers["Content-Length"])))
    handler.send_response(204)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


class WebnnBrowser:
    """with WebnnBrowser() as web: web.describe(cases), web.run(...)"""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="accel-webnn-"))
        package = SOURCE / "web/package"
        for file in (SOURCE / "tests/web/webnn_page.js", package / "webnn_graph.js", package / "errors.js"):
            shutil.copy(file, self.folder)
        (self.folder / "index.html").write_text("<!doctype html><title>WebNN</title>")
        self.server = Server(self.folder, do_PUT=put, isolated=False)
        self.browser = None
        self.restart()

    def restart(self):
        if self.browser:
            self.browser.stop()
        self.browser = Chromium()
        self.browser.open(f"{self.server.url}/index.html")
        (self.folder / "limits.json").write_text(json.dumps(self.call("limits")))

    @property
    def version(self):
        return self.browser.evaluate("navigator.userAgent.match(/Chrome\\/([\\d.]+)/)[1]")

    def call_of(self, module, function, *values):
        arguments = ",".join(json.dumps(value) for value in values)
        return self.browser.evaluate(f'import("/{module}").then((page) => page.{function}({arguments}))', timeout_s=600)

    def call(self, function, *values):
        return self.call_of("webnn_page.js", function, *values)

    def describe(self, cases):
        """cases: {id: (path of the model, {input: array})}. Afterwards ID.json and ID.bin lie in the folder, or ID.err."""
        lines = []
        for name, (model, inputs) in cases.items():
            shapes = " ".join(f"{key}={','.join(map(str, value.shape))}" for key, value in inputs.items())
            lines.append(f"{name} {model} {shapes}\n")
        self.use_tool(lines)

    def describe_zoo(self, models):
        """models: {id: "NAME MODE SEQUENCE"}. The same, with seeded inputs and what the native engine makes of them."""
        self.use_tool(f"{name} zoo:{words}\n" for name, words in models.items())

    def use_tool(self, lines):
        subprocess.run([TOOL, self.folder / "limits.json", self.folder], input="".join(lines), text=True, check=True, cwd=SOURCE)

    def zoo_inputs(self, name):
        data, at, inputs = (self.folder / f"{name}.in").read_bytes(), 0, {}
        for value in json.loads((self.folder / f"{name}.inputs").read_text()):
            kind = np.dtype(TYPES[value["type"]])
            size = int(np.prod(value["dims"])) * kind.itemsize
            inputs[value["name"]] = np.frombuffer(data[at : at + size], kind).reshape(value["dims"])
            at += size
        return inputs

    def zoo_expected(self, name, outputs):
        """The native engine's outputs, of the types and shapes of these."""
        data, at, expected = (self.folder / f"{name}.expected").read_bytes(), 0, {}
        for key, value in outputs.items():
            expected[key] = np.frombuffer(data[at : at + value.nbytes], value.dtype).reshape(value.shape)
            at += value.nbytes
        assert at == len(data), f"{name} has outputs of {len(data)} bytes, the browser gave {at}"
        return expected

    def refusal(self, name):
        path = self.folder / f"{name}.err"
        return path.read_text() if path.exists() else None

    def run(self, name, inputs):
        """The outputs by name, and what the page told."""
        (self.folder / f"{name}.in").write_bytes(b"".join(np.ascontiguousarray(value).tobytes() for value in inputs.values()))
        told = [{"name": key, "type": str(value.dtype), "bytes": value.nbytes} for key, value in inputs.items()]
        answer = self.call("runCase", name, told)
        data, at, outputs = (self.folder / f"{name}.out").read_bytes(), 0, {}
        for output in answer["outputs"]:
            kind = TYPES[output["type"]]
            size = int(np.prod(output["dims"])) * np.dtype(kind).itemsize
            outputs[output["name"]] = np.frombuffer(data[at : at + size], kind).reshape(output["dims"])
            at += size
        for ending in ("json", "bin", "in", "out"):
            (self.folder / f"{name}.{ending}").unlink()  # large models one after the other
        return outputs, answer

    def close(self):
        self.browser.stop()
        self.server.stop()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

"""The built package in a page of a Chromium, for tests of one platform of it."""

import os
import unittest
from pathlib import Path

from browser import Chromium, Server

PACKAGE = Path(os.environ["ACCEL_SOURCE_DIR"]) / "build/web/package"
HELPERS = """
  const ids = (dims, top) => ({ type: "int64", dims, data: BigInt64Array.from({ length: dims[0] * dims[1] }, (_, i) => BigInt((i * 7 + 1) % top)) });
  const apart = (got, expected) => {
    let difference = 0, size = 0;
    expected.forEach((value, i) => { difference += (value - got[i]) ** 2; size += value ** 2; });
    return Math.sqrt(difference / size);
  };
  const { load, capabilities } = await import("/index.js");
"""


def model_of_det():
    """An operator that no interface of browsers has, as the text of a Uint8Array."""
    from onnx import TensorProto, helper

    info = helper.make_tensor_value_info
    graph = helper.make_graph([helper.make_node("Det", ["x"], ["y"])], "g", [info("x", TensorProto.FLOAT, [2, 2])], [info("y", TensorProto.FLOAT, [])])
    return f"new Uint8Array({list(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=9).SerializeToString())})"


class PackagePage(unittest.TestCase):
    """A class below says `platform`, and what its browser is started with."""

    platform = None
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.file = PACKAGE / f"{cls.platform}.html"
        cls.file.write_text(f"<!doctype html><title>{cls.platform}</title>")
        cls.server = Server(PACKAGE)
        cls.url = f"{cls.server.url}/{cls.file.name}"
        cls.browser = Chromium(*cls.arguments)
        cls.browser.open(cls.url)

    @classmethod
    def tearDownClass(cls):
        cls.browser.stop()
        cls.server.stop()
        cls.file.unlink()

    @classmethod
    def text(cls, body):
        return f"(async () => {{ {HELPERS} const platform = '{cls.platform}'; {{ {body} }} }})()"

    def page(self, body):
        """What the body, in which `load`, `ids`, `apart` and `platform` are there, returns."""
        return self.browser.evaluate(self.text(body), timeout_s=500)

    def refusal(self, body):
        return self.page(f"try {{ {body} }} catch (error) {{ return error.status + ': ' + error.message; }}")

    def check_outputs_are_those_of_wasm(self, names):
        for name in names:
            worst = self.page(f"""
              const feeds = {{ input_ids: ids([1, 12], 90) }};
              if ({name == "t5-tiny":d}) feeds.decoder_input_ids = ids([1, 5], 90);
              const models = [await load("zoo:{name}", {{ platform }}), await load("zoo:{name}", {{ threads: 1 }})];
              const [got, expected] = [await models[0].run(feeds), await models[1].run(feeds)];
              const again = await models[0].run(feeds);
              for (const model of models) await model.dispose();
              return Math.max(...Object.keys(expected).flatMap((key) => [got, again].map((one) => apart(one[key].data, expected[key].data))));""")
            self.assertLess(worst, 1e-4, name)

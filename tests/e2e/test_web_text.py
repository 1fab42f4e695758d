#!/usr/bin/env python3
"""accel run --on wasm and webgpu: texts written by pages in each browser are those of the native engine. ctest: timeout 600"""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
try:
    from cli_case import ACCEL, CliCase, mlp, np
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

GOLDEN = Path(os.environ["ACCEL_SOURCE_DIR"]) / "tests" / "golden"


def probe():
    """[(platform, browser)] of those that pages run on here"""
    done = subprocess.run([ACCEL, "detect", "--all", "--format", "json"], capture_output=True, text=True, timeout=200)
    rows = [r for r in json.loads(done.stdout)["platforms"] if r["engine"] == "browser" and r["available"]]
    return [(r["platform"], r["device"]) for r in rows if r["platform"] in ("wasm", "webgpu")]


HERE = probe()


@unittest.skipUnless(HERE, "no browser runs here")
class Text(CliCase):
    def written(self, *arguments):
        self.accel("run", *arguments, "--output-dir", "out")
        return np.load(self.folder / "out" / "generated_ids.npy")

    def test_each_browser_writes_what_the_native_engine_writes(self):
        case = json.loads((GOLDEN / "ask" / "gpt2" / "case.json").read_text())
        shutil.copytree(GOLDEN / "zoo" / "gpt2-sharded", self.folder / "writer", ignore=shutil.ignore_patterns("case*"))
        shutil.copytree(GOLDEN / "ask" / "gpt2", self.folder / "writer", dirs_exist_ok=True)
        questions = [word for text in case["text"] for word in ("--text", text)]
        drawn = ("t5-tiny", "--batch", 2, "--seq", 7, "--seed", 3, "--max-new-tokens", 6, "--temperature", 1, "--top-k", 20, "--stop-token", 95)
        asked = ("writer", *questions, "--max-new-tokens", 8)
        said = self.accel("run", *asked)
        ids, wanted = self.written(*asked), self.written(*drawn)
        for platform, browser in HERE:
            with self.subTest(platform=platform, browser=browser):
                where = ("--on", platform, "--browser", browser)
                np.testing.assert_array_equal(self.written(*asked, *where), ids)
                self.assertRegex(self.err, r"prompt of 5 tokens: first token after [\d.]+ ms; then [\d.]+ ms a token")
        for where in {platform: ("--on", platform, "--browser", browser) for platform, browser in HERE}.values():
            np.testing.assert_array_equal(self.written(*drawn, *where), wanted)
        self.assertEqual(self.accel("run", *asked, "--on", HERE[0][0], "--browser", HERE[0][1]), said)

    def test_texts_in_fp16_are_those_of_a_native_gpu_or_it_is_said_what_the_gpu_lacks(self):
        browsers = [browser for platform, browser in HERE if platform == "webgpu"]
        for name in ("qwen2-tiny", "t5-tiny"):  # a cache that the prompt fills, and keys of an encoder
            asked = ("run", name, "--batch", 2, "--seq", 7, "--seed", 5, "--max-new-tokens", 12, "--precision", "fp16", "--output-dir", "out")
            self.accel(*asked, "--on", "vulkan", code=None)
            if not (self.folder / "out" / "generated_ids.npy").exists():
                self.skipTest(f"no GPU writes in fp16 natively here: {self.err.strip()}")
            ids = np.load(self.folder / "out" / "generated_ids.npy")
            for browser in browsers:
                with self.subTest(model=name, browser=browser):
                    shutil.rmtree(self.folder / "out", ignore_errors=True)
                    self.accel(*asked, "--on", "webgpu", "--browser", browser, code=None)
                    if "shader-f16" not in self.err:
                        np.testing.assert_array_equal(np.load(self.folder / "out" / "generated_ids.npy"), ids, self.err)

    def test_what_does_not_write_is_refused_before_a_browser_is_asked_for_it(self):
        mlp(self.folder / "mlp.onnx")
        self.accel("run", "mlp.onnx", "--max-new-tokens", 4, "--on", HERE[0][0], "--browser", HERE[0][1], code=1)
        self.assertIn("mlp does not write text here", self.err)


class Refusals(CliCase):
    def test_a_platform_that_is_none_and_one_that_is_not_here(self):
        self.accel("run", "bert-tiny", "--on", "nonsense", code=2)
        self.assertIn("there is no platform 'nonsense'", self.err)
        self.accel("run", "bert-tiny", "--on", "qnn", code=3)
        self.assertRegex(self.err, "nothing can be run on qnn here: .+")

    def test_a_platform_instead_of_an_engine(self):
        self.assertIn("last_hidden_state", self.accel("run", "bert-tiny", "--seq", 8, "--on", "cpu"))


if __name__ == "__main__":
    unittest.main()

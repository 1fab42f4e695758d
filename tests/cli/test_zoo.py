#!/usr/bin/env python3
"""The zoo from the command line: every class against the transformers package's goldens, on every engine here; the page
of models; exports that the onnx checker passes."""
# ctest: timeout 600

import os
import subprocess
import sys
import unittest
from pathlib import Path

try:
    from cli_case import ACCEL, CliCase
    import onnx
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
MARKER = "<!-- What follows is written by `make docs`"


class Zoo(CliCase):
    def check(self, *arguments):
        """check_zoo.py prints a line a comparison; those that failed are the message."""
        script = SOURCE / "tests/golden/check_zoo.py"
        done = subprocess.run([sys.executable, script, ACCEL, *arguments], capture_output=True, text=True)
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
        self.assertEqual((done.returncode, failed), (0, []), done.stderr)

    def test_every_class_computes_what_transformers_does(self):
        self.check("--leave-out-optional")

    def test_every_class_agrees_on_onnxruntime(self):
        self.check("--first-case", "--", "--engine", "onnxruntime")

    def test_every_class_agrees_on_openvino(self):
        self.check("--first-case", "--", "--engine", "openvino")

    def test_the_page_of_models_is_current(self):
        page = SOURCE / "docs/models.md"
        text = page.read_text()
        start = text.index("\n", text.index(MARKER)) + 1
        wanted = text[:start] + "\n" + self.accel("models", "--no-platforms", "--format", "markdown")
        if os.environ.get("ACCEL_UPDATE_DOCS"):
            page.write_text(wanted)
        self.assertEqual(page.read_text(), wanted, "docs/models.md is not what the table says; `make docs` writes it")

    def test_platforms_of_this_machine_are_listed(self):
        rows = {row["name"]: row for row in self.accel_json("models", "--class", "llama")}
        self.assertIn("cpu", rows["llama-tiny"]["platforms"].split(", "))
        self.assertIn("openvino", rows["llama-tiny"]["platforms"].split(", "))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if memory < 4 * 6738415616:
            self.assertEqual(rows["llama-7b"]["platforms"], "none: too large")

    def test_a_model_of_seven_billion_parameters_costs_no_memory_to_inspect(self):
        code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); " \
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        done = subprocess.run([sys.executable, "-c", code, ACCEL, "inspect", "llama-7b", "--batch", "1", "--seq", "2048"],
                              capture_output=True, text=True, check=True)
        self.assertLess(int(done.stdout) * 1024, 100e6)

    def test_exports_pass_the_checker(self):
        for name in ("qwen3-tiny", "t5-tiny", "clip-tiny", "detr-tiny", "whisper-tiny-random", "clap-tiny"):
            for opset in (17, 21, 24):
                folder = self.folder / f"{name}-{opset}"
                self.accel("export", name, "--opset", opset, "--batch", 1, "--seq", 8, "--output", folder)
                path = str(folder / "model.onnx")
                onnx.checker.check_model(path)
                declared = [o.version for o in onnx.load(path, load_external_data=False).opset_import if o.domain == ""]
                self.assertEqual(declared, [opset])

    def test_a_decoding_graph_is_exported_with_its_cache(self):
        self.accel("export", "llama-tiny", "--mode", "decode", "--opset", 24, "--output", self.folder / "out")
        graph = onnx.load(self.folder / "out/model.onnx").graph
        self.assertIn("past_key_values.1.value", [i.name for i in graph.input])
        self.assertEqual(sum(n.op_type == "TensorScatter" for n in graph.node), 4)

    def test_all_small_models_are_planned(self):
        done = self.accel("bench", "--all-models", "--small", "--engine", "native", "--dry-run", "--save-plan",
                          self.folder / "plan.json")
        self.assertIn("qwen3-vl-reduced", (self.folder / "plan.json").read_text(), done)

    def test_modes_are_measured_apart(self):
        records = self.accel_json("bench", "llama-tiny", "--mode", "prefill,decode", "--seq", "9", "--no-db",
                                  "--min-time", "0.05", "--max-time", "0.5", "-q", "--engine", "native")
        self.assertEqual([(r["mode"], r["sequence"], r["status"]) for r in records],
                         [("prefill", 9, "ok"), ("decode", 9, "ok")])
        self.assertTrue(all(r["verification"]["pass"] and r["tokens_per_s"] > 0 for r in records))
        self.assertEqual(len({r["model"]["sha256"] for r in records}), 1)

    def test_a_step_has_a_position_left(self):
        decode = ("bench", "gpt2-tiny", "--mode", "decode", "--engine", "native", "--no-db", "--min-time", "0.05", "--max-time", "0.5", "-q")
        (record,) = self.accel_json(*decode)
        self.assertEqual((record["status"], record["sequence"]), ("ok", 47), record["error"])  # of 48 positions
        (record,) = self.accel_json(*decode, "--seq", "48")
        self.assertEqual(record["status"], "unsupported")
        self.assertIn("47 tokens and the one that is written", record["error"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The command from outside: help, usage errors, inspect, run, verify, query."""

import csv
import io
import re
import subprocess
import sys
import unittest

try:
    from cli_case import ACCEL, CliCase, np
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

COMMANDS = "detect models inspect run bench verify conformance query report version completion man".split()


class Help(CliCase):
    def test_every_command_has_help_that_starts_with_examples(self):
        text = self.accel("--help")
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command} ")
            self.assertTrue(self.accel(command, "--help").startswith("Examples:\n  "), command)

    def test_without_a_command_help_and_usage_code(self):
        self.assertIn("Commands:", self.accel(code=2))

    def test_the_man_page_is_clean_roff_and_names_every_option(self):
        page = self.accel("man")
        for command in COMMANDS:
            self.assertIn(f".SS accel {command}", page)
        for option in re.findall(r"--([a-z-]+)", self.accel("bench", "--help")):
            self.assertIn(r"\-\-" + option.replace("-", r"\-"), page)

    def test_completions_are_accepted_by_bash(self):
        script = self.accel("completion", "bash")
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        asked = script + "\nCOMP_WORDS=(accel be); COMP_CWORD=1; _accel; echo \"${COMPREPLY[@]}\""
        done = subprocess.run(["bash"], input=asked, text=True, capture_output=True, check=True)
        self.assertEqual(done.stdout.split(), ["bench"])
        self.assertIn("complete -c accel", self.accel("completion", "fish"))
        self.assertIn("#compdef accel", self.accel("completion", "zsh"))
        self.accel("completion", "tcsh", code=2)

    def test_version_says_number_and_commit(self):
        self.assertRegex(self.accel("version"), r"^accel \d+\.\d+\.\d+ \(.+\)\n$")
        self.assertEqual(self.accel("--version"), self.accel("version"))
        self.assertGreater(self.accel_json("version")[0]["operators"], 100)


class Usage(CliCase):
    def test_a_mistyped_command_is_suggested(self):
        self.accel("bnech", "x", code=2)
        self.assertIn("did you mean `accel bench`?", self.err)

    def test_a_mistyped_option_is_suggested(self):
        self.accel("bench", "m", "--bacth", "2", code=2)
        self.assertIn("did you mean --batch?", self.err)

    def test_values_are_checked_before_anything_runs(self):
        for arguments in (
            ["bench", "m", "--batch", "0"],
            ["bench", "m", "--batch", "1,x"],
            ["bench", "m", "--batch", ""],
            ["bench", "m", "--threads", "99999999999999999999"],
            ["bench", "m", "--min-time", "soon"],
            ["bench", "m", "--scenario", "multi"],
            ["bench", "m", "--precision", "fp31"],
            ["bench", "m", "--on", "gpu9"],
            ["bench", "m", "--engine", "natve"],
            ["bench", "m", "--batch"],
            ["bench"],
            ["bench", "m", "--plan", "p.json"],
            ["bench", "m", "--no-db", "--resume"],
            ["inspect"],
            ["inspect", "a", "b"],
            ["inspect", "m", "--quiet=yes"],
            ["inspect", "-Z", "m"],
            ["run", self.model, "--input", "nothing"],
            ["run", self.model, "--dim", "batch"],
            ["verify", self.model, "--dim", "batch=-1"],
        ):
            with self.subTest(arguments):
                self.assertEqual(self.accel(*arguments, code=2), "")
                self.assertRegex(self.err, r"accel: .+")

    def test_results_go_to_stdout_and_sentences_to_stderr(self):
        self.accel("models")
        self.assertEqual(self.err, "")
        self.assertEqual(self.accel("inspect", "nowhere.onnx", code=1), "")
        self.assertIn("nowhere.onnx", self.err)

    def test_no_colour_when_not_on_a_terminal(self):
        self.assertNotIn("\033", self.accel("models"))

    def test_a_closed_pipe_is_no_crash(self):
        done = subprocess.run(f"'{ACCEL}' models | true", shell=True, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)


class Formats(CliCase):
    def test_one_table_four_ways(self):
        rows = self.accel_json("models")
        self.assertIn("minilm", [r["name"] for r in rows])
        read = list(csv.DictReader(io.StringIO(self.accel("models", "--format", "csv"))))
        self.assertEqual([r["name"] for r in read], [r["name"] for r in rows])
        lines = self.accel("models", "--format", "markdown").splitlines()
        self.assertEqual(len(lines), len(rows) + 2)
        self.assertTrue(all(line.startswith("|") and line.endswith("|") for line in lines))


class Inspect(CliCase):
    def test_shapes_cost_and_operators(self):
        view = self.accel_json("inspect", self.model, "--batch", "4")
        self.assertEqual(view["inputs"][0]["shape"], [4, 16])
        self.assertEqual(view["parameters"], 16 * 16 + 16)
        self.assertEqual({o["operator"] for o in view["operators"]}, {"MatMul", "Add", "Relu"})
        self.assertEqual(view["flops"], 2 * 4 * 16 * 16 + 2 * 4 * 16)
        self.assertEqual(view["nodes_unsupported"], 0)

    def test_symbolic_dims_have_their_names(self):
        self.assertEqual(self.accel_json("inspect", self.model)["inputs"][0]["shape"], ["batch", 16])

    def test_identity_does_not_depend_on_the_batch(self):
        one = self.accel_json("inspect", self.model, "--sha256")
        two = self.accel_json("inspect", self.model, "--sha256", "--batch", "2")
        self.assertEqual(one["sha256"], two["sha256"])
        self.assertRegex(one["sha256"], "^[0-9a-f]{64}$")

    def test_dot(self):
        self.assertTrue(self.accel("inspect", self.model, "--dot").startswith("digraph"))

    def test_an_unknown_operator_is_shown_not_fatal(self):
        import onnx

        model = onnx.load(self.model)
        model.graph.node[2].op_type = "Frobnicate"
        onnx.save(model, self.model)
        view = self.accel_json("inspect", self.model)
        self.assertEqual(view["nodes_unsupported"], 1)
        self.accel("run", self.model, code=1)
        self.assertIn("Frobnicate", self.err)

    def test_a_broken_file_is_named_with_its_fault(self):
        self.model.write_bytes(self.model.read_bytes()[:-40])
        self.accel("inspect", self.model, code=1)
        self.assertIn("mlp.onnx", self.err)


class Run(CliCase):
    def check_engine(self, engine):
        x = np.random.default_rng(1).standard_normal((3, 16)).astype(np.float32)
        np.save(self.folder / "x.npy", x)
        self.accel("run", self.model, "--engine", engine, "--input", "x=x.npy", "--output-dir", "out")
        y = np.load(self.folder / "out" / "out_y.npy")
        np.testing.assert_allclose(y, self.expected(x), rtol=1e-5, atol=1e-5)

    def test_native(self):
        self.check_engine("native")

    def test_onnxruntime(self):
        self.check_engine("onnxruntime")

    def test_openvino(self):
        self.check_engine("openvino")

    def test_seeded_inputs_give_the_same_outputs_again(self):
        for folder in ("a", "b"):
            self.accel("run", self.model, "--batch", "2", "--seed", "5", "--output-dir", folder)
        self.accel("run", self.model, "--batch", "2", "--seed", "6", "--output-dir", "c")
        a, b, c = (np.load(self.folder / f / "out_y.npy") for f in "abc")
        np.testing.assert_array_equal(a, b)
        self.assertTrue((a != c).any())

    def test_an_input_of_the_wrong_type_or_shape_is_explained(self):
        np.save(self.folder / "x.npy", np.zeros((3, 16)))
        self.accel("run", self.model, "--input", "x=x.npy", code=2)
        self.assertIn("float64", self.err)
        np.save(self.folder / "x.npy", np.zeros((3, 17), np.float32))
        self.accel("run", self.model, "--input", "x=x.npy", code=2)
        self.assertIn("17", self.err)

    def test_an_engine_that_is_not_here_is_absent(self):
        self.accel("run", self.model, "--engine", "tensorflow", code=2)
        self.assertIn("tensorflow", self.err)
        self.accel("run", self.model, "--engine", "onnxruntime", "--device", "CUDA:0", code=3)
        self.assertIn("CUDA", self.err)


class Query(CliCase):
    def test_no_database_is_absent_and_not_made(self):
        self.accel("query", "SELECT 1", "--db", self.db, code=3)
        self.assertFalse(self.db.exists())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""accel bench, report, query and verify from end to end on a small model."""
# ctest: timeout 300

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from html.parser import HTMLParser

try:
    from cli_case import ACCEL, CliCase, mlp, quantised
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

RUNNERS = {("cpu", "native"), ("cpu", "onnxruntime"), ("openvino", "openvino")}


class Bench(CliCase):
    def records(self, *arguments, **options):
        return json.loads(self.bench(*arguments, "--format", "json", **options))

    def test_every_engine_here_is_measured_and_verified(self):
        records = self.records(self.model, "--batch", "1,4", "--no-db")
        self.assertEqual({(r["platform"], r["engine"]["name"]) for r in records}, RUNNERS)
        self.assertEqual({r["batch"] for r in records}, {1, 4})
        for r in records:
            self.assertEqual(r["status"], "ok", r["error"])
            self.assertEqual(r["provenance"], "measured")
            self.assertTrue(r["verification"]["pass"])
            self.assertLessEqual(r["verification"]["relative_l2"], 5e-5)
            self.assertNotIn(r["engine"]["name"], r["verification"]["reference"])
            self.assertGreaterEqual(len(r["samples_ns"]), 10)
            self.assertEqual(r["precision_ran"], "fp32")
            self.assertAlmostEqual(r["latency_ms"]["min"], min(r["samples_ns"]) / 1e6)
        self.assertEqual(len({r["record_id"] for r in records}), len(records))
        self.assertEqual(len({r["model"]["sha256"] for r in records}), 1)

    def test_results_are_stored_queried_and_reported(self):
        self.bench(self.model, "--db", self.db, "--report", "one.html")
        rows = self.accel_json("query", "SELECT engine, status, verified, average_latency_ms FROM performance_results", "--db", self.db)
        self.assertEqual({r["engine"] for r in rows}, {"native", "onnxruntime", "openvino"})
        self.assertTrue(all(r["status"] == "ok" and r["verified"] and r["average_latency_ms"] > 0 for r in rows))
        samples = self.accel_json("query", "SELECT count(*) AS n FROM performance_batch_results", "--db", self.db)
        total = self.accel_json("query", "SELECT sum(iterations) AS n FROM performance_results", "--db", self.db)
        self.assertEqual(samples[0]["n"], total[0]["n"])
        self.assertIn("native", self.accel("report", "--db", self.db, "--format", "markdown"))
        self.accel("report", "--db", self.db, "--output", "two.html")
        for page in ("one.html", "two.html"):
            self.check_page((self.folder / page).read_text())

    def test_features_of_the_start_are_those_of_pages(self):
        self.bench(self.model, "--web-features", "shader-precompil", "--no-db", code=2)
        self.assertIn("there is no feature 'shader-precompil', did you mean shader-precompile", self.err)
        self.bench(self.model, "--on", "cpu", "--web-features", "shader-precompile", "--no-db", code=2)
        self.assertIn("add webgpu to --on", self.err)

    def check_page(self, text):
        outside = []

        class Links(HTMLParser):
            def handle_starttag(self, tag, attributes):
                outside.extend(value for name, value in attributes if name in ("src", "href", "srcset"))
                if tag in ("script", "link", "iframe"):
                    outside.append(tag)

        Links().feed(text)
        self.assertEqual(outside, [])
        self.assertIn("<svg", text)
        self.assertIn("measured", text)

    def test_a_quantised_model_runs_as_it_is(self):
        model = self.folder / "quantised.onnx"
        quantised(model)
        for asked in ([], ["--precision", "int8"]):
            records = self.records(model, "--no-db", *asked)
            self.assertEqual({(r["platform"], r["engine"]["name"]) for r in records}, RUNNERS)
            for r in records:
                self.assertEqual((r["status"], r["precision_ran"]), ("ok", "int8"), r["error"])
        refused = self.records(self.model, "--no-db", "--engine", "native", "--precision", "int8", code=0)
        self.assertEqual([r["status"] for r in refused], ["unsupported"])
        self.assertIn("not in int8", refused[0]["error"])

    def test_a_profile_says_where_the_time_goes(self):
        for r in self.records(self.model, "--no-db", "--profile"):
            profile, engine = r["profile"], r["engine"]["name"]
            self.assertIsNone(profile["why_not"], engine)
            self.assertGreaterEqual(profile["runs"], 3)
            self.assertTrue(profile["steps"] and profile["operators"], engine)
            times = sum(step["time_ms"] for step in profile["steps"])
            self.assertAlmostEqual(times, profile["steps_ms"])
            self.assertAlmostEqual(sum(o["time_ms"] for o in profile["operators"]), profile["steps_ms"])
            self.assertEqual(sum(o["steps"] for o in profile["operators"]), len(profile["steps"]))
            self.assertGreater(profile["roofline"]["peak_gflops"], 0)
            self.assertGreater(profile["roofline"]["bandwidth_gb_per_s"], 0)
            self.assertEqual(profile["roofline"]["provenance"], "measured")
            if engine == "native":
                step = profile["steps"][0]
                self.assertEqual((step["operator"], step["fused"]), ("MatMul", "Add, Relu"))
                self.assertEqual(step["flops"], 2 * 16 * 16)
                self.assertTrue(step["kernel"])

    def test_a_profile_as_text_and_on_the_page(self):
        text = self.bench(self.model, "--engine", "native", "--no-db", "--profile", "--profile-rows", "1", "--report", "page.html")
        for part in ("where the time goes", "profiled run", "unprofiled median", "MatMul", "measured"):
            self.assertIn(part, text)
        page = (self.folder / "page.html").read_text()
        self.check_page(page)
        self.assertIn('class="frames"', page)
        without = self.bench(self.model, "--engine", "native", "--no-db")
        self.assertNotIn("where the time goes", without)
        self.bench(self.model, "--engine", "native", "--no-db", "--profile", "--format", "csv", code=2)
        self.assertIn("--format json", self.err)

    def test_a_profile_of_a_split_is_that_of_one_of_its_sessions(self):
        options = ["--engine", "native", "--scenario", "offline", "--threads", "2", "--no-db", "--profile"]
        record = self.records(self.model, *options)[0]
        self.assertEqual(record["status"], "ok", record["error"])
        self.assertEqual(record["profile"]["roofline"]["threads"], record["scenario_details"]["threads_each"])

    def test_absent_platforms_are_recorded_with_their_reason(self):
        records = self.records(self.model, "--on", "all", "--no-db")
        absent = [r for r in records if r["status"] == "absent"]
        self.assertIn("cuda", {r["platform"] for r in absent})
        for r in absent:
            self.assertTrue(r["error"])
            self.assertIsNone(r["latency_ms"]["mean"] if r["latency_ms"] else None)

    def test_a_platform_asked_for_by_name_that_is_absent_is_exit_code_3(self):
        records = self.records(self.model, "--on", "cuda", "--no-db", code=3)
        self.assertEqual({r["status"] for r in records}, {"absent"})

    def test_a_model_that_cannot_be_read_fails_and_says_why(self):
        self.model.write_bytes(b"\x08\x07not a model")
        out = self.bench(self.model, "--no-db", code=1)
        self.assertIn("mlp.onnx", out + self.err)

    def test_a_saved_plan_is_repeated(self):
        self.bench(self.model, "--engine", "native", "--batch", "1,2", "--save-plan", "plan.json", "--no-db", "--dry-run")
        records = self.records("--plan", "plan.json", "--no-db")
        self.assertEqual([r["batch"] for r in records], [1, 2])
        (self.folder / "plan.json").write_text('{"cases": [{"model": 5}]}')
        self.bench("--plan", "plan.json", "--no-db", code=1)
        self.assertIn("plan.json", self.err)

    def test_a_file_that_is_no_database_is_refused_before_measuring(self):
        self.db.write_bytes(b"these are my notes, not a database" * 300)
        self.bench(self.model, "--engine", "native", "--db", self.db, code=1)
        self.assertIn("not a DuckDB database", self.err)
        self.assertEqual(self.db.read_bytes()[:8], b"these ar")

    def test_interrupted_runs_keep_what_is_finished_and_resume(self):
        big = self.folder / "big.onnx"
        mlp(big, width=256)
        arguments = ["bench", str(big), "--engine", "native", "--batch", "1,2,3,4", "--min-time", "1.5", "--db", str(self.db)]
        started = subprocess.Popen([ACCEL, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        first = started.stderr.readline()
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=60)
        self.assertEqual(started.returncode, 130, first + err)
        done = self.accel_json("query", "SELECT batch_size FROM performance_results WHERE status = 'ok'", "--db", self.db)
        self.assertTrue(1 <= len(done) < 4, done)
        self.bench(big, "--engine", "native", "--batch", "1,2,3,4", "--db", self.db, "--resume")
        self.assertIn(f"{len(done)} of 4 cases are done", self.err)
        done = self.accel_json("query", "SELECT batch_size FROM performance_results WHERE status = 'ok' ORDER BY 1", "--db", self.db)
        self.assertEqual([r["batch_size"] for r in done], [1, 2, 3, 4])

    def test_no_process_and_no_temporary_file_is_left(self):
        temporary = self.folder / "tmp"
        temporary.mkdir()
        self.bench(self.model, "--no-db", env={"TMPDIR": str(temporary)})
        self.assertEqual(os.listdir(temporary), [])


class Scenarios(CliCase):
    def test_offline_finds_a_split_and_server_a_rate(self):
        for scenario in ("offline", "server"):
            with self.subTest(scenario):
                text = self.bench(self.model, "--engine", "native", "--scenario", scenario, "--no-db", "--format", "json")
                record = json.loads(text)[0]
                self.assertEqual(record["status"], "ok", record["error"])
                self.assertEqual(record["scenario"], scenario)
                self.assertGreater(record["throughput_items_per_s"], 0)
                self.assertTrue(record["scenario_details"])


class Verify(CliCase):
    def test_engines_agree(self):
        for engine, against in (("native", "onnxruntime"), ("openvino", "reference")):
            result = self.accel_json("verify", self.model, "--engine", engine, "--against", against)
            self.assertEqual((result["passed"], result["failed"]), (1, 0))
            case = result["cases"][0]
            self.assertEqual(case["output"], "out/y")
            self.assertLessEqual(case["relative_l2"], 5e-5)
            self.assertTrue(case["pass"])

    def test_an_engine_is_not_verified_by_itself(self):
        self.accel("verify", self.model, "--engine", "native", "--against", "native", code=2)


if __name__ == "__main__":
    unittest.main()

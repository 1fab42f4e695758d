"""accel query: ready questions and SQL, every form of an answer, Ctrl-C. What is answered is tested in tests/store/test_questions.c."""

# ctest: timeout 300

import base64
import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

try:
    from cli_case import ACCEL, CliCase
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

SIMULATED = ["--provenance", "simulated"]
ENDLESS = "SELECT count(*) FROM range(1000000000000) t(i), range(10) u(j) WHERE i + j = 7"


class Query(CliCase):
    def setUp(self):
        super().setUp()
        self.accel("db", "create", "--db", self.db, "--sample-data", "-q")

    def query(self, *arguments, **options):
        return self.accel("query", "--db", self.db, *arguments, **options)

    def rows(self, *arguments, **options):
        return json.loads(self.query(*arguments, "--format", "json", **options))


class Questions(Query):
    def test_filters_say_what_plain_sql_says(self):
        rows = self.rows("--model", "sample-bert", "--hardware", "cpu", "--metric", "latency", *SIMULATED)
        sql = self.rows(
            "SELECT p.batch_size AS batch, p.average_latency_ms AS latency_ms FROM performance_results p JOIN models m USING (model_id) "
            "JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) WHERE m.model_name = 'sample-bert' AND "
            "h.hardware_type = 'cpu' AND r.started_at = (SELECT max(started_at) FROM test_runs) ORDER BY latency_ms"
        )
        self.assertEqual([(r["batch"], r["latency_ms"]) for r in rows], [(r["batch"], r["latency_ms"]) for r in sql])

    def test_comparison_has_a_column_a_runner_and_ratios(self):
        rows = self.rows("--compare-hardware", *SIMULATED)
        self.assertEqual(len(rows), 8)
        for row in rows:
            best = min(row[name] for name in ("cpu native", "openvino", "webgpu browser"))
            self.assertEqual(row["webgpu browser"], best)
            self.assertAlmostEqual(row["cpu native ratio"], row["cpu native"] / best, places=9)
        table = self.query("--compare-hardware", "--limit", "1", *SIMULATED)
        self.assertIn("(2.51×)", table)
        self.assertEqual(self.query("--compare-hardware", "--limit", "1", *SIMULATED).count("sample-"), 1)

    def test_trend_and_matrix(self):
        rows = self.rows("--trend", "performance", "--model", "sample-vit", "--hardware", "cpu", *SIMULATED)
        self.assertEqual(len(rows), 6)
        for series in {row["series"] for row in rows}:
            times = [row["started_at"] for row in rows if row["series"] == series]
            self.assertEqual(times, sorted(times))
        matrix = self.rows("--compatibility-matrix", *SIMULATED)
        self.assertEqual({row["rocm"] for row in matrix}, {"no: absent"})
        self.assertEqual({row["cpu"] for row in matrix}, {"yes"})

    def test_nothing_measured_is_said_in_a_sentence(self):
        self.assertEqual(self.rows("--model", "sample-bert"), [])
        self.assertIn("Nothing measured fits, but 6 simulated rows do: --provenance simulated shows them.", self.err)

    def test_names_that_are_not_there_are_absent(self):
        self.query("--model", "sample-bret", code=3)
        self.assertIn("did you mean 'sample-bert'?", self.err)
        self.query("--hardware", "x' OR true --", code=3)

    def test_usage(self):
        for arguments in (
            [],
            ["--limit", "2", "SELECT 1"],
            ["--compare-hardware", "--compare-models"],
            ["--trend", "performance"],
            ["--since", "yesterday"],
            ["--provenance", "guessed"],
            ["--metric", "speed"],
            ["--model", "sample-bert", "--format", "chart"],
            ["--model", "sample-bert", "--format", "chart", "-o", "x.gif"],
        ):
            self.query(*arguments, code=2)


class Forms(Query):
    def test_csv_and_markdown(self):
        text = self.query("--compare-models", "--hardware", "cpu", "--format", "csv", *SIMULATED)
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual(len(rows), 8)
        self.assertEqual(float(rows[0]["ratio"]), 1)
        self.assertIn("| sample-bert |", self.query("--compare-models", "--format", "markdown", *SIMULATED))

    def test_page_needs_no_network_and_runs_one_script(self):
        page = self.folder / "page.html"
        self.query("--compare-hardware", "-o", page, "--title", "<b>&", *SIMULATED)
        text = page.read_text(encoding="utf-8")
        self.assertIn("<title>&lt;b&gt;&amp;</title>", text)
        self.assertNotIn("http:", text.replace("http-equiv", ""))
        self.assertNotIn("https:", text)
        scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
        self.assertEqual(len(scripts), 1)
        digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
        self.assertIn(f"'sha256-{digest}'", text)
        self.assertEqual(text.count('class="estimate"'), 8)
        self.assertIn("<svg", text)

    def test_page_of_hostile_sql_result(self):
        page = self.folder / "page.html"
        self.query("SELECT '</td><script>alert(1)</script>' AS \"<i>\"", "-o", page)
        text = page.read_text(encoding="utf-8")
        self.assertNotIn("<script>alert", text)
        self.assertNotIn("<i>", text)

    def test_charts(self):
        for name, arguments in {
            "hardware": ["--compare-hardware"],
            "models": ["--compare-models", "--hardware", "cpu"],
            "trend": ["--trend", "performance", "--model", "sample-*"],
            "newest": ["--model", "sample-bert"],
            "matrix": ["--compatibility-matrix"],
        }.items():
            svg, png = self.folder / f"{name}.svg", self.folder / f"{name}.png"
            self.query(*arguments, "-o", svg, *SIMULATED)
            tree = xml.etree.ElementTree.parse(svg)
            texts = "".join(tree.getroot().itertext())
            self.assertIn("Nothing here was measured", texts)
            self.query(*arguments, "-o", png, *SIMULATED)
            self.assertEqual(png.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        empty = self.folder / "empty.svg"
        self.query("--model", "sample-bert", "-o", empty)
        self.assertIn("There is nothing to show here.", empty.read_text())
        self.query("SELECT i AS x, i * i AS square FROM range(10) t(i)", "-o", self.folder / "sql.svg")
        self.query("SELECT model_name, model_id FROM models", "-o", self.folder / "sql.png")
        self.query("SELECT model_name FROM models", "-o", self.folder / "none.svg", code=2)


class Limits(Query):
    def interrupted(self, sql):
        process = subprocess.Popen([ACCEL, "query", "--db", self.db, sql], stderr=subprocess.PIPE, text=True, cwd=self.folder)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        return process.returncode, err

    def test_ctrl_c_ends_a_query(self):
        code, err = self.interrupted(ENDLESS)
        self.assertEqual((code, err.strip()), (130, "accel: the query was interrupted"))

    def test_ctrl_c_ends_a_function_that_heeds_nothing(self):
        code, err = self.interrupted("SELECT list_sum(list_transform(range(2000000000), x -> x + 1))")
        self.assertIn(code, (1, 130))  # 1: memory ended before
        self.assertEqual(len(err.strip().splitlines()), 1, err)

    def test_time_and_memory(self):
        self.query(ENDLESS, "--timeout", "0.5", code=1)
        self.assertIn("--timeout allows more", self.err)
        self.query("SELECT length(repeat('x', 4000000000))", "--memory", "100", code=1)
        self.assertIn("memory", self.err)
        self.query("SELECT * FROM range(100000000)", "--memory", "20", code=1)
        self.assertIn("--memory", self.err)

    def test_files_are_closed(self):
        copy = self.folder / "x.csv"
        self.query(f"COPY (SELECT 1 AS a) TO '{copy}'", code=1)
        self.assertFalse(copy.exists())
        self.query(f"COPY (SELECT 1 AS a) TO '{copy}'", "--allow-files")
        self.assertEqual(self.rows(f"SELECT * FROM '{copy}'", "--allow-files"), [{"a": 1}])

    def test_what_is_no_database_of_ours(self):
        notes = self.folder / "notes.txt"
        notes.write_text("somebody's notes")
        self.accel("query", "--db", notes, "SELECT 1", code=1)
        self.assertEqual(len(self.err.strip().splitlines()), 1)
        self.assertEqual(notes.read_text(), "somebody's notes")
        self.accel("query", "--db", self.folder / "absent.duckdb", "--compare-hardware", code=3)


if __name__ == "__main__":
    unittest.main()

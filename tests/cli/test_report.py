#!/usr/bin/env python3
"""accel report KIND: every kind in every format, on an empty, a sample, a measured and a hostile database; figures as SQL gives them."""
# ctest: timeout 300
import base64
import csv
import hashlib
import html.parser
import io
import json
import os
import re
import subprocess
import unittest
import xml.etree.ElementTree
from pathlib import Path

from cli_case import CliCase

KINDS = ["performance", "hardware", "compatibility", "summary", "integration", "web_platform", "webgpu", "web_optimizations", "simulation_vs_real"]
ALL = ["--provenance", "measured,predicted,imported,simulated"]
VOID = {"meta", "br"}


class Page(html.parser.HTMLParser):
    """Elements are closed in order, nothing is loaded, no element listens by an attribute."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.policy, self.script = [], {}, None, ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        assert len(names) == len(attributes), f"an attribute twice in <{tag}>: {attributes}"
        assert not any(name.startswith("on") or name in ("src", "srcset", "action") for name in names), f"<{tag}> {attributes}"
        assert names.get("href", "#").startswith("#"), f"<{tag}> {attributes}"
        if names.get("http-equiv") == "Content-Security-Policy":
            self.policy = names["content"]
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> at {self.getpos()} closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.script += data


class Report(CliCase):
    def check_page(self, text):
        page = Page(text)
        self.assertEqual(page.seen["script"], 1)
        digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
        self.assertIn(f"script-src 'sha256-{digest}'", page.policy, "the policy names the script that is there")
        self.assertIn("default-src 'none'", page.policy)
        self.assertIsNone(re.search(r"(url\(|@import|https?:)(?!//www\.w3\.org)", text))
        for svg in re.findall(r"<svg.*?</svg>", text, re.S):
            xml.etree.ElementTree.fromstring(svg)
        return page

    def check_every_format(self, *options):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.check_page(self.accel("report", kind, "--db", self.db, "--format", "html", *options))
                document = json.loads(self.accel("report", kind, "--db", self.db, "--format", "json", *options))
                self.assertEqual(document["report"], kind)
                rows = list(csv.reader(io.StringIO(self.accel("report", kind, "--db", self.db, "--format", "csv", *options))))
                self.assertEqual({len(rows[0])}, {len(row) for row in rows})
                self.assertEqual(len(rows) - 1, sum(len(section["rows"]) for section in document["sections"]))
                markdown = self.accel("report", kind, "--db", self.db, "--format", "markdown", *options)
                self.assertNotIn("<script", markdown)
                self.assertNotIn("\033", markdown)
                self.check_markdown_tables(markdown)
                self.assertNotIn("\033", self.accel("report", kind, "--db", self.db, *options))
                yield kind, document, markdown

    def check_markdown_tables(self, text):
        width = None
        for line in text.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
            if width is not None and cells is not None:
                self.assertEqual(cells, width, line)
            width = cells

    def test_an_empty_database(self):
        self.accel("db", "create", "--db", self.db)
        for kind, document, markdown in self.check_every_format():
            self.assertTrue(document["empty"], kind)
            for command in document["what_to_run"]:
                self.assertIn(command, markdown)

    def test_sample_rows_are_shown_only_when_asked_for(self):
        self.accel("db", "create", "--sample-data", "--db", self.db)
        for kind in KINDS:
            document = json.loads(self.accel("report", kind, "--db", self.db, "--format", "json"))
            self.assertEqual(document["empty"], kind not in ("summary", "simulation_vs_real"), kind)
        self.assertIn("accel report webgpu --provenance simulated", self.accel("report", "webgpu", "--db", self.db))
        for kind, document, _ in self.check_every_format(*ALL):
            self.assertFalse(document["empty"], kind)
            for section in document["sections"]:
                for row in section["rows"]:
                    self.assertEqual(row.get("provenance", "simulated"), "simulated")
                if (kind, section["section"]) == ("simulation_vs_real", "alone"):
                    self.assertEqual({row["setting"] for row in section["rows"] if row["command"] is None}, {"chromium", "firefox"})

    def test_texts_of_a_hostile_database(self):
        program = Path(os.environ["ACCEL_BUILD_DIR"]) / "tests" / "report_test_kinds"
        subprocess.run([program], check=True, env={**os.environ, "ACCEL_KINDS_DB": str(self.db)})
        for kind, document, _ in self.check_every_format(*ALL):
            self.assertFalse(document["empty"], kind)
        for name in ("chart.png", "chart.svg"):
            self.accel("report", "integration", "--db", self.db, "-o", name)
        self.assertTrue((self.folder / "chart.png").read_bytes().startswith(b"\x89PNG"))
        xml.etree.ElementTree.parse(self.folder / "chart.svg")

    def test_figures_are_those_of_sql(self):
        for _ in range(2):
            self.bench(self.model, "--db", self.db, "--on", "cpu", "--engine", "native", "--batch", "1,4")
        for kind, document, _ in self.check_every_format():
            self.assertEqual(document["empty"], kind not in ("performance", "hardware", "compatibility", "summary"), kind)
        report = {s["section"]: s["rows"] for s in json.loads(self.accel("report", "performance", "--db", self.db, "--format", "json"))["sections"]}
        latest = self.accel_json("query", "--db", self.db, "SELECT * FROM latest_performance_metrics ORDER BY batch_size")
        self.assertEqual([row["batch_size"] for row in report["newest"]], [1, 4])
        for mine, sql in zip(report["newest"], latest):
            for key in ("average_latency_ms", "median_latency_ms", "ci95_latency_ms", "iterations", "memory_peak_mb", "throughput_items_per_second", "result_id"):
                self.assertEqual(mine[key], sql[key], key)
        means = self.accel_json("query", "--db", self.db, "SELECT average_latency_ms FROM performance_results ORDER BY average_latency_ms")
        self.assertEqual(sorted(row["average_latency_ms"] for row in report["history"]), [row["average_latency_ms"] for row in means])
        matrix = json.loads(self.accel("report", "compatibility", "--db", self.db, "--format", "json"))["sections"][0]["rows"]
        [counts] = self.accel_json("query", "--db", self.db, "SELECT * FROM model_hardware_compatibility")
        self.assertEqual((matrix[0]["compatible"], matrix[0]["tested"]), (counts["compatible_count"], counts["compatible_count"] + counts["incompatible_count"]))

    def test_the_file_decides_the_format(self):
        self.bench(self.model, "--db", self.db, "--on", "cpu", "--engine", "native")
        for name, beginning in (("a.html", b"<!doctype"), ("a.md", b"# Perf"), ("a.json", b"{"), ("a.csv", b"section,"), ("a.svg", b"<"), ("a.png", b"\x89PNG")):
            self.accel("report", "performance", "--db", self.db, "-o", name)
            self.assertTrue((self.folder / name).read_bytes().startswith(beginning), name)
            self.assertIn(name, self.err)

    def test_what_cannot_be_done_is_said(self):
        self.accel("report", "performence", "--db", self.db, code=2)
        self.assertIn("did you mean performance", self.err)
        self.accel("report", "performance", "--db", self.db, code=3)
        self.accel("db", "create", "--db", self.db)
        self.accel("report", "performance", "--db", self.db, "--since", "yesterday", code=2)
        self.accel("report", "performance", "--db", self.db, "--provenance", "guessed", code=2)
        self.accel("report", "performance", "--db", self.db, "--format", "chart", code=2)
        self.accel("report", "performance", "--db", self.db, "-o", "none.png", code=1)
        self.assertFalse((self.folder / "none.png").exists())
        self.accel("report", "--db", self.db, "--format", "chart", code=2)

    def test_without_a_kind_it_is_the_newest_run(self):
        self.bench(self.model, "--db", self.db, "--on", "cpu", "--engine", "native", "--batch", "1,4")
        self.bench(self.model, "--db", self.db, "--on", "cpu", "--engine", "native")
        self.assertEqual(len(json.loads(self.accel("report", "--db", self.db, "--format", "json"))), 1)
        self.assertEqual(len(json.loads(self.accel("report", "--all", "--db", self.db, "--format", "json"))), 3)
        self.assertEqual(self.accel("report", "--all", "--db", self.db, "--since", "2100-01-01", code=1), "")
        self.accel("report", "--db", self.db, "-o", "newest.html")
        self.assertIn("<svg", (self.folder / "newest.html").read_text())


if __name__ == "__main__":
    unittest.main()

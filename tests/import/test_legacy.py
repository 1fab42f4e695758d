"""The real files of the older tools, where they lie beside the project (shared/legacy-results, or ACCEL_SHARED): what is in the database is what
Python reads in them.

ctest: timeout 300
"""

import json
import os
import sys
import unittest
from pathlib import Path

from import_case import COMPATIBILITY, INTEGRATION, PERFORMANCE, WEB, ImportCase

SHARED = Path(os.environ.get("ACCEL_SHARED", Path(os.environ["ACCEL_SOURCE_DIR"]).parent / "shared")) / "legacy-results"


def read(name):
    return json.loads((SHARED / name).read_text())


class Legacy(ImportCase):
    def setUp(self):
        super().setUp()
        self.report = {str(Path(row["file"]).relative_to(SHARED)): row for row in self.take(SHARED)}

    def test_each_file_is_what_it_is(self):
        self.assertEqual({name for name, row in self.report.items() if row["outcome"] == "skipped"},
                         {"benchmark_results/20250303_051013/20250303_051018/benchmark_summary.json", "benchmark_results/20250303_051013/benchmark_config.json",
                          "hardware_coverage_results/coverage_report.json"})
        self.assertNotIn("rejected", {row["outcome"] for row in self.report.values()})
        self.assertEqual(len(self.report), sum(1 for path in SHARED.rglob("*.json")))

    def test_benchmark_runs(self):
        expected = {}
        for name in ("20250302_202226", "20250303_051013/20250303_051018"):
            for family, models in read(f"benchmark_results/{name}/benchmark_results.json")["benchmarks"].items():
                for model, platforms in models.items():
                    for platform, run in platforms.items():
                        for key, case in run["benchmark_results"].items():
                            _, batch, _, sequence = key.split("_")
                            expected[model, platform, int(batch), int(sequence)] = (family, case, run)
        rows = self.ask(PERFORMANCE + " WHERE batch_size IS NOT NULL AND sequence_length IS NOT NULL")
        self.assertEqual(len(rows), len(expected))
        for row in rows:
            family, case, run = expected[row["model_name"], row["hardware_type"], row["batch_size"], row["sequence_length"]]
            self.assertEqual((row["model_family"], row["status"], row["provenance"]), (family, "ok" if case["status"] == "completed" else "error", "imported"))
            self.assertEqual(row["error_message"], case.get("error"))
            if row["status"] == "ok":
                samples = case["latencies"]
                self.assertAlmostEqual(row["average_latency_ms"], sum(samples) / len(samples) * 1e3, delta=1e-6 * row["average_latency_ms"])
                self.assertEqual((row["samples"], row["iterations"]), (len(samples), case["iterations"]))
                self.assertAlmostEqual(row["throughput_items_per_second"], case["throughput"], delta=1e-9 * case["throughput"])
                self.assertAlmostEqual(row["load_ms"], run["model_load_time"] * 1e3, delta=1e-3)
            else:
                self.assertEqual([row[k] for k in ("average_latency_ms", "throughput_items_per_second", "samples", "iterations")], [None] * 4)
        self.assertEqual({row["started_at"] for row in rows}, {"2025-03-02 20:22:26", "2025-03-03 05:10:18"})

    def test_every_iteration(self):
        runs = read("benchmark_results/20250303_051013/20250303_051018/benchmark_results.json")["benchmarks"]["embedding"]
        samples = sorted(s for model in runs.values() for run in model.values() for case in run["benchmark_results"].values() for s in case["latencies"])
        stored = [row["latency_ms"] for row in self.ask("SELECT latency_ms FROM performance_batch_results ORDER BY latency_ms")]
        self.assertEqual(len(stored), len(samples))
        for ms, s in zip(stored, samples):
            self.assertAlmostEqual(ms, s * 1e3, delta=1e-5)

    def test_the_list(self):
        expected = read("test_data/performance_results/bert_cpu_test.json")
        rows = self.ask(PERFORMANCE + " WHERE device_name IS NOT NULL ORDER BY batch_size")
        self.assertEqual(len(rows), len(expected))
        for row, own in zip(rows, expected):
            for key in ("model_name", "hardware_type", "device_name", "batch_size", "precision", "average_latency_ms", "throughput_items_per_second",
                        "iterations", "warmup_iterations"):
                self.assertEqual(row[key], own[key], key)
            self.assertAlmostEqual(row["memory_peak_mb"], own["memory_peak_mb"])
            self.assertIn('"cpu_util_percent"', json.dumps(row["metrics"]).replace("\\", ""))

    def test_web_results_are_simulated_whatever_their_label(self):
        expected = read("web_platform_results/all_models_webgpu_20250305_193352.json")["results"]
        expected.append(read("web_platform_results/bert_webnn_20250302_231100/result.json"))
        rows = self.ask(WEB)
        self.assertEqual(len(rows), len(expected))
        figures = lambda m, p, i, l, mb: (m, p, i, l, mb)
        self.assertEqual(sorted(figures(r["model_name"], r["platform"], r["inference_time_ms"], r["load_time_ms"], r["memory_usage_mb"]) for r in rows),
                         sorted(figures(e["model_name"], e["platform"], e["metrics"]["inference_time_ms"], e["metrics"]["load_time_ms"], e["metrics"]["memory_mb"]) for e in expected))
        self.assertTrue(all(r["is_simulated"] and r["simulation_reason"] for r in rows))

    def test_compatibility_of_the_matrix(self):
        verdicts = read("benchmark_results/20250303_051013/hardware_compatibility_matrix.json")["model_families"]["embedding"]["hardware_compatibility"]["cpu"]
        rows = [r for r in self.ask(COMPATIBILITY) if "performance_rating" in json.dumps(r["metadata"])]
        self.assertEqual({r["model_name"] for r in rows}, {b["model_name"] for b in verdicts["benchmark_results"]})
        self.assertTrue(all(r["is_compatible"] for r in rows))

    def test_tests(self):
        rows = self.ask(INTEGRATION)
        by_module = {}
        for row in rows:
            by_module.setdefault(row["test_module"], []).append(row)
        tests = read("archived_test_results/queue_backoff_tests_20250301_182920.json")["tests"]
        self.assertEqual({r["test_name"]: r["status"] for r in by_module["api_backoff"]}, {name: "fail" for name in tests["api_backoff"]})
        self.assertEqual((by_module["ollama_comprehensive"][0]["status"], by_module["api_multiplexing"][0]["status"]), ("pass", "fail"))
        critical = read("critical_model_results/critical_model_tests_20250301_151022.json")["model_results"]
        for model, own in critical.items():
            self.assertEqual({r["hardware_type"] for r in by_module[model]}, set(own["platform_status"]))
            self.assertTrue(all(r["model_name"] == model and r["status"] == "pass" for r in by_module[model]))
        collected = read("collected_results/hardware_cpu_results_20250226_222617.json")
        for name, steps in collected.items():
            if isinstance(steps, str):
                self.assertIn(("error", steps), [(r["status"], r["error_message"]) for r in by_module[name]])
        self.assertEqual(len(rows), 13 + 57 + 9 + 1 + 6)

    def test_mocks_are_simulated_and_the_rest_is_not(self):
        rows = self.ask(INTEGRATION)
        whisper = read("performance_results/performance_test_skills_whisper_20250228_081319.json")["skill_tests"]["test_hf_whisper.py"]
        (row,) = [r for r in rows if r["execution_time_seconds"] == whisper["elapsed_time"]]
        self.assertEqual((row["status"], row["is_simulated"]), ("pass", True))
        self.assertIn("mock", row["simulation_reason"].lower())
        embed = {r["hardware_type"]: r for r in rows if r["test_module"] == "hf_embed" and r["hardware_type"]}
        self.assertEqual({platform: r["is_simulated"] for platform, r in embed.items()}, {"cpu": False, "cuda": False, "openvino": True, "mps": False, "qnn": True})
        examples = read("skills/collected_results/hf_embed_test_results.json")["examples"]
        self.assertAlmostEqual(embed["cuda"]["execution_time_seconds"], sum(e["elapsed_time"] for e in examples if e["platform"] == "CUDA"))

    def test_nothing_is_invented(self):
        self.assertEqual(self.ask("SELECT model_name FROM models WHERE lower(model_name) IN ('unknown', '', 'none')"), [])
        self.assertEqual(self.ask("SELECT 1 AS x FROM performance_results WHERE average_latency_ms = 0 OR throughput_items_per_second = 0 OR memory_peak_mb = 0"), [])
        self.assertEqual(self.ask("SELECT provenance AS p FROM performance_results UNION SELECT provenance FROM integration_test_results UNION "
                                  "SELECT provenance FROM web_platform_results UNION SELECT provenance FROM hardware_compatibility"), [{"p": "imported"}])

    def test_again_is_nothing(self):
        before = self.counts()
        rows = self.take(SHARED)
        self.assertNotIn("imported", {row["outcome"] for row in rows})
        self.assertEqual(self.counts(), before)


if __name__ == "__main__":
    if not SHARED.is_dir():
        print(f"skipped: there is no folder shared/legacy-results beside the project, and ACCEL_SHARED names none")
        sys.exit(77)
    unittest.main()

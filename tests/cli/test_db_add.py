#!/usr/bin/env python3
"""accel db add: what is stated comes back as it was said, with its provenance; what is wrong is refused in a sentence."""

import json
import os
import statistics
import subprocess
import unittest

from cli_case import ACCEL, CliCase

PERFORMANCE = ["model_name=bert-base", "hardware_type=cuda", "average_latency_ms=4.125"]


class DbAdd(CliCase):
    def add(self, *arguments, **options):
        return self.accel("db", "add", "--db", self.db, *arguments, **options)

    def rows(self, sql):
        return self.accel_json("query", "--db", self.db, sql)

    def row(self, sql):
        rows = self.rows(sql)
        self.assertEqual(len(rows), 1)
        return rows[0]

    def refused(self, words, *arguments, code=1):
        self.add(*arguments, code=code)
        self.assertIn(words, self.err)
        self.assertEqual(self.err.count("\n"), 1, self.err)
        self.assertFalse(self.db.exists())

    def stdin(self, text, *arguments, code=0):
        done = subprocess.run([ACCEL, "db", "add", "--db", self.db, "--json", "-", *arguments], input=text, text=True, capture_output=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_fields_come_back_with_their_units(self):
        self.add(*PERFORMANCE, "batch_size=8", "precision=float16", "throughput_items_per_second=1939.4", "memory_peak_mb=812.5", "load_ms=12.25",
                 "device_name=A100", "engine=tensorrt", "engine_version=10.2", "threads=1", "sequence_length=128", "warmup_iterations=10",
                 "started_at=2026-03-04T05:06:07Z", "git_commit=abc", "latency_ms.p95=4.5", "rack=b7")
        r = self.row("SELECT p.*, m.model_name, h.hardware_type, h.device_name, r.started_at, r.git_commit, r.test_name FROM performance_results p JOIN "
                     "models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id)")
        expected = dict(model_name="bert-base", hardware_type="cuda", device_name="A100", engine="tensorrt", engine_version="10.2", batch_size=8,
                        precision="fp16", precision_asked="fp16", average_latency_ms=4.125, throughput_items_per_second=1939.4, memory_peak_mb=812.5,
                        load_ms=12.25, threads=1, sequence_length=128, warmup_iterations=10, status="ok", git_commit="abc", test_name="accel db add",
                        started_at="2026-03-04 05:06:07", iterations=None, samples_ns=None, median_latency_ms=None, verified=None)
        self.assertEqual({k: r[k] for k in expected}, expected)
        kept = json.loads(r["metrics"])
        self.assertEqual(kept["rack"], "b7")
        self.assertEqual(kept["latency_ms"]["p95"], 4.5)

    def test_what_nobody_vouches_for_is_imported_and_outside_the_measured_views(self):
        self.add(*PERFORMANCE)
        self.assertEqual(self.row("SELECT provenance, is_simulated FROM performance_results"), {"provenance": "imported", "is_simulated": False})
        self.assertEqual(self.rows("SELECT * FROM latest_performance_metrics"), [])
        self.add(*PERFORMANCE, "provenance=measured")
        self.assertEqual(self.row("SELECT average_latency_ms AS a FROM latest_performance_metrics"), {"a": 4.125})
        self.add(*PERFORMANCE, "--provenance", "predicted")
        self.add(*PERFORMANCE, "provenance=simulated", "simulation_reason=a model of the device")
        self.assertEqual([r["provenance"] for r in self.rows("SELECT provenance FROM performance_results ORDER BY result_id")],
                         ["imported", "measured", "predicted", "simulated"])
        self.assertEqual(self.row("SELECT count(*) AS n FROM performance_results WHERE is_simulated"), {"n": 1})

    def test_samples_give_their_statistics(self):
        samples = [1_000_000 + 1_000 * (i * 37 % 100) for i in range(100)]
        self.stdin(json.dumps({"model_name": "m", "hardware_type": "cpu", "samples_ns": samples}))
        r = self.row("SELECT * FROM performance_results")
        self.assertAlmostEqual(r["average_latency_ms"], statistics.mean(samples) / 1e6, 12)
        self.assertAlmostEqual(r["median_latency_ms"], statistics.median(samples) / 1e6, 12)
        self.assertAlmostEqual(r["total_time_seconds"], sum(samples) / 1e9, 12)
        self.assertEqual(r["iterations"], 100)
        # MLPerf's rule: of 100 samples three may lie above p90; the largest after the two worst is reported
        self.assertAlmostEqual(r["p90_latency_ms"], sorted(samples)[-3] / 1e6, 12)
        self.assertIsNone(r["p99_latency_ms"])
        error = self.stdin(json.dumps({"model_name": "m", "hardware_type": "cpu", "samples_ns": samples, "average_latency_ms": 1049.5}), code=1)
        self.assertIn("stated as 1049.5 ms, but that of its samples is 1.0495 ms", error)

    def test_a_record_is_a_result(self):
        record = {"schema_version": 1, "record_id": "0192aaaa-0000-4000-8000-00000000abcd", "provenance": "measured", "status": "ok",
                  "model": {"name": "vit", "sha256": "ab" * 32, "licence": "mit"}, "platform": "webgpu", "device": {"name": "Adreno"},
                  "engine": {"name": "browser", "version": "128"}, "batch": 2, "shapes": {"x": [2, 3]}, "latency_ms": {"mean": 3.5},
                  "samples_ns": [3400000, 3600000], "started_at": "2026-05-06T07:08:09Z"}
        for _ in range(2):
            self.stdin(json.dumps([record]))
        r = self.row("SELECT p.*, m.version FROM performance_results p JOIN models m USING (model_id)")
        self.assertEqual((r["record_id"], r["engine"], r["version"], r["provenance"]), (record["record_id"], "browser", "ab" * 32, "measured"))
        self.assertEqual(json.loads(r["shapes"]), {"x": [2, 3]})
        self.assertEqual(json.loads(r["metrics"])["model"]["licence"], "mit")

    def test_rows_of_a_database_go_into_another_as_they_were(self):
        self.stdin(json.dumps([{"model_name": "m", "hardware_type": "cpu", "samples_ns": [5, 7], "batch_size": 4, "precision": "int8", "x": [1]},
                               {"model_name": "n", "hardware_type": "mps", "status": "timeout", "error_message": "60 s"}]))
        sql = ("SELECT p.*, m.model_name, h.hardware_type FROM performance_results p JOIN models m USING (model_id) JOIN hardware_platforms h "
               "USING (hardware_id) ORDER BY result_id")
        first = self.rows(sql)
        other = self.folder / "rows.json"
        other.write_text(json.dumps(first))
        self.db = self.folder / "second.duckdb"
        self.add("--json", other)
        def told(rows):
            return [{k: v for k, v in r.items() if not k.endswith("_id") or k == "record_id"}
                    | {"created_at": 0, "metrics": json.loads(r["metrics"]) | {"is_simulated": 0}} for r in rows]
        self.assertEqual(told(self.rows(sql)), told(first))

    def test_other_types(self):
        self.add("--result-type", "compatibility", "model_name=m", "hardware_type=qnn", "is_compatible=false", "detection_success=true",
                 "initialization_success=no", "error_message=no kernel", "compatibility_score=0.25", "firmware=7")
        r = self.row("SELECT * FROM hardware_compatibility")
        self.assertEqual((r["is_compatible"], r["detection_success"], r["compatibility_score"], json.loads(r["metadata"])),
                         (False, True, 0.25, {"firmware": "7"}))
        tests = [{"test_module": "suite", "test_name": f"t{i}", "status": "fail", "metadata": {"a": 1}, "seed": i,
                  "assertions": [{"assertion_name": f"a{i}", "passed": False, "expected_value": "1", "actual_value": "2"}] * i} for i in range(3)]
        self.stdin(json.dumps(tests), "--result-type", "integration")
        r = self.rows("SELECT test_name, count(assertion_id) AS n, any_value(t.metadata) AS metadata, any_value(provenance) AS p FROM integration_test_results t LEFT JOIN "
                      "integration_test_assertions USING (test_result_id) GROUP BY ALL ORDER BY 1")
        self.assertEqual([(x["test_name"], x["n"], json.loads(x["metadata"]), x["p"]) for x in r],
                         [(f"t{i}", i, {"a": 1, "seed": i}, "imported") for i in range(3)])
        self.assertEqual(self.row("SELECT DISTINCT test_type, count(*) AS runs FROM test_runs WHERE test_type = 'integration' GROUP BY ALL")["runs"], 1)
        self.add("--result-type", "web", "model_name=m", "platform=webgpu", "browser=edge", "success=true", "inference_time_ms=7.5", "workgroup_size=64")
        r = self.row("SELECT * FROM web_platform_results JOIN webgpu_advanced_features USING (result_id) JOIN hardware_platforms USING (hardware_id)")
        self.assertEqual((r["hardware_type"], r["browser"], r["inference_time_ms"], r["workgroup_size"]), ("webgpu", "edge", 7.5, 64))
        self.add("--result-type", "optimization", "model_name=m", "test_type=parallel_loading", "optimization_enabled=true", "improvement_percent=-3",
                 "sequential_load_time_ms=9", "shader_count=4")
        r = self.row("SELECT improvement_percent, sequential_load_time_ms, shader_count, o.test_datetime = s.test_datetime AS same FROM "
                     "web_platform_optimizations o JOIN parallel_loading_stats l ON l.optimization_id = o.id JOIN shader_compilation_stats s ON "
                     "s.optimization_id = o.id")
        self.assertEqual(r, {"improvement_percent": -3, "sequential_load_time_ms": 9, "shader_count": 4, "same": True})

    def test_bad_input_is_refused_in_a_sentence(self):
        for words, fields in (
            ("model_name is missing", ["hardware_type=cpu", "average_latency_ms=1"]),
            ("hardware_type is missing", ["model_name=m", "average_latency_ms=1"]),
            ("status is missing", ["model_name=m", "hardware_type=cpu"]),
            ("states no figure", ["model_name=m", "hardware_type=cpu", "status=ok"]),
            ("average_latency_ms must be a number", ["model_name=m", "hardware_type=cpu", "average_latency_ms=4ms"]),
            ("average_latency_ms must be a number", ["model_name=m", "hardware_type=cpu", "average_latency_ms=inf"]),
            ("average_latency_ms must be a number", ["model_name=m", "hardware_type=cpu", "average_latency_ms=1e999"]),
            ("average_latency_ms is 0", ["model_name=m", "hardware_type=cpu", "average_latency_ms=0"]),
            ("latency_ms.mean is negative", ["model_name=m", "hardware_type=cpu", "average_latency_ms=-1"]),
            ("batch_size must be a whole number", [*PERFORMANCE, "batch_size=1.5"]),
            ("memory_peak_mb must be a number of a size that can be", [*PERFORMANCE, "memory_peak_mb=1e300"]),
            ("platform is no platform that is known here", ["model_name=m", "hardware_type=abacus", "average_latency_ms=1"]),
            ("started_at", [*PERFORMANCE, "started_at=yesterday"]),
            ("stated twice", [*PERFORMANCE, "latency_ms.mean=3"]),
            ("provenance must be", [*PERFORMANCE, "provenance=guessed"]),
            ("needs simulation_reason", [*PERFORMANCE, "provenance=simulated"]),
            ("must say in a sentence why", ["model_name=m", "hardware_type=cpu", "status=crashed"]),
            ("must be absent when the status is not ok", [*PERFORMANCE, "status=crashed", "error_message=x"]),
            ("web.browser is 'lynx'", ["--result-type", "web", "model_name=m", "platform=wasm", "browser=lynx"]),
            ("integration.status is 'fine'", ["--result-type", "integration", "test_module=m", "test_name=t", "status=fine"]),
            ("compatibility.detection_success is missing",
             ["--result-type", "compatibility", "model_name=m", "hardware_type=cpu", "is_compatible=false"]),
        ):
            self.refused(words, *fields)
        self.refused("is given twice", *PERFORMANCE, "model_name=x", code=2)
        self.refused("is not FIELD=VALUE", "model_name", code=2)
        self.refused("give the result as FIELD=VALUE", code=2)
        for words, text in (
            ("is not valid JSON", '{"model_name": "m"'),
            ("a result must be a JSON object", "7"),
            ("the list holds no result", "[]"),
            ("result 2 of 2: hardware_type is missing", '[{"model_name":"m","hardware_type":"cpu","average_latency_ms":1},{"model_name":"m"}]'),
            ("average_latency_ms must be a finite number", '{"model_name":"m","hardware_type":"cpu","average_latency_ms":NaN}'),
            ("model_name must be a text without NUL", '{"model_name":"a\\u0000b","hardware_type":"cpu","average_latency_ms":1}'),
            ("samples_ns", '{"model_name":"m","hardware_type":"cpu","samples_ns":[1,-2]}'),
            ("samples_ns must be a list", '{"model_name":"m","hardware_type":"cpu","samples_ns":7}'),
        ):
            self.assertIn(words, self.stdin(text, code=1))
            self.assertFalse(self.db.exists())

    def test_while_another_has_the_database_a_result_waits_in_the_spool(self):
        import fcntl

        self.add(*PERFORMANCE)
        with open(self.db, "r+b") as held:
            fcntl.lockf(held, fcntl.LOCK_EX)
            self.add(*PERFORMANCE, "batch_size=2", "started_at=2026-01-01T00:00:00Z")
            self.assertIn("waits", self.err)
            self.add("--result-type", "integration", "test_module=m", "test_name=t", "status=pass", code=1)
            self.assertIn("is in use by another process", self.err)
        self.assertEqual([r["batch_size"] for r in self.rows("SELECT batch_size FROM performance_results ORDER BY result_id")], [None, 2])


if __name__ == "__main__":
    unittest.main()

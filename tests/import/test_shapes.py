"""Every kind of old file, and every trap of them, on small files: tests/data/import.

ctest: timeout 400
"""

import json
import unittest

from import_case import COMPATIBILITY, DATA, INTEGRATION, PERFORMANCE, WEB, ImportCase


def loaded(value):
    return json.loads(value) if isinstance(value, str) else value


class Performance(ImportCase):
    def rows(self, name, code=0):
        self.report = self.take_one(DATA / name, code=code)
        return self.ask(PERFORMANCE + " ORDER BY model_name, hardware_type, batch_size")

    def test_a_benchmark_run_keeps_every_iteration_in_seconds(self):
        cpu_2, cpu_4, cuda = self.rows("benchmark_run.json")
        self.assertEqual(self.report["outcome"], "imported")
        self.assertEqual((cpu_2["model_name"], cpu_2["model_family"], cpu_2["batch_size"], cpu_2["sequence_length"]), ("org/tiny-bert", "embedding", 2, 16))
        self.assertAlmostEqual(cpu_2["average_latency_ms"], 11.0)
        self.assertAlmostEqual(cpu_2["throughput_items_per_second"], 2 / 0.011)
        self.assertEqual((cpu_2["samples"], cpu_2["iterations"], cpu_2["load_ms"]), (4, 4, 500))
        self.assertEqual(cpu_2["provenance"], "imported")
        self.assertFalse(cpu_2["is_simulated"])
        self.assertEqual(cpu_2["started_at"], "2025-01-10 10:11:12")
        self.assertEqual((cuda["device_name"], cuda["average_latency_ms"]), ("Card X", 2))
        self.assertEqual(self.ask("SELECT latency_ms FROM performance_batch_results WHERE batch_size = 2 ORDER BY batch_index"),
                         [{"latency_ms": ms} for ms in (10, 12, 11, 11)])

    def test_the_status_is_of_each_configuration(self):
        failed = self.rows("benchmark_run.json")[1]
        self.assertEqual((failed["status"], failed["batch_size"]), ("out_of_memory", 4))
        self.assertIn("CUDA out of memory", failed["error_message"])
        for figure in ("average_latency_ms", "throughput_items_per_second", "iterations", "memory_peak_mb", "load_ms", "samples"):
            self.assertIsNone(failed[figure], figure)

    def test_a_file_marked_completed_can_hold_only_failures(self):
        (row,) = self.rows("trap_all_failed.json")
        self.assertEqual((row["status"], row["error_message"], row["average_latency_ms"]), ("error", "boom", None))

    def test_a_summary_is_not_counted_twice(self):
        report = self.take_one(DATA / "benchmark_summary.json")
        self.assertEqual((report["outcome"], report["rows"]), ("skipped", 0))
        self.assertIn("twice", report["reason"])

    def test_lists_take_many_spellings_and_numbers_as_texts(self):
        cpu, cuda = self.rows("list_results.json")
        self.assertEqual((cpu["batch_size"], cpu["average_latency_ms"], cpu["iterations"], cpu["memory_peak_mb"]), (4, 40, 50, 256))
        self.assertEqual((cuda["precision"], cuda["average_latency_ms"], cuda["throughput_items_per_second"]), ("fp16", 4, 2000))

    def test_unknown_keys_stay_in_metrics(self):
        _, cuda = self.rows("list_results.json")
        self.assertEqual(loaded(cuda["metrics"])["imported"], {"hardware": "cuda:1", "gpu_util": "5.9%"})
        self.take_one(DATA / "array.json")
        (row,) = self.ask(PERFORMANCE + " WHERE device_name = 'CPU Z'")
        self.assertEqual(loaded(row["metrics"])["imported"]["metrics"], {"cpu_util_percent": 78.5})

    def test_the_public_columns_come_back(self):
        (row,) = self.rows("array.json")
        self.assertEqual((row["model_family"], row["modality"], row["device_name"], row["precision"]), ("bert", "text", "CPU Z", "fp32"))
        self.assertEqual((row["average_latency_ms"], row["throughput_items_per_second"], row["memory_peak_mb"]), (20, 50, 100.5))
        self.assertEqual((row["iterations"], row["warmup_iterations"]), (10, 2))

    def test_a_throughput_tells_the_unit_of_a_latency_without_one(self):
        (row,) = self.rows("list_models.json")
        self.assertAlmostEqual(row["average_latency_ms"], 50.0)
        path = self.write("ms.json", {"results": [{"model": "m", "hardware": "cpu", "latency": 50.0, "throughput": 20.0}]})
        self.take_one(path)
        self.assertEqual(self.ask("SELECT average_latency_ms AS ms FROM performance_results JOIN models USING (model_id) WHERE model_name = 'm'")[0]["ms"], 50)

    def test_a_unit_that_stays_open_or_contradicts_is_rejected(self):
        for name, word in (("trap_latency_ambiguous", "no unit"), ("trap_latency_inconsistent", "neither"), ("trap_wrong_unit", "wrong by 1000"),
                           ("trap_negative", "negative")):
            report = self.take_one(DATA / f"{name}.json", code=1)
            self.assertEqual((report["outcome"], report["rows"]), ("rejected", 0), name)
            self.assertIn(word, report["reason"])
        self.assertEqual(self.counts()["performance_results"], 0)

    def test_trees_name_model_platform_and_batch_by_their_keys(self):
        one, eight, openvino = self.rows("list_tree.json")
        self.assertEqual([(r["model_name"], r["hardware_type"], r["batch_size"], r["status"]) for r in (one, eight, openvino)],
                         [("bert", "cpu", 1, "ok"), ("bert", "cpu", 8, "ok"), ("bert", "openvino", None, "error")])

    def test_statistics_in_an_object_and_a_flag_of_simulation(self):
        (row,) = self.rows("list_benchmarks.json")
        self.assertEqual((row["average_latency_ms"], row["median_latency_ms"], row["tokens_per_second"]), (7, 6.5, 140))
        self.assertTrue(row["is_simulated"])
        self.assertEqual(row["simulation_reason"], "simulated is true")

    def test_no_model_is_ever_named_unknown(self):
        report = self.take_one(DATA / "trap_unknown_model.json", code=1)
        self.assertEqual(report["outcome"], "rejected")
        self.assertEqual(self.counts()["models"], 0)

    def test_a_platform_that_is_none_is_left_out_and_told(self):
        (row,) = self.rows("trap_unknown_hardware.json")
        self.assertEqual((row["hardware_type"], row["average_latency_ms"]), ("cpu", 6))
        self.assertIn("results[0]", self.report["reason"])

    def test_zero_and_nan_stand_for_nothing(self):
        for name in ("trap_zero.json", "trap_nan.json"):
            self.take_one(DATA / name)
        rows = self.ask(PERFORMANCE)
        self.assertEqual([(r["hardware_type"], r["average_latency_ms"], r["throughput_items_per_second"], r["memory_peak_mb"]) for r in rows],
                         [("cuda", 3, None, None)] * 2)

    def test_paths_bars_and_long_values_are_kept(self):
        (row,) = self.rows("trap_names | and spaces.json")
        self.assertEqual(row["model_name"], "D:\\models\\my bert | v2")
        self.assertEqual(loaded(row["metrics"])["imported"]["note"], "x" * 9000)

    def test_test_files_give_tests_and_figures(self):
        self.take_one(DATA / "test_files.json")
        self.assertEqual([(r["model_name"], r["hardware_type"], r["average_latency_ms"], r["memory_peak_mb"]) for r in self.ask(PERFORMANCE + " ORDER BY hardware_type")],
                         [("vit", "cpu", 20, 200), ("vit", "cuda", 2, None)])
        self.assertEqual([(r["test_module"], r["status"], r["execution_time_seconds"], r["error_message"]) for r in self.ask(INTEGRATION)],
                         [("test_hf_t5", "error", 1.25, "it fell over"), ("test_hf_vit", "pass", 3.5, None)])


class Tests(ImportCase):
    def rows(self, name):
        self.take_one(DATA / name)
        return self.ask(INTEGRATION)

    def outcome(self, rows):
        return [(r["test_module"], r["test_name"], r["hardware_type"], r["status"]) for r in rows]

    def test_functionality(self):
        self.assertEqual(self.outcome(self.rows("functionality.json")),
                         [("functionality_verification", "bert on cpu", "cpu", "pass"), ("functionality_verification", "vit on cpu", "cpu", "fail"),
                          ("performance_benchmarks", "embedding", None, "error")])

    def test_what_a_failed_program_printed_is_its_error(self):
        (row,) = self.rows("functionality_flat.json")
        self.assertEqual((row["model_name"], row["status"], row["error_message"]), ("t5", "fail", "ValueError: no such model"))
        self.assertIn("Traceback", row["error_traceback"])

    def test_real_beside_evidence_of_a_mock_is_simulated(self):
        mocked, real = self.rows("skill_tests.json")
        self.assertTrue(mocked["is_simulated"])
        self.assertIn("Using mock", mocked["simulation_reason"])
        self.assertFalse(real["is_simulated"])  # "not mocked; mocked: False"
        self.assertEqual(self.ask("SELECT command_line FROM test_runs"), [{"command_line": "run.py --skills"}])

    def test_one_program(self):
        (row,) = self.rows("one_test.json")
        self.assertEqual((row["test_module"], row["status"], row["execution_time_seconds"], row["error_message"]), ("test_hf_clip", "fail", 4.5, "KeyError: 'x'"))
        self.assertFalse(row["is_simulated"])  # unittest/mock.py in a traceback is a file
        self.assertEqual(loaded(row["metadata"])["stdout"], "\x1b[31mred\x1b[0m")

    def test_models_by_platform(self):
        rows = self.rows("model_tests.json")
        self.assertEqual(self.outcome(rows), [("other", "other", None, "fail"), ("tiny", "cpu", "cpu", "pass"), ("tiny", "openvino", "openvino", "pass")])
        self.assertEqual([r["is_simulated"] for r in rows], [False, False, True])
        self.assertEqual(rows[1]["execution_time_seconds"], 0.25)

    def test_lists_of_tests(self):
        rows = self.rows("test_list.json")
        self.assertEqual([(r["test_module"], r["test_class"], r["status"], r["execution_time_seconds"]) for r in rows],
                         [("test_b", None, "fail", 0.25), ("test_three", None, "skip", None), ("tests/test_a.py", "TestA", "pass", 0.5)])
        self.assertEqual(self.ask("SELECT assertion_name, passed, expected_value FROM integration_test_assertions"),
                         [{"assertion_name": "shape", "passed": True, "expected_value": "[1,2]"}])

    def test_exit_codes_and_modules(self):
        self.assertEqual(self.outcome(self.rows("exit_codes.json")), [("group", "inner", None, "fail"), ("single", "single", None, "pass")])
        self.take_one(DATA / "modules.json")
        self.assertEqual(self.ask("SELECT test_name, status FROM integration_test_results WHERE error_message = 'refused'"), [{"test_name": "put", "status": "error"}])

    def test_passed_with_an_exit_code_is_a_contradiction(self):
        self.assertEqual(self.take_one(DATA / "trap_contradiction.json", code=1)["outcome"], "rejected")

    def test_skills_by_platform(self):
        rows = {r["test_name"]: r for r in self.rows("skill_flat.json")}
        self.assertEqual({n: r["status"] for n, r in rows.items()}, {"common steps": "pass", "cpu": "pass", "cuda": "skip", "openvino": "pass", "qnn": "error"})
        self.assertEqual({n for n, r in rows.items() if r["is_simulated"]}, {"openvino"})
        self.assertEqual((rows["cpu"]["test_module"], rows["cpu"]["execution_time_seconds"]), ("test_hf_x", 0.125))
        self.assertEqual(loaded(rows["openvino"]["metadata"])["openvino_output"], "made up")

    def test_an_example_of_a_mock_makes_its_platform_simulated(self):
        cpu, cuda = self.rows("skill_status.json")
        self.assertEqual((cpu["is_simulated"], cuda["is_simulated"]), (False, True))
        self.assertEqual((cpu["model_name"], cpu["execution_time_seconds"]), ("/tmp/some_model", 0.5))

    def test_a_collection_of_skills(self):
        self.assertEqual(self.outcome(self.rows("skill_collection.json")),
                         [("test_hf_a", "common steps", None, "pass"), ("test_hf_a", "cpu", "cpu", "fail"), ("test_hf_a", "cuda", "cuda", "skip"),
                          ("test_hf_b", "test_hf_b", None, "error")])


class Others(ImportCase):
    def test_compatibility(self):
        self.take_one(DATA / "compatibility_list.json")
        cuda, mps = self.ask(COMPATIBILITY)
        self.assertEqual((cuda["hardware_type"], cuda["is_compatible"], cuda["compatibility_score"]), ("cuda", True, 0.95))
        self.assertEqual((mps["is_compatible"], mps["error_message"], mps["error_type"], mps["suggested_fix"]), (False, "no backend", "ImportError", "buy one"))

    def test_compatibility_of_families_flags_and_tests(self):
        for name in ("compatibility_matrix", "compatibility_flags", "compatibility_tests"):
            self.take_one(DATA / f"{name}.json")
        self.assertEqual([(r["model_name"], r["hardware_type"], r["is_compatible"]) for r in self.ask(COMPATIBILITY)],
                         [("bert", "cpu", True), ("bert", "cuda", False), ("gpt2", "cpu", True), ("gpt2", "openvino", False), ("org/tiny-bert", "cpu", True),
                          ("vit", "cpu", True), ("vit", "webgpu", True)])

    def test_errors_of_hardware(self):
        self.take_one(DATA / "hardware_errors.json")
        self.assertEqual([(r["model_name"], r["is_compatible"], r["error_type"]) for r in self.ask(COMPATIBILITY)], [("gpt2", False, "RuntimeError")])
        self.assertEqual([(r["hardware_type"], r["status"], r["error_message"]) for r in self.ask(INTEGRATION)], [("rocm", "error", "no driver")])

    def test_detection(self):
        self.take_one(DATA / "detection.json")
        self.assertEqual(self.ask("SELECT hardware_type, device, is_available, CAST(detected_at AS VARCHAR) AS at FROM hardware_availability_log ORDER BY ALL")[:2],
                         [{"hardware_type": "cuda", "device": "", "is_available": True, "at": "2025-01-17 00:00:00"},
                          {"hardware_type": "cuda", "device": "Card X", "is_available": True, "at": "2025-01-17 00:00:00"}])
        self.assertEqual(self.counts()["hardware_availability_log"], 7)

    def test_web_results(self):
        self.take_one(DATA / "web_one.json")
        (row,) = self.ask(WEB)
        self.assertEqual((row["browser"], row["browser_version"], row["success"], row["inference_time_ms"], row["load_time_ms"], row["memory_usage_mb"]),
                         ("chrome", "130.0", True, 12.5, 300, 64))
        self.assertFalse(row["is_simulated"])
        self.assertEqual(loaded(row["metrics"])["metrics"], {"first_paint": 3})
        self.assertEqual(self.ask("SELECT compute_shader_support AS c, workgroup_size AS w FROM webgpu_advanced_features"), [{"c": True, "w": 64}])

    def test_simulated_and_failed_web_results(self):
        self.take_one(DATA / "web_simulated.json")
        webgpu, webnn = self.ask(WEB)
        self.assertEqual((webnn["is_simulated"], webnn["simulation_reason"]), (True, "simulated is true"))
        self.assertEqual((webgpu["success"], webgpu["inference_time_ms"], webgpu["error_message"], webgpu["is_simulated"]), (False, None, "adapter lost", False))

    def test_web_comparison(self):
        self.take_one(DATA / "web_comparison.json")
        webgpu, webnn = self.ask(WEB)
        self.assertEqual((webnn["platform"], webnn["inference_time_ms"], webnn["memory_usage_mb"]), ("webnn", 30.5, 120))
        self.assertEqual((webgpu["success"], webgpu["inference_time_ms"], webgpu["error_message"]), (False, None, "no adapter"))

    def test_files_without_a_result_are_skipped_with_a_reason(self):
        for name, reason in (("configuration", "configuration"), ("models", "list of models"), ("source", "source code"), ("browser", "browser"),
                             ("api", "service"), ("nothing", "no result"), ("scalar", "no result")):
            report = self.take_one(DATA / f"none_{name}.json")
            self.assertEqual(report["outcome"], "skipped", name)
            self.assertIn(reason, report["reason"])

    def test_broken_files_are_rejected_with_a_reason(self):
        for name, reason in (("cut", "cut off"), ("empty", "empty"), ("not_json", "not JSON")):
            report = self.take_one(DATA / f"trap_{name}.json", code=1)
            self.assertEqual(report["outcome"], "rejected", name)
            self.assertIn(reason, report["reason"])


class Times(ImportCase):
    def started(self, name, timestamp=None):
        value = {"results": [{"model": "m", "hardware": "cpu", "latency_ms": 5.0}]}
        if timestamp is not None:
            value["timestamp"] = timestamp
        self.take_one(self.write(name, value))
        return self.ask("SELECT CAST(started_at AS VARCHAR) AS at, metadata FROM test_runs ORDER BY run_id DESC LIMIT 1")[0]

    def test_forms_of_a_timestamp(self):
        for i, (given, utc) in enumerate(((
            "2025-03-01T12:00:00", "2025-03-01 12:00:00"), ("2025-03-01 12:00:00", "2025-03-01 12:00:00"), ("2025-03-01T12:00:00.25Z", "2025-03-01 12:00:00.25"),
            ("2025-03-01T01:00:00+02:00", "2025-02-28 23:00:00"), ("20250301_180458", "2025-03-01 18:04:58"), (1740804484.5, "2025-03-01 04:48:04.5"),
            ("1740804484", "2025-03-01 04:48:04"), (1740804484500, "2025-03-01 04:48:04.5"))):
            self.assertEqual(self.started(f"{i}.json", given)["at"], utc, given)

    def test_the_name_and_then_the_folder_tell_what_the_file_does_not(self):
        self.assertEqual(self.started("run_20250102_030405.json", "yesterday")["at"], "2025-01-02 03:04:05")
        row = self.started("20240102_030405/x.json", "2025-13-01T00:00:00")
        self.assertEqual((row["at"], loaded(row["metadata"])["started_at_from"]), ("2024-01-02 03:04:05", "its name"))

    def test_the_modification_time_is_the_last_resort_and_marked(self):
        row = self.started("plain.json")
        self.assertEqual(loaded(row["metadata"])["started_at_from"], "its modification time")


if __name__ == "__main__":
    unittest.main()

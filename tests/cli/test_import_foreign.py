#!/usr/bin/env python3
"""Files of other people's tools: what accel db import makes of them, against the same files read here with json and csv."""

import csv
import ctypes
import json
import os
import re
import shutil
import statistics
import unittest
from pathlib import Path

from cli_case import CliCase

FILES = Path(os.environ["ACCEL_SOURCE_DIR"]) / "tests/data/import/foreign"
RESULTS = ("SELECT p.*, m.model_name, m.model_family, m.parameters_million, m.source, h.hardware_type, h.device_name, r.test_name, r.started_at, r.metadata AS "
           "run_metadata FROM performance_results p JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING "
           "(run_id) ORDER BY result_id")


def duckdb(sql):
    """Runs SQL in DuckDB's own library: it has no other command here."""
    library = ctypes.CDLL(str(next(Path(os.environ.get("ACCEL_DEPS_DIR", os.environ["ACCEL_SOURCE_DIR"] + "/.deps")).glob("duckdb/libduckdb.so"))))
    handle, connection, result = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.create_string_buffer(256)
    library.duckdb_result_error.restype = ctypes.c_char_p
    assert library.duckdb_open(None, ctypes.byref(handle)) == 0
    assert library.duckdb_connect(handle, ctypes.byref(connection)) == 0
    failed = library.duckdb_query(connection, sql.encode(), result)
    words = library.duckdb_result_error(result)
    library.duckdb_destroy_result(result)
    library.duckdb_disconnect(ctypes.byref(connection))
    library.duckdb_close(ctypes.byref(handle))
    assert not failed, words


class ImportForeign(CliCase):
    def take(self, *arguments, code=0):
        """The report's rows."""
        return self.accel_json("db", "import", "--db", self.db, *arguments, "-q", code=code)

    def one(self, *arguments, code=0):
        report = self.take(*arguments, code=code)
        self.assertEqual(len(report), 1)
        return report[0]

    def rows(self, sql=RESULTS):
        return self.accel_json("query", "--db", self.db, sql)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def rejected(self, name, content, words, *options):
        report = self.one(self.write(name, content), *options, code=1)
        self.assertEqual(report["outcome"], "rejected", report)
        self.assertIn(words, report["reason"])
        self.assertEqual(self.rows("SELECT count(*) AS n FROM performance_results")[0]["n"], 0)

    # ---- Google Benchmark ----

    def test_google_benchmark_becomes_tests(self):
        path = FILES / "google_benchmark.json"
        truth = [b for b in json.loads(path.read_text())["benchmarks"] if b["run_type"] == "iteration"]
        report = self.one(path)
        self.assertEqual((report["outcome"], report["kind"], report["category"], report["rows"]), ("imported", "google benchmark", "integration", len(truth)))
        self.assertIn("1 aggregates", report["reason"])
        rows = self.rows("SELECT t.*, r.started_at FROM integration_test_results t JOIN test_runs r USING (run_id) ORDER BY test_result_id")
        seconds = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
        for row, b in zip(rows, truth, strict=True):
            self.assertEqual((row["test_module"], row["test_name"], row["provenance"]), ("softmax_bench", b["run_name"], "imported"))
            self.assertEqual(json.loads(row["metadata"])["benchmark"], b)
            if b.get("error_occurred"):
                self.assertEqual((row["status"], row["error_message"], row["execution_time_seconds"]), ("error", "no device", None))
            else:
                self.assertEqual(row["status"], "pass")
                self.assertAlmostEqual(row["execution_time_seconds"] / (b["real_time"] * seconds[b["time_unit"]]), 1, 9)
            self.assertEqual(row["started_at"], "2026-02-03 03:05:06")  # +01:00
            self.assertNotIn("somebodys-machine", row["metadata"])
        self.assertNotIn("somebodys-machine", json.dumps(self.rows("SELECT * FROM test_runs")))
        self.assertEqual(self.rows("SELECT count(*) AS n FROM performance_results")[0]["n"], 0)

    def test_google_benchmark_of_aggregates_alone_and_traps(self):
        bench = json.loads((FILES / "google_benchmark.json").read_text())
        alone = dict(bench, benchmarks=[b for b in bench["benchmarks"] if b["run_type"] == "aggregate"])
        self.take(self.write("alone.json", json.dumps(alone)))
        self.assertEqual([r["test_name"] for r in self.rows("SELECT test_name FROM integration_test_results")], ["BM_Softmax/1024"])
        wrong = json.loads(json.dumps(bench))
        wrong["benchmarks"][0]["time_unit"] = "minutes"
        self.rejected("unit.json", json.dumps(wrong), "its time_unit is minutes, not ns, us, ms or s")
        del wrong["benchmarks"][0]["time_unit"]
        self.rejected("no_unit.json", json.dumps(wrong), "its time_unit is missing")
        nan = json.dumps(bench).replace("1562.5", "NaN")
        self.assertIn("its real_time is no time", self.one(self.write("nan.json", nan))["reason"])
        self.rejected("cut.json", json.dumps(bench)[:700], "cut off")

    # ---- hyperfine ----

    def test_hyperfine_commands_become_tests(self):
        self.take(FILES / "hyperfine_two.json")
        rows = self.rows("SELECT * FROM integration_test_results ORDER BY test_result_id")
        truth = json.loads((FILES / "hyperfine_two.json").read_text())["results"]
        self.assertEqual([(r["test_name"], r["execution_time_seconds"]) for r in rows], [(t["command"], t["mean"]) for t in truth])
        self.assertEqual([(r["status"], r["error_message"]) for r in rows], [("pass", None), ("fail", "exit code 3")])
        self.assertEqual(json.loads(rows[0]["metadata"])["parameters"], {"delay": "0.010"})
        self.assertEqual(json.loads(rows[1]["metadata"])["times"], truth[1]["times"])

    def test_hyperfine_of_a_stated_model_is_a_result(self):
        self.take(FILES / "hyperfine_one.json", "--model", "resnet", "--hardware", "cpu")
        truth = json.loads((FILES / "hyperfine_one.json").read_text())["results"][0]
        row = self.rows()[0]
        times = [round(t * 1e9) for t in truth["times"]]
        self.assertEqual(json.loads(row["samples_ns"]), times)
        self.assertAlmostEqual(row["average_latency_ms"], truth["mean"] * 1e3, 9)
        self.assertAlmostEqual(json.loads(row["metrics"])["latency_ms"]["std"], statistics.stdev(truth["times"]) * 1e3, 9)
        self.assertEqual((row["model_name"], row["hardware_type"], row["provenance"], row["engine"]), ("resnet", "cpu", "imported", None))
        self.assertEqual(row["memory_peak_mb"], max(truth["memory_usage_byte"]) / 1e6)
        metrics = json.loads(row["metrics"])
        self.assertEqual(metrics["stated"], ["model", "hardware"])
        self.assertEqual(metrics["imported"]["command"], truth["command"])
        self.assertIn("starting the process", metrics["warnings"])
        wrong = {"results": [dict(truth, mean=truth["mean"] * 1000)]}  # milliseconds
        report = self.one(self.write("ms.json", json.dumps(wrong)), "--model", "resnet", "--hardware", "cpu", code=1)
        self.assertIn("the mean latency is stated as 212500 ms, but that of its samples is 212.5 ms", report["reason"])

    # ---- llama-bench ----

    def check_llama(self, truth, platforms):
        rows = self.rows()
        self.assertEqual(len(rows), len(truth))
        for row, t, platform in zip(rows, truth, platforms, strict=True):
            prompt, generated, ns = int(t["n_prompt"]), int(t["n_gen"]), float(t["avg_ns"])
            mode = "inference" if prompt and generated else "prefill" if prompt else "decode"
            self.assertEqual((row["mode"], row["hardware_type"], row["engine"]), (mode, platform, "llama.cpp"))
            self.assertEqual(row["engine_version"], f"b{t['build_number']} {t['build_commit']}")
            self.assertEqual(row["model_name"], re.split(r"[/\\]", t["model_filename"])[-1])
            self.assertEqual(row["model_family"], t["model_type"].split()[0])
            self.assertAlmostEqual(row["parameters_million"], int(t["model_n_params"]) / 1e6, 6)
            self.assertAlmostEqual(row["average_latency_ms"] / (ns / 1e6 / (generated if mode == "decode" else 1)), 1, 9)
            self.assertEqual(row["tokens_per_second"], float(t["avg_ts"]))
            self.assertEqual(row["threads"], int(t["n_threads"]))
            samples = json.loads(row["samples_ns"]) if row["samples_ns"] else None
            self.assertEqual(samples, t.get("samples_ns") if mode != "decode" else None)
            self.assertEqual({k: str(v) for k, v in json.loads(row["shapes"]).items()}, {k: str(t[k]) for k in json.loads(row["shapes"])})
            self.assertEqual(json.loads(row["metrics"])["started_at"][:19] + "Z", t["test_time"])
            self.assertEqual(row["provenance"], "imported")
            self.assertIsNone(row["throughput_items_per_second"])

    def test_llama_bench_json(self):
        truth = json.loads((FILES / "llama_bench.json").read_text())
        report = self.one(FILES / "llama_bench.json")
        self.assertEqual(report["rows"], 3)
        self.assertIn("m.gguf: it does not say on what it ran, or that has no name here", report["reason"])  # SYCL
        self.check_llama(truth[:3], ["cuda", "cuda", "mps"])
        rows = self.rows()
        self.assertEqual([r["precision"] for r in rows], ["Q4_K - Medium", "Q4_K - Medium", "fp16"])
        self.assertEqual([r["sequence_length"] for r in rows], [512, 256, None])
        self.assertEqual(rows[0]["device_name"], "NVIDIA GeForce RTX 4090")
        self.assertEqual(json.loads(rows[1]["metrics"])["imported"]["samples_ns"], truth[1]["samples_ns"])

    def test_llama_bench_csv_and_lines(self):
        with open(FILES / "llama_bench.csv", newline="") as file:
            truth = list(csv.DictReader(file))
        self.take(FILES / "llama_bench.csv")
        self.check_llama(truth, ["cpu", "cpu"])
        self.assertEqual(self.rows()[0]["device_name"], 'AMD "Ryzen", 7 7800X3D')
        self.assertEqual(self.rows()[0]["started_at"], "2026-04-24 11:57:09")
        self.db = self.folder / "lines.duckdb"
        self.take(FILES / "llama_bench.jsonl")
        self.check_llama([json.loads(line) for line in (FILES / "llama_bench.jsonl").read_text().splitlines()], ["cpu", "cpu"])

    def test_llama_bench_layers_and_older_flags(self):
        t = json.loads((FILES / "llama_bench.json").read_text())[0]
        on_cpu = dict(t, n_gpu_layers=0)
        older = {k: v for k, v in t.items() if k != "backends"} | {"cuda": True, "metal": False, "vulkan": False, "model_type": "llama 7B mostly BF16"}
        two = dict(t, backends="CUDA,Vulkan")
        report = self.one(self.write("l.json", json.dumps([on_cpu, older, two])))
        self.assertEqual(report["rows"], 2)
        rows = self.rows()
        self.assertEqual([(r["hardware_type"], r["precision"]) for r in rows], [("cpu", "Q4_K - Medium"), ("cuda", "bf16")])
        self.assertIn("n_gpu_layers is 0", json.loads(rows[0]["metrics"])["warnings"])

    def test_llama_bench_traps(self):
        t = json.loads((FILES / "llama_bench.json").read_text())[0]
        self.rejected("us.json", json.dumps([dict(t, avg_ns=t["avg_ns"] / 1000, samples_ns=[])]), "are not avg_ts")
        self.rejected("mean.json", json.dumps([dict(t, samples_ns=[1, 2])]), "but that of its samples is")
        for name, change in (("zero", {"avg_ns": 0}), ("neg", {"avg_ns": -5}), ("nan", {"avg_ns": float("nan")}), ("inf", {"avg_ns": float("inf")}),
                             ("gone", {"avg_ns": None}), ("none", {"n_prompt": 0}), ("huge", {"avg_ns": 1e300})):
            self.rejected(name + ".json", json.dumps([t | change]), "avg_" if name != "none" else "neither n_prompt nor n_gen")
        cut = (FILES / "llama_bench.csv").read_text()
        self.rejected("cut.csv", cut[: cut.rindex('"2026-04-24T11:57:10Z"')], "it cannot be read as CSV")

    # ---- optimum-benchmark ----

    def test_optimum_benchmark(self):
        truth = json.loads((FILES / "optimum_benchmark.json").read_text())
        report = self.one(FILES / "optimum_benchmark.json")
        self.assertEqual(report["rows"], 2)
        prefill, decode = self.rows()
        for row, mode, of in ((prefill, "prefill", "prefill"), (decode, "decode", "per_token")):
            values = truth["report"][of]["latency"]["values"]
            self.assertEqual((row["mode"], row["engine"], row["engine_version"]), (mode, "pytorch", "2.4.1+cu124"))
            self.assertEqual((row["model_name"], row["hardware_type"], row["device_name"]), ("openai-community/gpt2", "cuda", "NVIDIA A10G"))
            self.assertEqual((row["batch_size"], row["sequence_length"], row["precision"]), (2, 16, "fp16"))
            self.assertEqual(json.loads(row["samples_ns"]), [round(v * 1e9) for v in values])
            self.assertAlmostEqual(row["average_latency_ms"], statistics.mean(values) * 1e3, 9)
            self.assertEqual(row["tokens_per_second"], truth["report"][mode]["throughput"]["value"])
            self.assertAlmostEqual(row["memory_peak_mb"], truth["report"][mode]["memory"]["max_ram"], 6)
            self.assertEqual(row["load_ms"], 1500)
        self.assertAlmostEqual(json.loads(prefill["metrics"])["energy_j"], 3.1e-7 * 3.6e6, 12)
        self.assertNotIn("energy_j", json.loads(decode["metrics"]))
        self.assertEqual(json.loads(prefill["metrics"])["imported"]["config"], truth["config"])

    def test_optimum_report_alone_and_traps(self):
        path = FILES / "optimum_report.json"
        self.assertIn("say which it was with --model", self.one(path, code=1)["reason"])
        self.take(path, "--model", "bert", "--hardware", "openvino")  # what was refused is not known
        row = self.rows()[0]
        self.assertEqual((row["average_latency_ms"], row["median_latency_ms"], row["throughput_items_per_second"], row["iterations"]), (4, 3.9, 250, 250))
        self.db = self.folder / "traps.duckdb"
        report = json.loads((FILES / "optimum_benchmark.json").read_text())
        report["report"]["prefill"]["latency"]["unit"] = "hours"
        self.rejected("unit.json", json.dumps(report), "prefill: its latencies are in hours, not s or ms")
        report["report"]["prefill"]["latency"] = {"unit": "ms", "values": [0.010, 0.012, 0.011], "mean": 11}
        self.rejected("contradiction.json", json.dumps(report), "is stated as 11 ms")
        for device, provider, name, expected in (("cpu", None, "openvino", "openvino"), ("cuda", "CUDAExecutionProvider", "onnxruntime", "cuda"),
                                                 ("cpu", "OpenVINOExecutionProvider", "onnxruntime", "openvino"), ("mps", None, "pytorch", "mps")):
            report = json.loads((FILES / "optimum_benchmark.json").read_text())
            report["config"]["backend"].update(device=device, provider=provider, name=name, quantization_scheme="bnb")
            self.db = self.folder / f"{device}{provider}{name}.duckdb"
            self.take(self.write("p.json", json.dumps(report)))
            self.assertEqual((self.rows()[0]["hardware_type"], self.rows()[0]["precision"]), (expected, None))

    # ---- ONNX Runtime ----

    def test_perf_test(self):
        path = FILES / "perf_test.csv"
        self.assertIn("does not say on what it ran", self.one(path, code=1)["reason"])
        self.take(path, "--hardware", "cpu")
        lines = [line.split(",") for line in path.read_text().splitlines() if line.count(",") == 4]
        first = [round(float(x[1]) * 1e9) for x in lines[:4]]
        rows = self.rows()
        self.assertEqual([json.loads(r["samples_ns"]) for r in rows], [first, [5000000, 6000000]])
        self.assertEqual((rows[0]["model_name"], rows[0]["engine"], rows[0]["memory_peak_mb"]), ("squeezenet", "onnxruntime", 78.364672))
        self.assertAlmostEqual(rows[0]["average_latency_ms"], statistics.mean(first) / 1e6, 9)
        self.assertEqual(json.loads(rows[0]["metrics"])["stated"], ["hardware"])
        self.db = self.folder / "traps.duckdb"
        text = path.read_text()
        self.rejected("gap.csv", text.replace("squeezenet,0.00399877,78364672,98,2\n", ""), "line 3 is run 3 where run 2 was to follow", "--hardware", "cpu")
        self.rejected("nan.csv", text.replace("0.00401123", "nan"), "line 2 is no run", "--hardware", "cpu")
        self.rejected("zero.csv", text.replace("0.00401123", "0"), "line 2: its time is no time above 0", "--hardware", "cpu")
        self.rejected("cut.csv", text[:60], "line 2 is no run", "--hardware", "cpu")

    def test_a_profile_is_skipped_with_the_reason(self):
        report = self.one(FILES / "ort_profile.json")
        self.assertEqual(report["outcome"], "skipped")
        self.assertIn("a profile", report["reason"])

    # ---- MLPerf ----

    def test_mlperf(self):
        truth = dict(re.findall(r"^(.*?)\s*:\s*(.*)$", (FILES / "mlperf_server.txt").read_text(), re.M))
        self.take(FILES / "mlperf_server.txt", FILES / "mlperf_offline.txt", "-m", "resnet50", "--hardware", "cuda")
        server, offline = sorted(self.rows(), key=lambda r: r["scenario"], reverse=True)
        self.assertEqual((server["scenario"], server["throughput_items_per_second"]), ("server", 98.19))
        self.assertAlmostEqual(server["average_latency_ms"], int(truth["Mean latency (ns)"]) / 1e6, 9)
        self.assertAlmostEqual(server["p99_latency_ms"], 35, 9)
        metrics = json.loads(server["metrics"])
        self.assertEqual(metrics["imported"]["target_qps"], "100")
        self.assertEqual(metrics["imported"]["SUT name"], "PySUT")
        self.assertEqual((offline["scenario"], offline["throughput_items_per_second"], offline["average_latency_ms"]), ("offline", 80156.8, None))
        self.assertIn("INVALID", json.loads(offline["metrics"])["warnings"])
        self.assertEqual(json.loads(offline["metrics"])["imported"]["Mean latency (ns)"], "19020366")

    def test_mlperf_traps(self):
        text = (FILES / "mlperf_server.txt").read_text()
        about = ("-m", "m", "--hardware", "cpu")
        self.rejected("no_model.txt", text, "say which it was with --model")
        self.rejected("cut.txt", text[:170], "it is cut off", *about)
        self.rejected("scenario.txt", text.replace("Scenario : Server", "Scenario : Dream"), "its scenario is Dream", *about)
        nothing = re.sub(r"(?m)^.*(latency|samples per second).*$", "", text)
        self.rejected("nothing.txt", nothing, "neither a latency nor a throughput", *about)
        report = self.one(self.write("accuracy.txt", text.replace("PerformanceOnly", "AccuracyOnly")), *about)
        self.assertEqual((report["outcome"], "for accuracy" in report["reason"]), ("skipped", True))
        self.accel("db", "import", "--db", self.db, FILES / "mlperf_server.txt", "--hardware", "abacus", code=2)
        self.assertIn("is no platform that is known here", self.err)

    # ---- tables ----

    def test_csv(self):
        with open(FILES / "table.csv", newline="") as file:
            truth = list(csv.DictReader(file))
        self.take(FILES / "table.csv")
        rows = self.rows()
        self.assertEqual(len(rows), 3)
        for row, t in zip(rows, truth, strict=True):
            for name in ("model_name", "hardware_type", "device_name", "engine", "engine_version"):
                self.assertEqual(row[name], t[name])
            self.assertEqual(row["provenance"], "imported")
        self.assertEqual([r["precision"] for r in rows], ["fp16", "fp32", "fp32"])
        self.assertEqual([r["batch_size"] for r in rows], [8, 1, None])
        self.assertEqual([r["average_latency_ms"] for r in rows], [4.125, None, None])
        self.assertEqual([r["throughput_items_per_second"] for r in rows], [1939.39, 25.5, None])
        self.assertEqual([r["status"] for r in rows], ["ok", "ok", "crashed"])
        self.assertEqual([json.loads(r["metrics"])["started_at"][:19] for r in rows],
                         ["2026-03-04T05:06:07", "2026-03-05T03:06:07", "2026-03-06T00:00:00"])
        self.assertEqual(json.loads(rows[1]["metrics"])["team"], 'red "one"')
        again = self.one(FILES / "table.csv")
        self.assertEqual((again["outcome"], len(self.rows())), ("skipped", 3))

    def test_csv_traps(self):
        head = "model_name,hardware_type,average_latency_ms\n"
        self.rejected("word.csv", head + "m,cpu,1\nm,cpu,fast\n", "row 2 of 2: average_latency_ms must be a number")
        self.rejected("inf.csv", head + "m,cpu,Infinity\n", "row 1 of 1: average_latency_ms must be a")
        self.rejected("negative.csv", head + "m,cpu,-1\n", "is negative")
        self.rejected("platform.csv", head + "m,abacus,1\n", "platform is no platform that is known here")
        self.rejected("empty_model.csv", head + ",cpu,1\n", "row 1 of 1: model_name is missing")
        self.rejected("zero.csv", head + "m,cpu,0\n", "average_latency_ms is 0, which no measurement gives")
        self.rejected("unknown.csv", head + "Unknown,cpu,1\n", "model_name is 'Unknown', which names no model")
        self.rejected("utf8.csv", head.encode() + b"\xff\xfe,cpu,1\n", "it cannot be read as CSV")
        self.rejected("quote.csv", head + 'm,cpu,"1\n', "")
        for name, content in (("none.csv", head), ("other.csv", "a,b\n1,2\n"), ("text.txt", "hello")):
            self.assertEqual(self.one(self.write(name, content))["outcome"], "skipped", name)

    def test_what_a_table_calls_predicted_is_no_measurement(self):
        self.take(self.write("p.csv", "model_name,hardware_type,average_latency_ms,provenance,is_simulated,simulation_reason\n"
                             "a,cpu,1,predicted,,\nb,cpu,1,simulated,true,mock\nc,cpu,1,measured,false,\nd,cpu,1,,1,\n"))
        self.assertEqual([(r["provenance"], r["is_simulated"], r["simulation_reason"]) for r in self.rows()],
                         [("imported", True, "the file says that it was predicted"), ("imported", True, "mock"), ("imported", False, None),
                          ("imported", True, "the file says that it was simulated")])

    def test_what_a_database_wrote_as_csv_comes_back(self):
        samples = [1000, 1500, 1250]
        row = {"model_name": "a,b", "hardware_type": "cpu", "samples_ns": samples, "batch_size": 2, "shapes": {"x": [2, 3]}, "engine": "native",
               "started_at": "2026-01-02T03:04:05Z", "rack": "r1", "device_name": 'q"q', "provenance": "measured"}
        self.accel("db", "add", "--db", self.db, "--json", self.write("row.json", json.dumps(row)))
        sql = RESULTS.replace(" ORDER BY result_id", "")
        table = self.write("out.csv", self.accel("query", "--db", self.db, sql, "--format", "csv"))
        first = self.rows()[0]
        self.db = self.folder / "other.duckdb"
        self.assertEqual(self.one(table)["rows"], 1)
        second = self.rows()[0]
        for name in ("record_id", "model_name", "samples_ns", "shapes", "average_latency_ms", "median_latency_ms", "started_at", "device_name", "batch_size"):
            self.assertEqual(second[name], first[name], name)
        self.assertEqual((first["provenance"], second["provenance"]), ("measured", "imported"))
        self.assertEqual(json.loads(second["metrics"])["rack"], "r1")

    def test_parquet(self):
        self.assertIn("it cannot be read as Parquet", self.one(self.write("cut.parquet", b"PAR1" + b"\0" * 50), code=1)["reason"])
        path = self.folder / "table.parquet"
        duckdb("COPY (SELECT * FROM (VALUES ('bert-base', 'cuda', 8, 'fp16', 4.125::DOUBLE, [4000000, 4250000]::BIGINT[], TIMESTAMP '2026-03-04 05:06:07', "
               "NULL, NULL), ('vit', 'cpu', NULL, NULL, 'NaN'::DOUBLE, NULL, TIMESTAMP '2026-03-05', 'timeout', 'after 60 s')) t(model_name, hardware_type, "
               f"batch_size, precision, average_latency_ms, samples_ns, started_at, status, error_message)) TO '{path}' (FORMAT parquet)")
        self.take(path)
        rows = self.rows()
        self.assertEqual([(r["model_name"], r["average_latency_ms"], r["batch_size"], r["precision"]) for r in rows],
                         [("bert-base", 4.125, 8, "fp16"), ("vit", None, None, None)])
        self.assertEqual(json.loads(rows[0]["samples_ns"]), [4000000, 4250000])
        self.assertEqual(json.loads(rows[0]["metrics"])["started_at"][:19], "2026-03-04T05:06:07")
        self.assertEqual((rows[1]["status"], rows[1]["error_message"]), ("timeout", "after 60 s"))

    # ---- folders, twice, other databases ----

    def test_a_folder_is_taken_in_once(self):
        folder = self.folder / "mixed"
        shutil.copytree(FILES, folder)
        (folder / "mlperf_server.txt").rename(folder / "mlperf_log_summary.txt")
        (folder / "notes.txt").write_text("nothing")
        first = {Path(f["file"]).name: f for f in self.take(folder, "-m", "m", "--hardware", "cpu")}
        self.assertIn("mlperf_log_summary.txt", first)
        self.assertNotIn("notes.txt", first)
        self.assertEqual({n for n, f in first.items() if f["outcome"] != "imported"}, {"ort_profile.json"})
        count = self.rows("SELECT count(*) AS n FROM performance_results")
        for f in self.take(folder, "-m", "m", "--hardware", "cpu"):
            self.assertEqual(f["outcome"], "skipped")
        self.assertEqual(self.rows("SELECT count(*) AS n FROM performance_results"), count)

    def test_another_database_is_merged(self):
        other = self.folder / "other.duckdb"
        mine, self.db = self.db, other
        self.take(FILES / "llama_bench.json", FILES / "google_benchmark.json")
        self.db = mine
        self.take(FILES / "llama_bench.json", FILES / "table.csv")
        dry = self.one(other, "--dry-run")
        self.assertEqual((dry["outcome"], dry["kind"], dry["rows"]), ("imported", "accel database", 5))
        self.assertEqual(len(self.rows("SELECT * FROM integration_test_results")), 0)
        report = self.one(other)
        self.assertEqual((report["outcome"], report["rows"]), ("imported", 5))
        self.assertIn("5 of integration_test_results", report["reason"])
        self.assertEqual(len(self.rows()), 6)
        again = self.one(other)
        self.assertEqual((again["outcome"], again["reason"]), ("skipped", "all its rows were here already"))
        self.assertIn("is the database itself", self.one(self.db, code=1)["reason"])
        damaged = self.write("damaged.duckdb", other.read_bytes()[:9000])
        self.assertEqual(self.one(damaged, code=1)["outcome"], "rejected")


if __name__ == "__main__":
    unittest.main()

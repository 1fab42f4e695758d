#!/usr/bin/env python3
"""accel bench in real browsers, from the command to the database."""
# ctest: timeout 900

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
try:
    from cli_case import ACCEL, CliCase, mlp, np
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

BROWSERS = ("chromium", "firefox", "webkit")


def probe():
    """For each platform {browser: None when pages run on it there, else the sentence that says what is missing}"""
    done = subprocess.run([ACCEL, "detect", "--all", "--format", "json"], capture_output=True, text=True, timeout=200)
    rows = [r for r in json.loads(done.stdout)["platforms"] if r["engine"] == "browser"]
    found = {(r["platform"], r["device"]): None if r["available"] else r["evidence"] for r in rows}
    return [{name: found.get((platform, name), rows[0]["evidence"]) for name in BROWSERS} for platform in ("wasm", "webgpu")]


FOUND, FOUND_GPU = probe()
HERE = [name for name in BROWSERS if FOUND[name] is None]
GPU_HERE = [name for name in BROWSERS if FOUND_GPU[name] is None]


# Other tests start browsers meanwhile. This folder's name stands in the environment or, with profiles, in the command of each that comes from here.
TMPDIR = tempfile.TemporaryDirectory(prefix="accel-web-")
os.environ["TMPDIR"] = TMPDIR.name


def running(*markers):
    """Process ids of browsers from here whose environment and command line hold the markers."""
    found, markers = set(), (TMPDIR.name.encode(), b"accel-browser", *markers)
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                found |= {int(entry.name)} if all(marker in text for marker in markers) else set()
        except OSError:
            pass
    return found


@unittest.skipUnless(HERE, f"no browser runs here: {FOUND}")
class Web(CliCase):
    def browse(self, *arguments, browser=HERE and HERE[0], on="wasm", code=0, **options):
        return json.loads(
            self.bench(self.model, "--on", on, "--browser", browser, *arguments, "--format", "json", code=code, **options))

    def test_each_browser_is_measured_verified_and_stored(self):
        for name in HERE:
            with self.subTest(browser=name):
                (record,) = self.browse("--db", self.db, browser=name)
                self.assertEqual(record["status"], "ok", record["error"])
                self.assertEqual((record["platform"], record["device"]["id"], record["engine"]["name"]), ("wasm", name, "browser"))
                self.assertTrue(record["verification"]["pass"])
                self.assertLessEqual(record["verification"]["relative_l2"], 1e-5)
                self.assertNotIn("browser", record["verification"]["reference"])
                self.assertGreaterEqual(len(record["samples_ns"]), 1)
                self.assertEqual(record["web"]["browser"], name)
                self.assertGreater(record["web"]["clock_resolution_ms"], 0)
                self.assertGreater(record["web"]["downloaded_bytes"], self.model.stat().st_size - 1)
        rows = self.accel_json(
            "query", "SELECT platform, browser, browser_version, success, load_time_ms, inference_time_ms FROM web_platform_results", "--db", self.db)
        self.assertEqual(sorted(r["browser"] for r in rows), sorted(HERE))
        for row in rows:
            self.assertTrue(row["success"] and row["browser_version"] and row["load_time_ms"] > 0 and row["inference_time_ms"] > 0)

    @unittest.skipUnless(GPU_HERE, f"no browser has WebGPU here: {FOUND_GPU}")
    def test_each_browser_with_webgpu_is_measured_verified_and_stored(self):
        for name in GPU_HERE:
            with self.subTest(browser=name):
                (record,) = self.browse("--db", self.db, on="webgpu", browser=name)
                self.assertEqual(record["status"], "ok", record["error"])
                self.assertEqual((record["platform"], record["device"]["id"], record["engine"]["name"]), ("webgpu", name, "browser"))
                self.assertTrue(record["verification"]["pass"])
                self.assertLessEqual(record["verification"]["relative_l2"], 1e-4)
                web = record["web"]
                self.assertEqual((web["build"], web["devices"]), ("webgpu", [web["adapter"]["name"]]))
                self.assertEqual(record["device"]["driver"], web["adapter"]["name"])
                self.assertGreater(web["adapter"]["limits"]["maxStorageBufferBindingSize"], 1 << 20)
                self.assertIn("features", web["adapter"])
                for part in ("plan_ms", "upload_ms", "pipeline_ms"):
                    self.assertGreater(web[part], 0)
                self.assertGreater(record["memory"]["model_bytes"], 0)
        rows = self.accel_json(
            "query", "SELECT browser, success, shader_compilation_time_ms, compute_shader_support, compute_pipeline_time_ms, shader_cache_hit, "
            "parallel_loading, components_loaded FROM web_platform_results "
            "JOIN webgpu_advanced_features USING (result_id) WHERE platform = 'webgpu'", "--db", self.db)
        self.assertEqual(sorted(r["browser"] for r in rows if r["success"]), sorted(GPU_HERE))
        for row in rows:
            self.assertTrue(row["compute_shader_support"])
            self.assertEqual((row["shader_cache_hit"], row["parallel_loading"], row["components_loaded"]), (False, True, 1))
            self.assertTrue(0 < row["shader_compilation_time_ms"] == row["compute_pipeline_time_ms"])

    @unittest.skipUnless(GPU_HERE, f"no browser has WebGPU here: {FOUND_GPU}")
    def test_features_of_the_start_are_measured_in_pairs(self):
        features = "shader-precompile,parallel-loading,compute-shaders"
        (record,) = json.loads(self.bench(
            "clip-tiny", "--browser", GPU_HERE[0], "--web-features", features, "--pairs", "2", "--db", self.db, "--format", "json", code=1))
        self.assertEqual(record["status"], "ok", record["error"])
        shaders, loading, compute = record["web_features"]
        self.assertRegex(compute["why_not"], "takes no sound")  # hence the exit code
        for feature in (shaders, loading):
            self.assertIsNone(feature["why_not"])
            self.assertEqual(len(feature["runs"]), 4)
            self.assertIn(feature["verdict"], ("faster", "slower", "no difference shown", "too few pairs to tell"))
            for pair in (feature["runs"][:2], feature["runs"][2:]):
                self.assertEqual({run["on"] for run in pair}, {True, False})
            for run in feature["runs"]:
                self.assertLessEqual(run["relative_l2"], 5e-5)
                self.assertGreater(run["start_ms"], run["load_ms"])
        self.assertEqual((shaders["components"], loading["components"]), (1, 2))
        for run in shaders["runs"]:
            self.assertEqual(run["shaders_listed"], run["shaders"] if run["on"] else 0)
        rows = self.accel_json("query", "SELECT * FROM web_platform_optimizations", "--db", self.db)
        self.assertEqual({r["test_type"] for r in rows}, {"shader_precompilation", "parallel_loading"})
        self.assertEqual([sum(r["optimization_enabled"] is on for r in rows) for on in (True, False)], [4, 4])
        self.assertEqual({(r["provenance"], r["browser"], r["hardware_type"]) for r in rows}, {("measured", GPU_HERE[0], "webgpu")})
        (stats,) = self.accel_json("query", "SELECT count(*) AS n, sum(cached_shaders_used) AS used, min(shader_count) AS least FROM shader_compilation_stats", "--db", self.db)
        self.assertEqual((stats["n"], stats["used"]), (4, 2 * stats["least"]))
        (stats,) = self.accel_json("query", "SELECT count(*) AS n, min(components_loaded) AS parts FROM parallel_loading_stats", "--db", self.db)
        self.assertEqual((stats["n"], stats["parts"]), (2, 2))
        self.assertIn("parallel_loading", self.accel("report", "web_optimizations", "--db", self.db))

    @unittest.skipUnless(GPU_HERE, f"no browser has WebGPU here: {FOUND_GPU}")
    def test_a_front_end_on_the_gpu_is_compared_with_the_cpu(self):
        (record,) = json.loads(self.bench(
            "audio:whisper", "--browser", GPU_HERE[0], "--web-features", "compute-shaders", "--pairs", "1", "--no-db", "--format", "json"))
        (feature,) = record["web_features"]
        self.assertIsNone(feature["why_not"])
        self.assertEqual((feature["audio_seconds"], feature["verdict"]), (30, "too few pairs to tell"))
        self.assertTrue(all(run["relative_l2"] < 5e-5 and run["run_ms"] > 0 for run in feature["runs"]))

    @unittest.skipUnless(GPU_HERE, f"no browser has WebGPU here: {FOUND_GPU}")
    def test_each_browser_in_fp16_is_verified_or_says_what_its_gpu_lacks(self):
        for name in GPU_HERE:
            with self.subTest(browser=name):
                (record,) = json.loads(self.bench("bert-tiny", "--seq", 16, "--on", "webgpu", "--browser", name, "--precision", "fp16", "--no-db",
                                                  "--format", "json", code=None))
                if record["status"] == "unsupported":
                    self.assertIn("does not execute fp16: its GPU lacks the feature shader-f16, which fp16 needs", record["error"])
                    continue
                self.assertEqual((record["status"], record["precision_ran"]), ("ok", "fp16"), record["error"])
                self.assertLessEqual(record["verification"]["relative_l2"], 5e-3)
                self.assertIn("shader-f16", record["web"]["adapter"]["features"])
                self.assertIn("values=fp16, sums=fp32", record["engine"]["options"])

    @unittest.skipUnless(GPU_HERE, f"no browser has WebGPU here: {FOUND_GPU}")
    def test_a_table_of_more_bits_than_an_address_has(self):
        """Where an adapter binds 128 MiB at most its last rows lie in a part of their own, which begins 2^32 bits behind the first."""
        from onnx import TensorProto, helper

        rows, width = (0, 2**15 - 1, 2**15, 2**17 - 1, 2**17, 2**17 + 300), 1024
        table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[2**17 + 512, width], data_location=TensorProto.EXTERNAL)
        table.external_data.add(key="location", value="table.bin")
        graph = helper.make_graph(
            [helper.make_node("Mul", ["x", "nothing"], ["zero"]), helper.make_node("Add", ["zero", "rows"], ["ids"]), helper.make_node("Gather", ["table", "ids"], ["y"])],
            "table", [helper.make_tensor_value_info("x", TensorProto.INT64, [1])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [len(rows), width])],
            [table, helper.make_tensor("nothing", TensorProto.INT64, [], [0]), helper.make_tensor("rows", TensorProto.INT64, [len(rows)], rows)])
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/table.bin", "wb") as file:  # holes but for these rows
                for row in rows:
                    file.seek(row * width * 4)
                    file.write(np.arange(row, row + width, dtype=np.float32).tobytes())
                file.truncate((2**17 + 512) * width * 4)
            Path(folder, "table.onnx").write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString())
            records = json.loads(self.bench(f"{folder}/table.onnx", "--on", "webgpu", "--browser", ",".join(GPU_HERE), "--no-db", "--format", "json", code=None))
        self.assertEqual([(r["device"]["id"], r["status"]) for r in records], [(name, "ok") for name in GPU_HERE], [r["error"] for r in records])

    @unittest.skipUnless(set(HERE) - set(GPU_HERE), "every browser here has WebGPU")
    def test_a_browser_without_webgpu_is_absent_with_the_reason(self):
        (record,) = self.browse("--no-db", on="webgpu", browser=min(set(HERE) - set(GPU_HERE)), code=3)
        self.assertEqual(record["status"], "absent")
        self.assertRegex(record["error"], "WebGPU")

    def test_web_stands_beside_native(self):
        self.bench(self.model, "--on", "cpu,wasm", "--engine", "native,browser", "--browser", HERE[0], "--db", self.db)
        rows = self.accel_json("query", "SELECT * FROM cross_platform_performance", "--db", self.db)
        self.assertEqual(sorted(r["hardware_type"] for r in rows), ["cpu", "wasm"])

    def test_a_native_gpu_stands_beside_it_too(self):
        records = self.browse("--no-db", on="vulkan,wasm", code=None)
        native, page = sorted(records, key=lambda r: r["engine"]["name"] == "browser")
        self.assertEqual(page["status"], "ok", page["error"])
        self.assertTrue(native["status"] == "ok" or "mesa-vulkan-drivers" in native["error"], native["error"])

    def test_threads_are_what_was_asked_for(self):
        (record,) = self.browse("--threads", "2", "--no-db")
        self.assertEqual((record["status"], record["threads"]), ("ok", 2), record["error"])
        self.assertIn("threads", record["web"]["build"])

    def test_a_browser_that_is_not_here_is_absent(self):
        missing = [n for n in ("edge", "chrome", *BROWSERS) if n not in HERE and subprocess.run(["which", n], capture_output=True).returncode]
        (record,) = self.browse("--no-db", browser=missing[0], code=3)
        self.assertEqual(record["status"], "absent")
        self.assertRegex(record["error"], "install")
        for command in ("bench", "run"):
            self.accel(command, self.model, "--browser", "netscape", code=2)
            self.assertIn("there is no browser 'netscape'", self.err)
        self.accel("run", self.model, "--on", "webgpu", "--browser", missing[0], code=3)
        self.assertRegex(self.err, "is not installed")

    def test_a_browser_that_is_named_runs_the_model(self):
        self.accel("run", self.model, "--browser", HERE[0], "--seed", "3", "--output-dir", "there")
        self.accel("run", self.model, "--seed", "3", "--output-dir", "here")
        there, here = (np.load(self.folder / folder / "out_y.npy") for folder in ("there", "here"))
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)
        self.accel("run", self.model, "--browser", HERE[0], "--engine", "native", code=3)

    def test_a_model_it_cannot_run_names_the_node(self):
        import onnx
        from onnx import TensorProto, helper

        graph = helper.make_graph(
            [helper.make_node("Mystery", ["x"], ["y"], name="odd", domain="nowhere")], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("nowhere", 1)]), self.model)
        (record,) = self.browse("--no-db")
        self.assertEqual(record["status"], "unsupported")
        self.assertRegex(record["error"], "odd|Mystery")

    def test_a_killed_browser_is_a_crashed_case_and_leaves_nothing(self):
        mlp(self.model, width=1024)
        (record,), left = self.browse_killed(15, "--min-time", "40", "--max-time", "50", code=1)  # a probe's browser is gone sooner
        self.assertEqual(record["status"], "crashed", record["error"])
        self.assertRegex(record["error"], "browser|page")
        self.assertEqual(left, set())
        self.assertEqual(os.listdir(TMPDIR.name), [])

    def test_a_command_that_is_killed_leaves_no_browser_and_the_next_one_no_folder(self):
        mlp(self.model, width=1024)
        before = running()
        command = subprocess.Popen([ACCEL, "bench", self.model, "--on", "wasm", "--browser", HERE[0], "--min-time", "40", "--max-time", "50", "--no-db", "-q"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until, seen = time.monotonic() + 60, set()
        while not seen & running() and time.monotonic() < until:  # one that only tells what it can do ends sooner
            seen = running() - before
            time.sleep(1.5)
        self.assertNotEqual(seen & running(), set())
        command.kill()
        command.wait()
        left, until, root = True, time.monotonic() + 20, Path(TMPDIR.name)  # removing thousands of files takes its time on a busy machine
        while left and time.monotonic() < until:
            time.sleep(0.1)
            left = [*(running() - before), *root.glob("accel-browser-*"), *root.glob("*/accel-browser-*")]
        self.assertEqual(left, [])
        self.bench(self.model, "--engine", "native", "--no-db")
        self.assertEqual(os.listdir(TMPDIR.name), [])

    @unittest.skipUnless("chromium" in GPU_HERE, f"no Chromium with WebGPU: {FOUND_GPU}")
    def test_a_gpu_that_is_lost_is_a_crashed_case(self):
        (record,), left = self.browse_killed(10, "--min-time", "30", "--max-time", "40", code=1, browser="chromium", on="webgpu", part=b"--type=gpu-process")
        self.assertEqual(record["status"], "crashed", record["error"])
        self.assertRegex(record["error"], r"the GPU device .* was lost \(.*\): load the model again")
        self.assertEqual(left, set())

    def browse_killed(self, after_s, *arguments, code=0, browser=HERE and HERE[0], on="wasm", part=b""):
        """The records of a run whose first browser process (with this part in its command) that lives so long is killed once, and the processes that
        stayed."""
        before = running()

        def kill():
            since = {}
            until = time.monotonic() + 90
            while time.monotonic() < until:
                now = time.monotonic()
                since = {pid: since.get(pid, now) for pid in running(part) - before}
                old = [pid for pid, begun in since.items() if now - begun > after_s]
                if old:
                    os.kill(min(old), signal.SIGKILL)
                    return
                time.sleep(0.1)

        killer = threading.Thread(target=kill)
        killer.start()
        output = self.accel("bench", self.model, "--on", on, "--browser", browser, *arguments, "--no-db", "-q", "--format", "json", code=code,
                            timeout_s=300)
        killer.join()
        time.sleep(1)
        return json.loads(output), running() - before


if __name__ == "__main__":
    unittest.main()

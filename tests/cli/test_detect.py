"""accel detect: the machine, its runtimes, captures, limits of control groups. What probes say of machines is tested in tests/hw."""

# ctest: serial
# ctest: timeout 300

import json
import os
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

try:
    from cli_case import ACCEL, CliCase
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

MIB = 1 << 20
STUBS = Path(ACCEL).parent / "tests" / "stubs" / "nvidia"


def stub_gpus(folder):
    """The variables with which two GPUs of the stubs in this folder are found."""
    paths = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": ":".join(filter(None, paths)), "STUB_GPUS": "2"}


class Detect(CliCase):
    def setUp(self):
        super().setUp()
        # Browsers are started in tests/e2e/test_web.py; here each question would take seconds.
        self.env = {"XDG_CACHE_HOME": str(self.folder / "cache"), "ACCEL_WEB": str(self.folder / "no-web-files")}

    def detect(self, *arguments, **options):
        return self.accel("detect", *arguments, env=self.env | options.pop("env", {}), **options)

    def detect_json(self, *arguments, **options):
        return json.loads(self.detect(*arguments, "--format", "json", **options))

    def rows(self, engine, *arguments, **options):
        return [r for r in self.detect_json(*arguments, **options)["platforms"] if r["engine"] == engine]


class Machine(Detect):
    def test_json_has_the_machine_and_the_platforms(self):
        report = self.detect_json()
        self.assertEqual(report["source"], "live")
        machine = report["machine"]
        self.assertEqual(machine["version"], 1)
        self.assertGreaterEqual(machine["cpu"]["threads"], machine["allowance"]["threads"])
        self.assertGreaterEqual(machine["allowance"]["usable_threads"], 1)
        self.assertGreater(machine["memory"]["total_bytes"], machine["memory"]["available_bytes"])
        self.assertEqual(sum(k["cores"] for k in machine["cpu"]["kinds"]), machine["cpu"]["cores"])
        self.assertTrue(any(r["engine"] == "native" and r["available"] for r in report["platforms"]))

    def test_every_member_is_in_the_document(self):
        page = (Path(os.environ["ACCEL_SOURCE_DIR"]) / "docs" / "hardware.md").read_text()

        def names(value, into):
            for key, member in value.items() if isinstance(value, dict) else []:
                into.add(key)
                names(member, into)
            for member in value if isinstance(value, list) else []:
                names(member, into)
            return into

        machine = self.detect_json()["machine"]
        machine.pop("devices")
        for name in names(machine, set()):
            self.assertIn(f"`{name}`", page)

    def test_what_is_absent_is_shown_with_what_was_looked_for(self):
        text = self.detect()
        self.assertIn("looked for", text)
        self.assertIn("/sys/fs/cgroup", text)
        self.assertNotIn("looked for", self.detect("--available"))

    def test_variables_are_shown_with_their_effect(self):
        text = self.detect(env={"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "3"})
        self.assertIn("CUDA_VISIBLE_DEVICES=: hides all NVIDIA GPUs", text)
        self.assertIn("OMP_NUM_THREADS=3: programs that use OpenMP start this many threads", text)

    def test_within_a_tenth_of_a_second(self):
        times = []
        for _ in range(15):
            begin = time.monotonic()
            self.detect()
            times.append(time.monotonic() - begin)
        self.assertLess(min(times), 0.1)  # others may use the machine meanwhile


class Runtimes(Detect):
    def setUp(self):
        super().setUp()
        if not any(r["available"] for r in self.rows("onnxruntime", "--all")):
            self.skipTest("ONNX Runtime is not here")
        self.env = {"XDG_CACHE_HOME": str(self.folder / "fresh")}

    def test_what_was_not_asked_is_not_called_absent(self):
        here = {r["platform"]: r for r in self.detect_json()["platforms"] if r["engine"] is None}
        self.assertIsNone(here["cuda"]["available"])
        self.assertIn("`accel detect --all` asks", here["cuda"]["evidence"])
        asked = {r["platform"]: r for r in self.detect_json("--all")["platforms"] if r["engine"] is None}
        self.assertIs(asked["dx12"]["available"], False)

    def test_not_loaded_until_asked_then_as_it_answered(self):
        (row,) = self.rows("onnxruntime")
        self.assertIsNone(row["available"])
        self.assertIn("present, not probed", row["evidence"])
        asked = self.rows("onnxruntime", "--all")
        remembered = self.rows("onnxruntime")
        for row in remembered:
            self.assertTrue(row["evidence"].endswith("as it last answered"), row)
            row["evidence"] = row["evidence"][: -len("; as it last answered")]
        self.assertEqual(remembered, asked)

    def test_an_answer_of_other_hardware_is_not_shown(self):
        self.detect("--all")
        (row,) = self.rows("onnxruntime", env={"CUDA_VISIBLE_DEVICES": "0"})
        self.assertIn("present, not probed", row["evidence"])

    def test_an_answer_of_another_library_is_not_shown(self):
        self.detect("--all")
        cache = self.folder / "fresh" / "accel" / "probes.json"
        content = json.loads(cache.read_text())
        for engine in content["engines"]:
            engine["mtime_ns"] -= 1
        cache.write_text(json.dumps(content))
        (row,) = self.rows("onnxruntime")
        self.assertIn("present, not probed", row["evidence"])

    def test_a_broken_cache_is_none(self):
        self.detect("--all")
        cache = self.folder / "fresh" / "accel" / "probes.json"
        for text in ("", "{", "[]", '{"accel_probes":1,"engines":{"a":1}}', "\0" * 100):
            cache.write_text(text)
            (row,) = self.rows("onnxruntime")
            self.assertIn("present, not probed", row["evidence"])

    def test_a_runtime_that_went_is_told(self):
        self.detect("--save", "--db", self.db)
        self.assertIn("rows in hardware_availability_log", self.err)
        self.assertNotIn("since the last detection", self.err)
        self.detect("--save", "--db", self.db, env={"ACCEL_ONNXRUNTIME": str(self.folder / "gone")})
        self.assertIn("vanished since the last detection: cpu onnxruntime CPU", self.err)
        self.assertNotIn("native", self.err)
        self.detect("--save", "--db", self.db)
        self.assertIn("appeared since the last detection: cpu onnxruntime CPU", self.err)
        rows = self.accel_json(
            "query", "SELECT DISTINCT is_available FROM hardware_availability_log WHERE hardware_type = 'cpu' AND device = ''", "--db", self.db
        )
        self.assertEqual([row["is_available"] for row in rows], [True])


@unittest.skipUnless(STUBS.is_dir(), "the stub libraries of tests/hw are not built")
class Remembered(Detect):
    """What a vendor's library answered: here NVIDIA's, in place of which stubs stand."""

    def setUp(self):
        super().setUp()
        self.libraries = self.folder / "libraries"
        shutil.copytree(STUBS, self.libraries)
        self.env |= stub_gpus(self.libraries)

    def gpus(self, *arguments, **options):
        return [d for d in self.detect_json(*arguments, **options)["machine"]["devices"] if d["probe"] == "nvidia"]

    def test_shown_with_its_time_until_something_changed(self):
        self.assertEqual(self.gpus(), [])
        asked = self.gpus("--all")
        self.assertEqual([(d["state"], d["asked_at"]) for d in asked], [("usable", None)] * 2)
        remembered = self.gpus()
        for now, then in zip(remembered, asked):
            self.assertRegex(now["asked_at"], "^20..-..-..T")
            self.assertIsNone(now["memory_free_bytes"])
            now.update(asked_at=None, memory_free_bytes=then["memory_free_bytes"])
        self.assertEqual(remembered, asked)
        self.assertRegex(self.detect(), r"usable .*asked at 20..-..-.. ..:.. UTC")
        self.assertEqual(self.gpus(env={"CUDA_VISIBLE_DEVICES": "1"}), [])
        os.utime(self.libraries / "libnvidia-ml.so.1", (1, 1))
        self.assertEqual(self.gpus(), [])

    def test_engines_are_remembered_beside_it(self):
        if not self.rows("onnxruntime")[0]["evidence"].startswith("present"):
            self.skipTest("ONNX Runtime is not here")
        self.detect("--all")
        for row in self.rows("onnxruntime"):
            self.assertIn("as it last answered", row["evidence"])

    def test_the_cache_is_shown_and_cleared(self):
        folder = self.folder / "cache" / "accel"
        self.assertEqual(self.accel("cache", env=self.env), f"nothing is stored in {folder}\n")
        self.detect("--all")
        (folder / "below").mkdir()
        (folder / "below" / "x.bin").write_bytes(b"12345")
        (folder / "link").symlink_to(self.libraries)
        rows = {r["file"]: r for r in json.loads(self.accel("cache", "--format", "json", env=self.env))}
        self.assertEqual(sorted(rows), ["below/x.bin", "hardware.json", "link", "probes.json"])
        self.assertEqual(rows["below/x.bin"]["size_bytes"], 5)
        self.assertLess(rows["hardware.json"]["age_s"], 60)
        self.assertIn("vendors' libraries", rows["hardware.json"]["what"])
        self.assertIn("4 files", self.accel("cache", env=self.env))
        self.assertIn("removed 4 files", self.accel("cache", "--clear", env=self.env))
        self.assertFalse(folder.exists())
        self.assertTrue((self.libraries / "libcuda.so.1").exists())
        self.assertEqual(json.loads(self.accel("cache", "--format", "json", env=self.env)), [])
        self.assertEqual(self.gpus(), [])

    def test_without_a_home_nothing_is_remembered(self):
        away = {"XDG_CACHE_HOME": "", "HOME": ""}
        self.detect("--all", env=away)
        self.assertEqual(self.gpus(env=away), [])
        self.accel("cache", env=self.env | away, code=3)
        self.assertIn("neither XDG_CACHE_HOME nor HOME", self.err)


class Measured(Detect):
    def test_what_the_processor_reaches(self):
        report = self.detect_json("--measure")
        threads = [m["threads"] for m in report["measured"]]
        self.assertEqual(threads, sorted({1, report["machine"]["allowance"]["usable_threads"]}))
        for m in report["measured"]:
            self.assertGreater(m["peaks"]["fp32"], 0)
            self.assertEqual([level["name"] for level in m["levels"]][0], "L1")
            self.assertEqual(m["levels"][-1]["name"], "memory")
            self.assertTrue(all(level["gb_per_s"] > 0 for level in m["levels"]))
            self.assertEqual(m["wake_us"] is None, m["threads"] == 1)
        self.assertIn("triad in memory", self.detect("--measure", "--save", "--db", self.db))
        rows = self.accel_json(
            "query", "SELECT detection_details FROM hardware_availability_log WHERE hardware_type = 'cpu' AND device = ''", "--db", self.db
        )
        self.assertIn("measured", json.dumps(rows))

    @unittest.skipUnless(STUBS.is_dir(), "the stub libraries of tests/hw are not built")
    def test_how_fast_a_gpu_copies(self):
        text = self.detect("--measure", "--save", "--db", self.db, env=stub_gpus(STUBS))
        self.assertRegex(text, r"copies to 0000:17:00.0 +GB/s +[0-9.]+")
        self.assertRegex(text, r"copies from 0000:18:00.0 +GB/s +[0-9.]+")
        (row,) = self.accel_json(
            "query", "SELECT CAST(detection_details->>'copy_to_mb_per_s' AS BIGINT) AS mb FROM hardware_availability_log WHERE device = '0000:17:00.0'",
            "--db", self.db,
        )
        self.assertGreater(row["mb"], 0)


class Captures(Detect):
    def test_another_machine_is_not_logged(self):
        self.detect("--gather", "machine.json")
        self.detect("--from", "machine.json", "--save", "--db", self.db, code=2)
        self.assertIn("give one of the two", self.err)
        self.assertFalse(self.db.exists())

    def test_a_gathered_machine_is_shown_again(self):
        here = self.detect_json("--gather", "machine.json")["machine"]
        report = self.detect_json("--from", "machine.json")
        self.assertEqual(report["source"], "capture")
        self.assertIsNone(report["platforms"])
        for name in ("cpu", "memory", "allowance", "devices", "evidence", "kernel", "os"):
            self.assertEqual(report["machine"][name], here[name])
        self.assertIn("Engines are not asked", self.detect("--from", "machine.json"))

    def test_nothing_tells_whose_machine_it_was(self):
        homes = "/home"
        self.detect("--gather", "machine.json", env={"USER": "zacharias", "PATH": f"{homes}/zacharias/bin:/usr/bin"})
        text = (self.folder / "machine.json").read_text()
        self.assertNotIn("zacharias", text)
        self.assertIn(f"{homes}/user/bin", text)

    def test_a_folder_is_a_machine_too(self):
        proc = self.folder / "root" / "proc"
        proc.mkdir(parents=True)
        (proc / "meminfo").write_text("MemTotal: 1000 kB\n")
        report = self.detect_json("--from", "root")
        self.assertEqual(report["source"], "folder")
        self.assertEqual(report["machine"]["memory"]["total_bytes"], 1024000)

    def test_what_is_no_capture_is_refused(self):
        (self.folder / "x.json").write_text('{"accel_capture": 99}')
        self.assertEqual(self.detect("--from", "x.json", code=1), "")
        self.assertIn("x.json", self.err)
        self.detect("--from", "nowhere.json", code=1)
        self.assertIn("nowhere.json", self.err)
        (self.folder / "root").mkdir()
        self.detect("--from", "root", "--format", "csv", code=2)

    def test_a_capture_that_cannot_be_written_is_an_error(self):
        self.detect("--gather", "nowhere/x.json", code=1)
        self.assertIn("nowhere/x.json", self.err)


class Limits(Detect):
    """Control groups made for the test, where this machine lets us."""

    def setUp(self):
        super().setUp()
        self.groups = []
        self.addCleanup(self.remove)
        root, name = Path("/sys/fs/cgroup"), f"accel_test_{os.getpid()}"
        try:
            if (root / "cgroup.controllers").exists():
                self.limit(root / name, {"cpu.max": "{quota} 100000", "memory.max": "{memory}"})
            else:
                self.limit(root / "cpu" / name, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "{quota}"})
                self.limit(root / "memory" / name, {"memory.limit_in_bytes": "{memory}"})
        except OSError as reason:
            self.skipTest(f"no control groups can be made here: {reason}")

    def limit(self, folder, files):
        folder.mkdir()
        self.groups.append((folder, files))
        self.write(50000, 512 * MIB)

    def write(self, quota, memory):
        for folder, files in self.groups:
            for name, text in files.items():
                (folder / name).write_text(text.format(quota=quota, memory=memory))

    def remove(self):
        for folder, _ in self.groups:
            folder.rmdir()

    def inside(self, *arguments):
        def enter():
            for folder, _ in self.groups:
                (folder / "cgroup.procs").write_text(str(os.getpid()))

        environment = {k: v for k, v in os.environ.items() if k != "BENCHMARK_DB_PATH"} | self.env
        done = subprocess.run([ACCEL, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=environment,
                              preexec_fn=enter, timeout=110)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_processor_and_a_half_and_512_mib(self):
        self.write(150000, 512 * MIB)
        allowance = json.loads(self.inside("detect", "--format", "json"))["machine"]["allowance"]
        self.assertEqual(allowance["cpu_quota"], 1.5)
        self.assertEqual(allowance["usable_threads"], min(2, allowance["threads"]))
        self.assertEqual(allowance["memory_limit_bytes"], 512 * MIB)
        self.assertLessEqual(allowance["usable_bytes"], 512 * MIB)
        self.assertGreater(allowance["usable_bytes"], 256 * MIB)

    def test_bench_plans_with_them(self):
        self.write(50000, 512 * MIB)
        allowance = json.loads(self.inside("detect", "--format", "json"))["machine"]["allowance"]
        self.assertEqual(allowance["usable_threads"], 1)
        self.inside("bench", self.model, "--engine", "native", "--min-time", "0.05", "--max-time", "0.5", "-q", "--db", self.db)
        (row,) = self.accel_json("query", "SELECT threads FROM performance_results", "--db", self.db)
        self.assertEqual(row["threads"], 1)


if __name__ == "__main__":
    unittest.main()

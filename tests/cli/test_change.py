"""accel compare and accel trend over made-up runs.
ctest: timeout 300"""

import fcntl
import random
import unittest

from cli_case import CliCase
from made_up_runs import day, record, spool


def commit(i):
    return f"{i:04x}".ljust(40, "c")


class ChangeCase(CliCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        self.accel("db", "create", "--db", self.db, "-q")

    def noisy(self, mean, spread=0.01, **changes):
        return record(mean * (1 + spread * self.random.gauss(0, 1)), **changes)

    def run_of(self, i, *records, db=None):
        return spool(db or self.db, day(i), records, commit(i))

    def compare(self, *arguments, code=0):
        return self.accel_json("compare", *arguments, "--db", self.db, code=code)

    def trend(self, *arguments, code=0):
        return self.accel_json("trend", *arguments, "--db", self.db, code=code)


class Compare(ChangeCase):
    def processes(self, mean, count=5, **changes):
        return [self.noisy(mean, **changes) for _ in range(count)]

    def test_a_slower_run_is_slower(self):
        run_1 = self.run_of(1, *self.processes(10))
        run_2 = self.run_of(2, *self.processes(13))
        (case,) = self.compare("latest~1", "latest")
        self.assertEqual(case["verdict"], "slower")
        self.assertEqual((case["level"], case["processes_a"], case["processes_b"]), ("processes", 5, 5))
        self.assertTrue(case["low"] < 1.3 < case["high"] and case["low"] > 1.2 and case["high"] < 1.4, case)
        self.assertIn("Geometric mean of the ratios B / A: 1.3", self.err)
        (number,) = self.accel_json("query", f"SELECT run_id FROM test_runs WHERE run_uuid = '{run_2}'", "--db", self.db)
        self.assertEqual(self.compare("latest~1", number["run_id"])[0]["verdict"], "slower")
        (case,) = self.compare("latest", run_1[:8])
        self.assertEqual(case["verdict"], "faster")
        (case,) = self.compare(run_1, run_2, "--metric", "throughput")
        self.assertEqual(case["verdict"], "slower")
        self.assertAlmostEqual(case["ratio"], 1 / 1.3, delta=0.03)
        self.compare(run_1, run_2, "--fail-on", "regression", code=1)
        self.compare(run_2, run_1, "--fail-on", "regression", code=0)
        (case,) = self.compare(run_1, run_2, "--at-least", "50", "--fail-on", "regression")
        self.assertEqual(case["verdict"], "no difference shown")

    def test_equal_runs_show_no_difference(self):
        run_1 = self.run_of(1, *self.processes(10))
        run_2 = self.run_of(2, *self.processes(10))
        (case,) = self.compare(run_1, run_2, "--fail-on", "regression")
        self.assertEqual(case["verdict"], "no difference shown")

    def test_commits_and_their_runs(self):
        for i in range(3):
            spool(self.db, day(i), self.processes(10, 2), "aaaa1111")
            spool(self.db, day(i), self.processes(8, 2), "bbbb2222")
        (case,) = self.compare("aaaa", "bbbb22")
        self.assertEqual((case["verdict"], case["level"], case["processes_a"]), ("faster", "runs", 6))
        self.assertIn("commit aaaa1111 (3 runs)", self.err)

    def test_one_process_a_side_is_too_few(self):
        run_1 = self.run_of(1, record(10))
        run_2 = self.run_of(2, record(13))
        run_3 = self.run_of(3, record(10.01))
        (case,) = self.compare(run_1, run_2, "--fail-on", "regression")
        self.assertEqual((case["verdict"], case["level"]), ("too few runs to tell", "samples"))
        self.assertTrue(case["low"] < 1.3 < case["high"])
        self.assertIn("--repeat 5", self.err)
        (case,) = self.compare(run_1, run_3)
        self.assertEqual(case["verdict"], "no difference shown")
        (case,) = self.compare(run_1, run_2, "--metric", "memory")
        self.assertEqual((case["verdict"], case["level"], case["low"]), ("too few runs to tell", "none", None))
        run_4 = self.run_of(4, *self.processes(10, 5))
        (case,) = self.compare(run_4, run_2)
        self.assertEqual((case["verdict"], case["level"]), ("slower", "other side"))

    def test_cases_of_one_side_are_listed(self):
        run_1 = self.run_of(1, *self.processes(10), record(5, batch=8))
        run_2 = self.run_of(2, *self.processes(10), record(5, threads=1))
        verdicts = {c["verdict"]: c for c in self.compare(run_1, run_2)}
        self.assertEqual(set(verdicts), {"no difference shown", "only in A", "only in B"})
        self.assertEqual(verdicts["only in A"]["batch"], "8")
        self.assertEqual(verdicts["only in B"]["threads"], "1")

    def test_across_versions(self):
        run_1 = self.run_of(1, *self.processes(10))
        run_2 = self.run_of(2, *self.processes(12, engine__version="1.1", machine__id="m2"))
        self.assertEqual({c["verdict"] for c in self.compare(run_1, run_2, code=3)}, {"only in A", "only in B"})
        self.assertIn("differ in: machine,engine_version", self.err)
        (case,) = self.compare(run_1, run_2, "--across", "machine,engine_version")
        self.assertEqual((case["verdict"], case["engine_version"]), ("slower", "1.0 → 1.1"))
        run_3 = self.run_of(3, *self.processes(10), *self.processes(12, engine__version="1.1", machine__id="m2"))
        (case,) = self.compare(run_1, run_3, "--across", "machine,engine_version", code=3)
        self.assertEqual(case["verdict"], "several series")
        self.accel("compare", run_1, run_2, "--across", "modl", "--db", self.db, code=2)
        self.assertIn("modl", self.err)

    def test_databases_by_the_newest_run_of_each_case(self):
        other = self.folder / "other.duckdb"
        run_1 = self.run_of(1, *self.processes(20))
        run_2 = self.run_of(2, *self.processes(10))
        self.accel("db", "create", "--db", other, "-q")
        run_0 = self.run_of(0, *self.processes(13), db=other)
        (case,) = self.compare(self.db, other)
        self.assertEqual(case["verdict"], "slower")
        self.assertEqual((case["processes_a"], case["processes_b"]), (5, 5))

    def test_kinds_of_results_are_not_mixed(self):
        run_1 = self.run_of(1, *self.processes(10), *self.processes(50, provenance="predicted"))
        run_2 = self.run_of(2, *self.processes(10), *self.processes(90, provenance="predicted"))
        self.assertEqual([c["verdict"] for c in self.compare(run_1, run_2)], ["no difference shown"])
        self.assertEqual([c["verdict"] for c in self.compare(run_1, run_2, "--provenance", "predicted")], ["slower"])

    def test_names_that_are_nothing(self):
        run_1 = self.run_of(1, record(10))
        for name in ("latest~1", "7", "deadbeef", "it's", "nowhere.duckdb"):
            self.accel("compare", name, run_1, "--db", self.db, code=3)
            self.assertIn(name, self.err)
        self.accel("compare", run_1, run_1, "--db", self.folder / "none.duckdb", code=3)
        spool(self.db, day(2), [record(1)], run="abcd0001-0000-4000-8000-000000000001")
        spool(self.db, day(3), [record(1)], run="abcd0002-0000-4000-8000-000000000002")
        self.accel("compare", "abcd", run_1, "--db", self.db, code=2)
        self.assertIn("several runs", self.err)

    def test_every_format(self):
        run_1 = self.run_of(1, *self.processes(10))
        run_2 = self.run_of(2, *self.processes(13))
        text = self.accel("compare", run_1, run_2, "--db", self.db)
        self.assertIn("slower", text)
        self.assertIn("Geometric mean", text)
        markdown = self.accel("compare", run_1, run_2, "--db", self.db, "--format", "markdown")
        self.assertIn("**slower**", markdown)
        self.assertIn("- 1 case compared: 1 slower.", markdown)
        csv = self.accel("compare", run_1, run_2, "--db", self.db, "--format", "csv").splitlines()
        self.assertEqual(len(csv), 2)
        self.assertIn(",slower,", csv[1])


class Trend(ChangeCase):
    def history(self, levels, first=0, **changes):
        for i, level in enumerate(levels, first):
            self.run_of(i, self.noisy(level, 0.01, **changes))

    def test_the_first_bad_run_is_named(self):
        self.history([10] * 30 + [11] * 20)
        (change,) = self.trend()
        self.assertEqual((change["state"], change["direction"], change["commit"]), ("open", "worse", commit(30)))
        self.assertEqual(change["previous_commit"], commit(29))
        self.assertEqual(change["started_at"], day(30))
        self.assertTrue(change["low"] < 1.1 < change["high"] and change["high"] - change["low"] < 0.04, change)
        self.assertIn("1 new; 1 regression open", self.err)

    def test_the_same_change_is_stored_once(self):
        self.history([10] * 30 + [11] * 8)
        first = self.trend()
        self.assertEqual(len(first), 1)
        self.history([11] * 10, first=38)
        self.assertEqual([c["id"] for c in self.trend()], [first[0]["id"]])
        self.assertIn("0 new", self.err)
        rows = self.accel_json("query", "SELECT * FROM performance_regressions", "--db", self.db)
        self.assertEqual(len(rows), 1)
        self.assertEqual((rows[0]["metric"], rows[0]["direction"]), ("latency", "worse"))
        self.assertEqual(rows[0]["git_commit"], commit(30))

    def test_acknowledged_changes_fail_nothing(self):
        self.history([10] * 30 + [11] * 12)
        (change,) = self.trend("--fail-on", "regression", code=1)
        self.accel("trend", "--acknowledge", change["id"], "--db", self.db, code=2)
        self.accel("trend", "--acknowledge", change["id"], "--note", "it's needed", "--db", self.db)
        self.assertEqual(self.trend("--fail-on", "regression"), [])
        (kept,) = self.trend("--all")
        self.assertEqual((kept["state"], kept["note"]), ("acknowledged", "it's needed"))
        self.accel("trend", "--acknowledge", 99, "--note", "x", "--db", self.db, code=3)

    def test_what_gets_better_is_no_regression(self):
        self.history([10] * 30 + [9] * 12)
        (change,) = self.trend("--fail-on", "regression")
        self.assertEqual((change["state"], change["direction"]), ("better", "better"))
        (change,) = self.trend("--metric", "throughput", "--fail-on", "regression")
        self.assertEqual(change["direction"], "better")
        self.assertGreater(change["ratio"], 1.05)

    def test_memory_is_a_metric(self):
        for i in range(60):
            self.run_of(i, record(10, memory=(200e6 if i < 40 else 260e6) + 1e6 * self.random.random()))
        self.assertEqual(self.trend(), [])
        (change,) = self.trend("--metric", "memory")
        self.assertEqual((change["metric"], change["direction"], change["commit"]), ("memory", "worse", commit(40)))

    def test_series_are_not_mixed(self):
        self.history([10] * 20)
        self.history([14] * 20, first=20, threads=1)
        self.history([18] * 20, first=40, provenance="simulated", is_simulated=True)
        self.assertEqual(self.trend(), [])
        self.assertEqual(self.trend("--provenance", "simulated"), [])
        self.assertIn("20 results in 1 series", self.err)

    def test_filters_choose_series(self):
        self.history([10] * 20 + [13] * 10)
        self.history([10] * 20 + [13] * 10, model__name="made-up-vit", engine__name="onnxruntime")
        self.assertEqual(len(self.trend()), 2)
        self.assertEqual([c["model"] for c in self.trend("--model", "made-up-vit,other")], ["made-up-vit"])
        self.assertEqual([c["engine"] for c in self.trend("--engine", "native")], ["native"])
        self.assertEqual(self.trend("--hardware", "cuda"), [])

    def test_repeats_of_a_run_are_one_point(self):
        """Ten processes of two runs are no ten points."""
        self.run_of(1, *[self.noisy(10) for _ in range(10)])
        self.run_of(2, *[self.noisy(14) for _ in range(10)])
        self.assertEqual(self.trend(), [])
        self.assertIn("1 of them with fewer than the 10 runs", self.err)

    def test_what_cannot_be_stored_is_told(self):
        self.history([10] * 30 + [11] * 12)
        self.accel("query", "SELECT 1", "--db", self.db)
        with open(self.db, "rb") as reader:
            fcntl.lockf(reader, fcntl.LOCK_SH)  # as another process holds it that reads
            (change,) = self.trend("--fail-on", "regression", code=1)
        self.assertIsNone(change["id"])
        self.assertIn("could not be stored", self.err)
        self.assertIsNotNone(self.trend()[0]["id"])

    def test_without_a_database(self):
        self.accel("trend", "--db", self.folder / "none.duckdb", code=3)
        self.accel("trend", "--acknowledge", 1, "--note", "x", "--db", self.folder / "none.duckdb", code=3)
        self.assertFalse((self.folder / "none.duckdb").exists())


if __name__ == "__main__":
    unittest.main()

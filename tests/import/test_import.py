"""An import as a whole: nothing twice, nothing half, nothing lost.

ctest: timeout 300
"""

import json
import os
import shutil
import unittest

from import_case import DATA, ImportCase


def result(model="m", latency_ms=5.0, **more):
    return {"model": model, "hardware": "cpu", "latency_ms": latency_ms} | more


class Import(ImportCase):
    def take_folder(self, *options, code=0):
        return self.take("in", *options, code=code)

    def outcomes(self, rows):
        return {row["file"].removeprefix("in/"): row["outcome"] for row in rows}

    def test_a_second_run_changes_nothing(self):
        self.take(DATA, code=1)
        before = self.counts(), self.ask("SELECT * FROM migration_tracking ORDER BY file_path")
        rows = self.take(DATA, code=1)
        self.assertNotIn("imported", {row["outcome"] for row in rows})
        self.assertEqual((self.counts(), self.ask("SELECT * FROM migration_tracking ORDER BY file_path")), before)

    def test_what_became_of_each_file_is_in_the_database(self):
        rows = self.take(DATA, code=1)
        kept = {r["file_path"]: r for r in self.ask("SELECT * FROM migration_tracking")}
        self.assertEqual(set(kept), {row["file"] for row in rows})
        for row in rows:
            own = kept[row["file"]]
            self.assertEqual((own["status"], own["message"], own["records_imported"], own["category"]), (row["outcome"], row["reason"], row["rows"], row["category"]))

    def test_the_same_bytes_under_two_names_are_taken_once(self):
        for name in ("in/a.json", "in/b.json"):
            self.write(name, {"results": [result()]})
        self.assertEqual(self.outcomes(self.take_folder()), {"a.json": "imported", "b.json": "skipped"})
        self.assertEqual(self.counts()["performance_results"], 1)

    def test_the_same_result_in_two_files_is_one_row(self):
        at = "2025-01-01T00:00:00"
        self.write("in/a.json", {"timestamp": at, "results": [result(), result("other")], "tests": []})
        self.write("in/b.json", {"timestamp": at, "results": [result()], "comment": "again"})
        os.utime(self.folder / "in/b.json", (1, 1))
        self.assertEqual(self.outcomes(self.take_folder()), {"a.json": "imported", "b.json": "imported"})
        self.assertEqual(self.counts()["performance_results"], 2)
        for name, test in (("c", {"extra": 1}), ("d", {"extra": 2})):
            self.write(f"in/{name}.json", {"timestamp": at, "tests": [{"name": "t", "status": "passed", "duration": 0.5}]} | test)
        self.take_folder()
        self.assertEqual(self.counts()["integration_test_results"], 1)

    def test_a_dry_run_says_the_same_and_writes_nothing(self):
        dry = self.take(DATA, "--dry-run", code=1)
        self.assertFalse(self.db.exists())
        self.assertEqual(dry, self.take(DATA, code=1))
        known = self.take(DATA, "--dry-run", code=1)
        self.assertNotIn("imported", {row["outcome"] for row in known})

    def test_a_category_takes_only_its_files_and_leaves_the_others_for_later(self):
        rows = self.take(DATA, "--category", "web", code=1)
        self.assertEqual({row["category"] for row in rows if row["outcome"] == "imported"}, {"web"})
        counts = self.counts()
        self.assertEqual((counts["web_platform_results"], counts["performance_results"]), (5, 0))
        self.take(DATA, code=1)
        self.assertGreater(self.counts()["performance_results"], 10)

    def test_one_bad_file_harms_no_other(self):
        self.write("in/a.json", {"results": [result("a")]})
        self.write("in/b.json", '{"results": [')
        self.write("in/c.json", {"results": [result("c"), result("c", -1)]})
        self.write("in/d.json", {"results": [result("d")]})
        self.assertEqual(self.outcomes(self.take_folder(code=1)), {"a.json": "imported", "b.json": "rejected", "c.json": "rejected", "d.json": "imported"})
        self.assertEqual(self.ask("SELECT model_name FROM performance_results JOIN models USING (model_id) ORDER BY 1"), [{"model_name": "a"}, {"model_name": "d"}])

    def test_archive_moves_what_is_safe_and_nothing_else(self):
        self.write("in/sub/a.json", {"results": [result()]})
        self.write("in/b.json", "{")
        self.write("in/c.json", {"batch_sizes": [1]})
        self.take_folder("--archive", "out", code=1)
        self.assertEqual(sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*.json")), ["in/b.json", "in/c.json", "out/sub/a.json"])

    def test_a_file_whose_import_was_stopped_before_it_moved_is_moved_by_the_next(self):
        """The content is committed before anything moves: the other way round a kill between the two would lose it."""
        path = self.write("in/a.json", {"results": [result()]})
        self.take_folder()  # killed here
        self.assertTrue(path.exists())
        self.take_folder("--archive", "out")
        self.assertEqual((path.exists(), (self.folder / "out/a.json").exists()), (False, True))
        self.assertEqual(self.counts()["performance_results"], 1)

    def test_archive_never_overwrites_another_file(self):
        self.write("out/a.json", "mine")
        self.write("in/a.json", {"results": [result()]})
        self.take_folder("--archive", "out")
        self.assertEqual((self.folder / "out/a.json").read_text(), "mine")
        self.assertEqual(len(list((self.folder / "out").glob("a.json.*"))), 1)

    def test_remove_removes_only_what_was_committed(self):
        self.write("in/a.json", {"results": [result()]})
        self.write("in/b.json", "{")
        self.take_folder("--remove", code=1)
        self.assertEqual([p.name for p in (self.folder / "in").iterdir()], ["b.json"])

    def test_links_and_other_names_are_passed_over(self):
        outside = self.write("outside.json", {"results": [result()]})
        self.write("in/notes.txt", "no JSON")
        (self.folder / "in/link.json").symlink_to(outside)
        (self.folder / "in/folder").symlink_to(self.folder)
        self.assertEqual(self.take_folder(), [])
        self.assertIn("3 files", self.err)
        self.assertEqual(len(self.take("in/link.json")), 1)  # named by the user, it is read

    def test_many_files_and_any_number_of_threads_give_the_same(self):
        for i in range(700):  # more than one transaction
            self.write(f"in/{i:04}.json", {"timestamp": 1740000000 + i, "results": [result(f"m{i % 7}", 1 + i)]})
        self.assertEqual(len(self.take_folder("--jobs", "1")), 700)
        one = self.ask("SELECT record_id FROM performance_results ORDER BY 1")
        self.db.unlink()
        self.take_folder("--jobs", "4")
        self.assertEqual(self.ask("SELECT record_id FROM performance_results ORDER BY 1"), one)
        self.assertEqual(len(one), 700)

    def test_usage(self):
        self.accel("db", "import", code=2)
        self.accel("db", "import", "nowhere", code=1)
        self.assertIn("no file or folder nowhere", self.err)
        self.accel("db", "import", ".", "--archive", "out", "--remove", code=2)
        self.assertFalse(self.db.exists())

    def test_windows_marks_and_both_tables(self):
        path = self.write("bom.json", "\ufeff" + json.dumps({"results": [result()]}))
        self.assertEqual(self.take_one(path)["outcome"], "imported")
        shutil.copy(DATA / "trap_cut.json", self.folder / "cut.json")
        text = self.accel("db", "import", "cut.json", "--db", self.db, code=1)
        self.assertIn("it is cut off", text)
        self.assertIn("0 imported, 0 skipped, 1 rejected", self.err)


if __name__ == "__main__":
    unittest.main()

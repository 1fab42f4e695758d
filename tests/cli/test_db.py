"""accel db: looking after a database. What its parts do is tested in tests/store/test_maintain.c; here are options, output and exit codes."""

# ctest: timeout 300

import json
import re
import sys
import unittest

try:
    from cli_case import CliCase
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)


class Database(CliCase):
    def setUp(self):
        super().setUp()
        self.env = {"BENCHMARK_DB_PATH": str(self.db)}
        self.db_command("create", "--sample-data")

    def db_command(self, *arguments, **options):
        return self.accel("db", *arguments, env=self.env, **options)

    def db_json(self, *arguments, **options):
        return json.loads(self.db_command(*arguments, "--format", "json", **options))

    def count(self, sql, *arguments):
        rows = self.accel_json("query", f"SELECT count(*) AS n FROM {sql}", *arguments, env=self.env)
        return rows[0]["n"]

    def test_a_sound_database_has_no_findings(self):
        self.assertEqual(self.db_json("check"), [])
        self.assertIn("0 findings", self.err)

    def test_a_finding_is_exit_code_1_and_fix_repairs_it(self):
        leftover = self.folder / "results.duckdb.archive" / "year=2020"
        leftover.mkdir(parents=True)
        (leftover / "x.parquet.tmp").write_text("half a file")
        findings = self.db_json("check", code=1)
        self.assertEqual([(f["check"], f["can_be_repaired"], f["repaired"]) for f in findings], [("archive", True, False)])
        findings = self.db_json("check", "--fix")
        self.assertEqual([f["repaired"] for f in findings], [True])
        self.assertEqual(self.db_json("check"), [])

    def test_sizes_before_and_after(self):
        for command in ("optimize", "compact"):
            row = self.db_json(command)[0]
            self.assertEqual(row["after_bytes"], self.db.stat().st_size)
            self.assertGreater(row["before_bytes"], 0)

    def test_backup_restore_and_purge(self):
        first = self.db_json("backup")[0]
        self.assertRegex(first["backup"], r"results\.duckdb\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}Z\.zst$")
        self.assertTrue((self.folder / (first["backup"] + ".sha256")).read_text().startswith(first["sha256"] + "  "))
        self.db_json("backup")
        third = self.db_json("backup", "--keep", "2")[0]
        self.assertIn("1 older backups deleted", self.err)
        self.db_command("purge-backups", "--keep", "0")
        self.assertEqual([p.name for p in sorted((self.folder / "results.duckdb.backups").glob("*.zst"))],
                         [third["backup"].rsplit("/", 1)[1]])
        self.db.unlink()
        self.db_command("restore")
        self.assertEqual(self.count("performance_results"), 72)

    def test_archived_results_are_queried_as_before(self):
        row = self.db_json("archive", "--before", "2026-01-03")[0]
        self.assertEqual((row["results"], row["files"]), (48, 1))
        self.assertEqual(self.count("performance_results"), 24)
        self.assertEqual(self.count("all_performance_results"), 72)
        self.assertEqual(self.count("performance_batch_results"), 1440)
        self.assertEqual(self.db_json("check"), [])
        self.db_command("archive", code=2)
        self.db_command("archive", "--older-than", "soon", code=2)

    def test_stats_and_migration_stats(self):
        stats = {(r["subject"], r["name"]): r for r in self.db_json("stats")}
        self.assertEqual(stats["table", "performance_results"]["count"], 72)
        self.assertEqual(stats["files", "database"]["bytes"], self.db.stat().st_size)
        self.assertEqual(self.db_json("migration-stats"), [])

    def test_a_lake_is_queried_without_import(self):
        lake = self.folder / "lake"
        self.db_command("export", "--parquet", lake)
        self.assertRegex(self.err, r"^\d+ rows in \d+ new files")
        self.db_command("export", "--parquet", lake)
        self.assertIn("0 rows in 0 new files", self.err)
        self.assertEqual(self.count("performance_results", "--lake", lake), 72)
        self.assertEqual(self.count("performance_batch_results", "--lake", lake), 1440)
        for path in lake.rglob("*.parquet"):
            self.assertTrue(re.search(r"/host=(none|[0-9a-f]{1,64})/day=\d{4}-\d\d-\d\d/", str(path)), path)
        self.db_command("export", code=2)

    def test_what_is_not_there_is_exit_code_3(self):
        self.env = {"BENCHMARK_DB_PATH": str(self.folder / "absent.duckdb")}
        for command in (["check"], ["optimize"], ["compact"], ["backup"], ["restore"], ["archive", "--before", "2020-01-01"], ["stats"],
                        ["migration-stats"], ["export", "--parquet", "lake"]):
            self.db_command(*command, code=3)
        self.assertFalse((self.folder / "absent.duckdb").exists())


if __name__ == "__main__":
    unittest.main()

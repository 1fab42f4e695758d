"""What the tests of accel db import share: a folder, a database, questions to it."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ACCEL = os.environ["ACCEL_BIN"]
DATA = Path(os.environ["ACCEL_SOURCE_DIR"]) / "tests" / "data" / "import"

PERFORMANCE = (
    "SELECT model_name, model_family, modality, hardware_type, device_name, batch_size, sequence_length, precision, status, error_message, "
    "average_latency_ms, median_latency_ms, throughput_items_per_second, tokens_per_second, memory_peak_mb, iterations, warmup_iterations, "
    "load_ms, len(samples_ns) AS samples, p.provenance, p.is_simulated, p.simulation_reason, p.metrics, CAST(r.started_at AS VARCHAR) AS started_at "
    "FROM performance_results p JOIN models USING (model_id) JOIN hardware_platforms USING (hardware_id) JOIN test_runs r USING (run_id)"
)
INTEGRATION = (
    "SELECT test_module, test_class, t.test_name, hardware_type, model_name, t.status, t.execution_time_seconds, t.error_message, t.error_traceback, "
    "t.metadata, t.is_simulated, t.simulation_reason, t.provenance FROM integration_test_results t LEFT JOIN models USING (model_id) "
    "LEFT JOIN hardware_platforms USING (hardware_id) ORDER BY test_module, t.test_name"
)
COMPATIBILITY = (
    "SELECT model_name, model_family, hardware_type, is_compatible, compatibility_score, c.error_message, error_type, suggested_fix, c.metadata, "
    "c.provenance FROM hardware_compatibility c JOIN models USING (model_id) JOIN hardware_platforms USING (hardware_id) ORDER BY model_name, hardware_type"
)
WEB = (
    "SELECT model_name, w.platform, browser, browser_version, success, load_time_ms, inference_time_ms, memory_usage_mb, w.error_message, w.metrics, "
    "w.is_simulated, w.simulation_reason, w.provenance FROM web_platform_results w JOIN models USING (model_id) ORDER BY model_name, w.platform"
)
# Every table that an import may write.
COUNTS = {
    table: f"SELECT count(*) AS n FROM {table}"
    for table in "performance_results hardware_compatibility integration_test_results integration_test_assertions web_platform_results "
    "hardware_availability_log test_runs models hardware_platforms migration_tracking".split()
}


class ImportCase(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.db = self.folder / "results.duckdb"

    def accel(self, *arguments, code=0):
        environment = {k: v for k, v in os.environ.items() if k != "BENCHMARK_DB_PATH"}
        done = subprocess.run([ACCEL, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=environment, timeout=110)
        self.err = done.stderr
        self.assertEqual(done.returncode, code, f"accel {arguments}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def take(self, *paths, code=0, db=None):
        """Imports; gives the report's rows."""
        return json.loads(self.accel("db", "import", *paths, "--db", db or self.db, "--format", "json", code=code))

    def take_one(self, path, code=0):
        rows = self.take(path, code=code)
        self.assertEqual(len(rows), 1)
        return rows[0]

    def write(self, name, value):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def ask(self, sql):
        return json.loads(self.accel("query", sql, "--db", self.db, "--format", "json"))

    def counts(self):
        return {table: self.ask(sql)[0]["n"] for table, sql in COUNTS.items()}


def main():
    unittest.main()

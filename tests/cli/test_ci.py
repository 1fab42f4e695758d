"""The workflow for users' CI: its steps run here as a runner would run them, with real benchmarks and a made-up gh.
ctest: serial
ctest: timeout 600"""

import json
import os
import shutil
import unittest
from pathlib import Path

import workflow
from cli_case import ACCEL, CliCase
from made_up_runs import spool

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
FILE = SOURCE / "integrations/github/accel-benchmark.yml"

# What a runner has and this machine has not: the artifact of an earlier run.
GH = """#!/bin/bash
set -eu
case "$1 $2" in
"api --method")
    [[ "$*" == *"repos/o/r/actions/workflows/accel-benchmark.yml/runs -f branch=main -f event=push -f status=success"* ]] || exit 2
    [ ! -e "$ARTIFACT" ] || echo 41
    ;;
"run download") [ "$3" = 41 ] && [ -e "$ARTIFACT" ] && mkdir -p "${@: -1}" && cp "$ARTIFACT" "${@: -1}/results.duckdb" ;;
*) exit 2 ;;
esac
"""


RECORDS = """SELECT p.metrics, p.samples_ns, m.model_name AS "model.name", m.model_family AS "model.family", m.modality AS "model.modality",
    m.source AS "model.source", m.version AS "model.sha256", h.hardware_type AS platform, h.device_name AS "device.name", p.engine AS "engine.name",
    p.engine_version AS "engine.version", p.batch_size AS batch, p.sequence_length AS sequence, p.shapes, p.precision_asked, p.precision_ran,
    p.threads, p.mode, p.scenario, p.average_latency_ms AS "latency_ms.mean", p.median_latency_ms AS "latency_ms.median",
    p.throughput_items_per_second AS throughput_items_per_s FROM performance_results p JOIN models m USING (model_id) JOIN hardware_platforms h
    USING (hardware_id)"""


class Workflow(CliCase):
    def setUp(self):
        super().setUp()
        self.work = self.folder / "work"
        self.work.mkdir()
        (self.work / "accel").symlink_to(SOURCE)
        (self.folder / "bin").mkdir()
        gh = self.folder / "bin/gh"
        gh.write_text(GH)
        gh.chmod(0o755)
        self.artifact = self.folder / "artifact.duckdb"
        self.results = self.work / "accel-benchmark/results.duckdb"
        self.job = workflow.read(FILE.read_text())["jobs"]["benchmark"]

    def run_workflow(self, event="pull_request", **variables):
        """Exit code, the job's summary, what the steps printed."""
        summary = self.folder / "step-summary.md"
        summary.write_text("")
        contexts = {
            "github": {"event_name": event, "ref": "refs/heads/x", "repository": "o/r", "token": "none"},
            "vars": {"ACCEL_MIN_TIME": "0.1", "ACCEL_THREADS": "1", **variables},
        }
        environment = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "ACCEL": ACCEL,
            "ARTIFACT": str(self.artifact),
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_WORKFLOW_REF": "o/r/.github/workflows/accel-benchmark.yml@refs/pull/41/merge",
            "GITHUB_REF_NAME": "main" if event == "push" else "41/merge",
            "GITHUB_BASE_REF": "main" if event == "pull_request" else "",
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        for name in ("LD_LIBRARY_PATH", "ASAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        code, said = workflow.run_steps(self.job, self.work, environment, contexts)
        return code, summary.read_text(), said

    def run_until(self, code, base, run):
        """Up to three times: on a machine that others use, processes may differ by more than the 30 % that are to be found."""
        for _ in range(3):
            self.make_base(base)
            done = run()
            if done[0] == code:
                return done
            self.assertIn("no difference shown", done[1])
        self.fail(f"exit code {done[0]} again and again, not {code}: {done[-1]}")

    def make_base(self, share):
        """The artifact: the same cases as were just measured, in `share` of the time."""
        rows = self.accel_json("query", RECORDS, "--db", self.results)
        records = []
        for i, row in enumerate(rows):
            r = row["metrics"] if isinstance(row["metrics"], dict) else json.loads(row["metrics"])
            samples = row["samples_ns"] if isinstance(row["samples_ns"], list) else json.loads(row["samples_ns"])
            for path, value in row.items():  # what has a column of its own is not in metrics
                group, _, name = path.rpartition(".")
                if path not in ("metrics", "samples_ns"):
                    (r.setdefault(group, {}) if group else r)[name] = json.loads(value) if path == "shapes" and isinstance(value, str) else value
            r["record_id"] = f"{i:08x}-0000-4000-8000-000000000000"
            r["samples_ns"] = [int(ns * share) for ns in samples]
            for figure, value in r["latency_ms"].items():
                r["latency_ms"][figure] = value and value * share
            records.append(r)
        self.artifact.unlink(missing_ok=True)
        spool(self.artifact, "2026-01-01T00:00:00Z", records, "b" * 40)
        self.accel("db", "create", "--db", self.artifact, "-q")
        self.accel("query", "SELECT 1", "--db", self.artifact)
        shutil.rmtree(self.results.parent)

    def test_a_pull_request_without_a_base_with_a_faster_and_with_an_equal_one(self):
        code, summary, said = self.run_workflow()
        self.assertEqual(code, 0, said)
        self.assertIn("There is no base yet", summary)
        self.assertIn("bert-tiny", summary)
        (rows,) = self.accel_json(
            "query",
            "SELECT count(*) AS n, count(*) FILTER (is_simulated OR provenance <> 'measured') AS made_up, "
            "(SELECT count(*) FROM hardware_availability_log) AS seen FROM performance_results",
            "--db",
            self.results,
        )
        self.assertEqual((rows["n"], rows["made_up"]), (5, 0))
        self.assertGreater(rows["seen"], 0)
        self.assertIn("<html", (self.work / "accel-benchmark/report.html").read_text()[:500])

        _, summary, said = self.run_until(1, 0.7, self.run_workflow)
        self.assertIn("**slower**", summary)
        self.assertIn("1 case compared: 1 slower.", summary)
        self.assertIn("::error::A case became slower", said)

        self.make_base(1)
        code, summary, said = self.run_workflow(ACCEL_AT_LEAST="100")  # a busy machine is no regression here
        self.assertEqual(code, 0, said)
        self.assertIn("1 case compared: 1 no difference shown.", summary)

    def test_a_push_goes_on_with_the_history_and_fails_nothing(self):
        self.assertEqual(self.run_workflow("push")[0], 0)
        self.make_base(0.5)
        code, summary, said = self.run_workflow("push")
        self.assertEqual(code, 0, said)
        self.assertIn("1 case compared: 1 ", summary)
        self.assertIn("## Over the runs", summary)
        (runs,) = self.accel_json("query", "SELECT count(DISTINCT run_id) AS n FROM performance_results", "--db", self.results)
        self.assertEqual(runs["n"], 2)

    def test_a_case_that_fails_fails_the_job_and_is_in_the_summary(self):
        code, summary, said = self.run_workflow(ACCEL_MODELS=str(self.folder / "no-such.onnx"))
        self.assertNotEqual(code, 0)
        self.assertIn("no-such.onnx", said)

    def test_locally_without_a_runner(self):
        self.assertEqual(self.run_workflow()[0], 0)
        job = {"env": {}, "steps": [{"name": "all", "run": "accel/integrations/ci/benchmark.sh"}]}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ACCEL": ACCEL,
            "ACCEL_MODELS": "bert-tiny",
            "ACCEL_ENGINES": "native",
            "ACCEL_THREADS": "1",
            "ACCEL_MIN_TIME": "0.1",
            "ACCEL_BASE_DB": str(self.artifact),
            "ACCEL_FAIL_ON": "regression",
        }
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        _, said = self.run_until(1, 0.7, lambda: workflow.run_steps(job, self.work, environment, {}))
        self.assertIn("1 case compared: 1 slower.", said)
        self.assertNotIn("::error", said)


class Reader(unittest.TestCase):
    """The reader of the test itself, on what the workflow uses."""

    def test_maps_lists_and_texts(self):
        text = "a: 'x'\n# no\nb:\n  - name: n\n    run: |\n      one\n        two\n  - uses: u@v4\nc: [p, q]\nd:\n"
        expected = {"a": "x", "b": [{"name": "n", "run": "one\n  two\n"}, {"uses": "u@v4"}], "c": ["p", "q"], "d": ""}
        self.assertEqual(workflow.read(text), expected)

    def test_expressions(self):
        contexts = {"vars": {"A": "1"}, "github": {"event_name": "push"}}
        self.assertEqual(workflow.evaluate("${{ vars.A || 'x' }}-${{ vars.B || 'x' }}", **contexts), "1-x")
        self.assertEqual(workflow.evaluate("${{ github.event_name == 'push' && 'y' || '' }}", **contexts), "y")

    def test_every_step_runs_a_stage_or_uses_an_action(self):
        steps = workflow.read(FILE.read_text())["jobs"]["benchmark"]["steps"]
        runs = [step["run"] for step in steps if "run" in step]
        self.assertEqual(runs, [f"accel/integrations/ci/benchmark.sh {s}" for s in ("build", "base", "measure", "compare")])
        self.assertTrue(all(("run" in step) != ("uses" in step) for step in steps))
        self.assertNotIn("sample", FILE.read_text() + (SOURCE / "integrations/ci/benchmark.sh").read_text())


if __name__ == "__main__":
    unittest.main()

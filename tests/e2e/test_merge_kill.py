#!/usr/bin/env python3
"""`accel db import OTHER.duckdb` is killed with SIGKILL at random moments: afterwards the database opens, and holds what it held before, or all of
that and all of the other's. Merging again completes it, and once more changes nothing.

Short: 4 kills. With ACCEL_SOAK=1 or the argument --full: 60.
ctest: timeout 300
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ACCEL = os.environ["ACCEL_BIN"]
OURS, THEIRS, SHARED = 300, 1500, 100


def result(number):
    return {"record_id": f"{number:08x}-0000-4000-8000-00000000abcd", "model_name": f"m{number % 7}", "hardware_type": ("cpu", "cuda")[number % 2],
            "batch_size": number % 5 + 1, "samples_ns": [1000000 + number + i for i in range(50)], "started_at": f"2026-01-{number % 28 + 1:02d}T00:00:00Z"}


def add(database, numbers):
    text = json.dumps([result(n) for n in numbers])
    subprocess.run([ACCEL, "db", "add", "--db", database, "--json", "-", "-q"], input=text, text=True, check=True)
    tests = json.dumps([{"test_module": "m", "test_name": f"t{n}", "status": "pass", "started_at": "2026-01-01T00:00:00Z",
                         "assertions": [{"assertion_name": "a", "passed": True}]} for n in numbers[::10]])
    subprocess.run([ACCEL, "db", "add", "--db", database, "--result-type", "integration", "--json", "-", "-q"], input=tests, text=True, check=True)


def ask(database, sql):
    done = subprocess.run([ACCEL, "query", "--db", database, sql, "--format", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def state(database):
    """What the database says, in numbers that a half merge would not have; broken references are counted, too."""
    return ask(database, "SELECT (SELECT count(*) FROM performance_results) AS results, (SELECT count(DISTINCT record_id) FROM performance_results) AS ids, "
               "(SELECT count(*) FROM integration_test_results) AS tests, (SELECT count(*) FROM integration_test_assertions) AS assertions, "
               "(SELECT sum(list_sum(samples_ns)) FROM performance_results) AS samples, (SELECT count(*) FROM latest_results) AS latest, "
               "(SELECT count(*) FROM performance_identities) AS identities, (SELECT count(*) FROM hardware_compatibility) AS compatibility, "
               "(SELECT count(*) FROM performance_results p ANTI JOIN latest_results l USING (identity_id)) AS orphans")[0]


def main():
    full = os.environ.get("ACCEL_SOAK") == "1" or "--full" in sys.argv
    kills = 60 if full else 4
    moments = random.Random(int(os.environ.get("ACCEL_SEED", "1")))
    with tempfile.TemporaryDirectory(prefix="accel-merge-") as folder:
        folder = pathlib.Path(folder)
        here, there, whole = (str(folder / f"{name}.duckdb") for name in ("here", "there", "whole"))
        ours, theirs = list(range(OURS)), list(range(OURS - SHARED, OURS - SHARED + THEIRS))
        add(here, ours)
        add(there, theirs)
        original = pathlib.Path(here).read_bytes()
        before = state(here)
        pathlib.Path(whole).write_bytes(original)
        start = time.monotonic()
        subprocess.run([ACCEL, "db", "import", there, "--db", whole, "-q"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        after = state(whole)
        assert after["results"] == after["ids"] == OURS + THEIRS - SHARED, after
        assert after["tests"] == after["assertions"] == before["tests"] + THEIRS // 10 - SHARED // 10, (before, after)
        assert after["samples"] == sum(sum(result(n)["samples_ns"]) for n in range(OURS + THEIRS - SHARED)), after
        assert after["orphans"] == 0
        halves = {"before": 0, "after": 0}
        for _ in range(kills):
            pathlib.Path(here).write_bytes(original)
            pathlib.Path(here + ".wal").unlink(missing_ok=True)
            process = subprocess.Popen([ACCEL, "db", "import", there, "--db", here, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(0, seconds * 1.1))
            process.kill()
            process.wait()
            now = state(here)
            assert now in (before, after), (now, before, after)
            halves["before" if now == before else "after"] += 1
            assert state(there)["results"] == THEIRS
            for _ in range(2):
                subprocess.run([ACCEL, "db", "import", there, "--db", here, "-q"], check=True, stdout=subprocess.DEVNULL)
                assert state(here) == after
        print(f"SOAK merge kill: {kills} kills over {seconds:.2f} s of merging {THEIRS} results: {halves['before']} found the old state, {halves['after']} the "
              "new one, none another; each completed by merging again")


if __name__ == "__main__":
    main()

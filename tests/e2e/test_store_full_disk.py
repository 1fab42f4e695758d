#!/usr/bin/env python3
"""A disk that fills up while records are added: whoever was told that his record is stored finds it later, the others get a
sentence, and after some space was freed all goes on. Needs to mount a small tmpfs in a namespace of its own; else it is skipped."""
import os
import pathlib
import subprocess

from small_disk import run_on

BUILD = pathlib.Path(os.environ["ACCEL_BUILD_DIR"])
STRESS = BUILD / "tests" / "store_stress"


def add(database, first, count):
    done = subprocess.run([STRESS, database, "1", str(first), str(count), "0.1"], capture_output=True, text=True)
    return [line.split()[0] for line in done.stdout.splitlines()], done


def check(folder):
    database = str(pathlib.Path(folder) / "full.duckdb")
    acknowledged, first, refused = [], 0, None
    for _ in range(60):  # each process stops at its first failure; fill the disk until one fails
        ids, done = add(database, first, 10)
        acknowledged += ids
        first += len(ids)
        if done.returncode != 0:
            refused = done
            break
    assert refused is not None and len(acknowledged) > 0, "the disk never filled up"
    assert "o space left" in refused.stderr, refused.stderr
    ids, done = add(database, first, 1)  # still full: still a sentence, still no crash
    acknowledged += ids
    first += len(ids)
    assert done.returncode in (0, 1), done
    subprocess.run(["mount", "-o", "remount,size=50m", folder], check=True)
    ids, done = add(database, first, 3)
    assert done.returncode == 0 and len(ids) == 3, done.stderr
    out = subprocess.run([STRESS, database, "query", "SELECT record_id FROM performance_results"], check=True,
                         capture_output=True, text=True).stdout.split()
    missing = set(acknowledged + ids) - set(out)
    assert not missing and len(out) == len(set(out)), (len(acknowledged), len(out), missing)
    print(f"{len(acknowledged)} records before the disk was full, all there afterwards")


if __name__ == "__main__":
    run_on("1700k", __file__, check)

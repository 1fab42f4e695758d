#!/usr/bin/env python3
"""A disk that fills up while records are added: whoever was told that his record is stored finds it later, the others get a
sentence, and after some space was freed all goes on. Needs to mount a small tmpfs in a namespace of its own; else it is skipped."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["ACCEL_BUILD_DIR"])
STRESS = BUILD / "tests" / "store_stress"
INSIDE = "ACCEL_IN_NAMESPACE"


def add(database, first, count):
    done = subprocess.run([STRESS, database, "1", str(first), str(count), "0.1"], capture_output=True, text=True)
    return [line.split()[0] for line in done.stdout.splitlines()], done


def main():
    if INSIDE not in os.environ:
        unshare = shutil.which("unshare")
        command = [unshare or "unshare", "--mount", "--map-root-user", "--user", sys.executable, __file__]
        if unshare is None or subprocess.run([*command[:4], "true"], capture_output=True).returncode != 0:
            print("no namespaces here: skipped")
            sys.exit(77)
        sys.exit(subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode)
    with tempfile.TemporaryDirectory(prefix="accel-full-") as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1700k", "tmpfs", folder], capture_output=True).returncode != 0:
            print("no tmpfs here: skipped")
            sys.exit(77)
        try:
            check(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


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
    main()

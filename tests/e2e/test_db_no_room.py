#!/usr/bin/env python3
"""Disks that fill up and folders that may not be written: every operation on a database says so in a sentence, loses nothing, and works when
there is room again. Needs to mount a small tmpfs in a namespace of its own; else it is skipped.
ctest: timeout 300
"""
import os
import pathlib
import subprocess

from small_disk import run_on

BUILD = pathlib.Path(os.environ["ACCEL_BUILD_DIR"])
ACCEL = os.environ.get("ACCEL_BIN", str(BUILD / "accel"))
STRESS = str(BUILD / "tests" / "store_stress")
RECORDS = 300


def accel(*arguments, database):
    return subprocess.run([ACCEL, *arguments, "--db", database, "-q"], capture_output=True, text=True)


def rows(database):
    return subprocess.run([STRESS, database, "query", "SELECT count(*) || ' ' || count(DISTINCT record_id) FROM all_performance_results"],
                          check=True, capture_output=True, text=True).stdout.strip()


def operations(folder):
    return {
        "optimize": ["db", "optimize"],
        "compact": ["db", "compact"],
        "backup": ["db", "backup"],
        "restore": ["db", "restore"],
        "export": ["db", "export", "--parquet", str(folder / "lake")],
        "check": ["db", "check", "--fix"],
        "archive": ["db", "archive", "--before", "2030-01-01"],
    }


def attempt(name, command, database, what):
    """Whether it succeeded; a failure is exit code 1 with one sentence."""
    done = accel(*command, database=database)
    assert done.returncode in (0, 1), f"{name}: {done}"
    if done.returncode == 1:
        assert done.stderr.startswith("accel:") and "Traceback" not in done.stderr, f"{name}: {done.stderr}"
    print(f"{what}: {name}: {'ok' if done.returncode == 0 else done.stderr.strip().splitlines()[0][:160]}")
    return done.returncode == 0


def mount(folder, *options):
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)


def check(folder):
    database = str(folder / "room.duckdb")
    subprocess.run([STRESS, database, "bulk", "1", "0", str(RECORDS)], check=True, capture_output=True)
    expected = f"{RECORDS} {RECORDS}"
    assert accel("db", "backup", database=database).returncode == 0
    used = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    refused = 0
    for room in (16, 200, 1000):  # kB beyond what is there: more and more of each operation fits
        mount(folder, "-o", f"remount,size={used // 1024 + room}k")
        for name, command in operations(folder).items():
            if name != "archive" or room == 1000:
                refused += not attempt(name, command, database, f"{room} kB left")
            mount(folder, "-o", "remount,size=100m")
            assert rows(database) == expected, (name, rows(database))
            mount(folder, "-o", f"remount,size={used // 1024 + room}k")
    assert refused > 0, "the disk never was full"
    mount(folder, "-o", "remount,size=100m")
    for name, command in operations(folder).items():
        assert attempt(name, command, database, "room again")
        assert rows(database) == expected, name
    mount(folder, "-o", "remount,ro")
    for name, command in operations(folder).items():
        done = accel(*command, database=database)
        assert done.returncode == 1 and done.stderr.startswith("accel:"), f"{name}: {done}"
        assert rows(database) == expected, name
    mount(folder, "-o", "remount,rw")
    assert accel("db", "check", "--fix", database=database).returncode == 0
    assert rows(database) == expected


if __name__ == "__main__":
    run_on("100m", __file__, lambda folder: check(pathlib.Path(folder)))

#!/usr/bin/env python3
"""Everything that writes a database is killed with SIGKILL at random moments, one operation after another: writers, imports, compact, optimize,
backup, restore, archive, export, check --fix, and the migration of a file of schema 2; half of the time while another process adds records. After every
kill the file opens, every acknowledged record is there exactly once, none is there that nobody added, and `accel db check` finds nothing but files
that were left unfinished, which --fix puts away.

Short: 24 kills. With ACCEL_SOAK=1 or the argument --full: 1,000 kills.
ctest: timeout 600
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ["ACCEL_BUILD_DIR"])
ACCEL = os.environ.get("ACCEL_BIN", str(BUILD / "accel"))
STRESS = str(BUILD / "tests" / "store_stress")
SCHEMA_2 = pathlib.Path(os.environ["ACCEL_SOURCE_DIR"]) / "tests" / "data" / "schema2.sql"
ALL_IDS = "SELECT record_id FROM all_performance_results ORDER BY record_id"


def run(*command, code=0):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, f"{command} gave {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


class Adding:
    """A process that adds records of one seed, and what it had acknowledged when it ended."""

    def __init__(self, command, seed, first, count):
        self.seed, self.first, self.count = seed, first, count
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, killed):
        out, errors = self.process.communicate()
        assert self.process.returncode in ((0, -9) if killed else (0,)), errors
        return [line.split()[0] for line in out.split("\n")[:-1]]

    def ids(self):
        return {f"{self.seed:08x}-0000-4000-8000-{n:012x}" for n in range(self.first, self.first + self.count)}


class Attack:
    def __init__(self, folder, seed):
        self.folder = folder
        self.database = str(folder / "kill.duckdb")
        self.random = random.Random(seed)
        self.numbers = {}  # of the next record, by seed
        self.acknowledged, self.attempted = set(), set()
        self.seconds = {}  # how long an operation takes when nobody kills it
        self.kills, self.ended, self.leftovers = 0, 0, 0

    def add(self, kind, count):
        """Starts a process that adds records; kind: "writer" (through the spool) or "bulk" (as imports do)."""
        seed = 1 if kind == "writer" else 2
        first = self.numbers.get(seed, 0)
        self.numbers[seed] = first + count
        numbers = [str(seed), str(first), str(count)]
        command = [STRESS, self.database, *numbers, "0.05"] if kind == "writer" else [STRESS, self.database, "bulk", *numbers]
        adding = Adding(command, seed, first, count)
        self.attempted |= adding.ids()
        return adding

    def commands(self):
        """What is attacked besides those who add records."""
        db, command = ["--db", self.database, "-q"], [ACCEL, "db"]
        return {
            "compact": [*command, "compact", *db],
            "optimize": [*command, "optimize", *db],
            "backup": [*command, "backup", "--keep", "2", *db],
            "archive": [*command, "archive", "--older-than", "1s", *db],
            "export": [*command, "export", "--parquet", str(self.folder / "lake"), *db],
            "check": [*command, "check", "--fix", *db],
        }

    def kill_within(self, process, name):
        """Kills at a moment of the time that the operation takes, which its first time tells."""
        start = time.monotonic()
        try:
            process.wait(self.random.uniform(0, 1.1 * self.seconds[name]) if name in self.seconds else None)
            self.seconds[name] = max(self.seconds.get(name, 0), time.monotonic() - start)
            self.ended += 1
        except subprocess.TimeoutExpired:
            process.kill()
            self.kills += 1

    def attack_adding(self, kind):
        adding = self.add(kind, 20 if kind == "writer" else 200)
        self.kill_within(adding.process, kind)
        self.acknowledged |= set(adding.end(killed=True))

    def attack_command(self, name):
        other = self.add("writer", 3) if self.random.random() < 0.5 else None
        process = subprocess.Popen(self.commands()[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.kill_within(process, name)
        process.wait()
        if other:
            self.acknowledged |= set(other.end(killed=False))

    def attack_restore(self):
        """Of a backup that holds all that the database does, so that before and after are the same."""
        run(ACCEL, "db", "backup", "--keep", "2", "--db", self.database, "-q")
        process = subprocess.Popen([ACCEL, "db", "restore", "--db", self.database, "-q"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.kill_within(process, "restore")
        process.wait()

    def attack_migration(self):
        old = str(self.folder / "old.duckdb")
        shutil.copy(self.folder / "schema2.duckdb", old)
        process = subprocess.Popen([ACCEL, "query", "SELECT 1", "--db", old], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.kill_within(process, "migration")
        process.wait()
        assert run(STRESS, old, "query", "SELECT count(*) || ' ' || count(DISTINCT record_id) FROM performance_results") == "400 400\n"
        run(ACCEL, "db", "check", "--db", old, "-q")
        for path in self.folder.glob("old.duckdb*"):
            path.unlink()

    def verify(self):
        stored = run(STRESS, self.database, "query", ALL_IDS).split()  # takes the spool in
        assert len(stored) == len(set(stored)), "doubled"
        lost = self.acknowledged - set(stored)
        assert not lost, f"lost: {sorted(lost)[:5]}"
        invented = set(stored) - self.attempted
        assert not invented, f"invented: {sorted(invented)[:5]}"
        self.acknowledged |= set(stored)  # what was seen must stay

    def check(self):
        done = subprocess.run([ACCEL, "db", "check", "--db", self.database, "--format", "json", "-q"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        findings = json.loads(done.stdout)
        assert all(f["check"] in ("archive", "files") and f["can_be_repaired"] for f in findings), findings
        if findings:
            self.leftovers += len(findings)
            run(ACCEL, "db", "check", "--fix", "--db", self.database, "-q")

    def read_backups(self):
        """Each backup that has its name is whole."""
        for path in pathlib.Path(self.database + ".backups").glob("*.zst"):
            digest = run("sha256sum", str(path)).split()[0]
            assert pathlib.Path(str(path) + ".sha256").read_text().split()[0] == digest

    def read_lake(self):
        lake = str(self.folder / "lake")
        if not list(self.folder.glob("lake/performance_results/host=*")):
            return 0
        ids = run(STRESS, lake, "query", "SELECT record_id FROM performance_results").split()
        assert len(ids) == len(set(ids)) and set(ids) <= self.attempted
        return len(ids)


def main():
    full = os.environ.get("ACCEL_SOAK") == "1" or "--full" in sys.argv
    kills = int(os.environ.get("ACCEL_KILLS", "1000" if full else "24"))
    with tempfile.TemporaryDirectory(prefix="accel-kill-") as name:
        attack = Attack(pathlib.Path(name), int(os.environ.get("ACCEL_SEED", "1")))
        run(STRESS, str(attack.folder / "schema2.duckdb"), "make", str(SCHEMA_2))
        first = attack.add("bulk", 200)
        attack.acknowledged |= set(first.end(killed=False))
        operations = ["writer", "bulk", *attack.commands(), "restore", "migration"]
        start, count, by_name = time.monotonic(), 0, {}
        while attack.kills < kills:
            operation = operations[count % len(operations)]
            before = attack.kills
            if operation in ("writer", "bulk"):
                attack.attack_adding(operation)
            elif operation == "restore":
                attack.attack_restore()
            elif operation == "migration":
                attack.attack_migration()
            else:
                attack.attack_command(operation)
            by_name[operation] = by_name.get(operation, 0) + attack.kills - before
            attack.verify()
            if full or count % 4 == 3:
                attack.check()
            count += 1
        attack.check()
        attack.read_backups()
        run(ACCEL, "db", "export", "--parquet", str(attack.folder / "lake"), "--db", attack.database, "-q")
        assert attack.read_lake() == len(attack.acknowledged)
        print(f"SOAK db kill: {attack.kills} kills ({', '.join(f'{n} {k}' for k, n in by_name.items())}), {attack.ended} ended before; "
              f"{len(attack.acknowledged)} records, 0 lost, 0 doubled; {attack.leftovers} files of unfinished archivings put away; "
              f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

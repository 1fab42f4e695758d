#!/usr/bin/env python3
"""Two processes add records at once while one of them is killed with SIGKILL at random moments and started again with what it had
left. Every record that was acknowledged (store_add returned) is in the database exactly once after a last taking in.

Short: 2 x 1,500 records, 5 kills. With ACCEL_SOAK=1 or the argument --full: 2 x 10,000 records, 20 kills.
ctest: timeout 300
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ["ACCEL_BUILD_DIR"])
STRESS = BUILD / "tests" / "store_stress"


class Writer(threading.Thread):
    """Adds records 0..count-1 of one seed; starts again after each kill with the first record that was not acknowledged."""

    def __init__(self, database, seed, count):
        super().__init__()
        self.database, self.seed, self.count = database, seed, count
        self.acknowledged, self.milliseconds = [], []
        self.kills, self.starts = 0, 0
        self.process = None
        self.failure = None

    def patience(self):
        """Every second start is too impatient to wait for the lock, so that records go to the spool as well."""
        self.starts += 1
        return "0.02" if (self.starts + self.seed) % 2 == 0 else "-1"

    def run(self):
        while self.failure is None and len(self.acknowledged) < self.count:
            self.process = subprocess.Popen(
                [STRESS, self.database, str(self.seed), str(len(self.acknowledged)), str(self.count - len(self.acknowledged)),
                 self.patience()],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for line in self.process.stdout:
                if not line.endswith("\n"):
                    break  # killed within the line: not acknowledged
                record_id, ms = line.split()
                self.acknowledged.append(record_id)
                self.milliseconds.append(float(ms))
            errors = self.process.stderr.read()
            if self.process.wait() not in (0, -9):
                self.failure = errors

    def kill(self):
        process = self.process
        if process is not None and process.poll() is None:
            process.kill()
            self.kills += 1
            return True
        return False


def query(database, sql):
    out = subprocess.run([STRESS, database, "query", sql], check=True, capture_output=True, text=True).stdout
    return out.split("\n")[:-1]


def attack(victim, kills, seed):
    """Kills at random moments, spread over the whole of the victim's work; the first ones fall into the making of the database."""
    moments = random.Random(seed)
    while victim.is_alive() and victim.kills < kills:
        if victim.kills < 3:
            time.sleep(moments.uniform(0.0, 0.25))
            victim.kill()
            continue
        share = (victim.kills + moments.random()) / kills * victim.count
        while victim.is_alive() and len(victim.acknowledged) < share:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.1))
        victim.kill()


def main():
    full = os.environ.get("ACCEL_SOAK") == "1" or "--full" in sys.argv
    count, kills = (10000, 20) if full else (1500, 5)
    seed = int(os.environ.get("ACCEL_SEED", "1"))
    with tempfile.TemporaryDirectory(prefix="accel-kill-") as folder:
        database = str(pathlib.Path(folder) / "kill.duckdb")
        writers = [Writer(database, 1, count), Writer(database, 2, count)]
        start = time.monotonic()
        for w in writers:
            w.start()
        attack(writers[0], kills, seed)
        for w in writers:
            w.join()
        seconds = time.monotonic() - start
        for w in writers:
            assert w.failure is None, w.failure
        acknowledged = [r for w in writers for r in w.acknowledged]
        assert len(acknowledged) == 2 * count, len(acknowledged)
        stored = query(database, "SELECT record_id FROM performance_results ORDER BY record_id")  # takes the spool in
        lost = sorted(set(acknowledged) - set(stored))
        doubled = len(stored) - len(set(stored))
        assert not lost, f"lost: {lost}"
        assert doubled == 0 and sorted(set(acknowledged)) == stored
        batches = query(database, "SELECT count(*) FROM performance_batch_results")
        assert batches == [str(2 * count * 100)], batches
        rejected = pathlib.Path(database + ".spool", "rejected")
        assert not rejected.exists(), list(rejected.iterdir())
        size = os.path.getsize(database)
        times = sorted(ms for w in writers for ms in w.milliseconds)
        print(f"SOAK store kill: {2 * count} records by 2 processes, {writers[0].kills} kills, {len(lost)} lost, "
              f"{doubled} doubled; {seconds:.1f} s, median "
              f"{times[len(times) // 2]:.0f} ms and at most {times[-1]:.0f} ms a record with both writing; "
              f"database {size / 1e6:.1f} MB")
        assert writers[0].kills == kills, f"only {writers[0].kills} kills"


if __name__ == "__main__":
    main()

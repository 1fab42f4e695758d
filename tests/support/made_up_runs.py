"""Made-up results of many runs, put into a database as accel bench does: by way of its spool."""

import json
import uuid
from pathlib import Path

RECORD = {
    "schema_version": 1,
    "provenance": "measured",
    "status": "ok",
    "model": {"name": "made-up-bert", "source": "file", "family": "bert", "modality": "text", "sha256": "5" * 64},
    "platform": "cpu",
    "device": {"name": "Made-up CPU", "id": "CPU"},
    "engine": {"name": "native", "version": "1.0"},
    "batch": 1,
    "sequence": 128,
    "precision_asked": "fp32",
    "precision_ran": "fp32",
    "threads": 2,
    "mode": "inference",
    "scenario": "single-stream",
    "machine": {"id": "m1", "cpu": "Made-up CPU"},
}


def record(latency_ms, samples=8, spread=0.01, memory=100e6, **changes):
    """A result whose samples lie about latency_ms; changes: members of RECORD, "__" for a dot."""
    out = json.loads(json.dumps(RECORD))
    out["record_id"] = str(uuid.uuid4())
    out["samples_ns"] = [int(1e6 * latency_ms * (1 + spread * (i * 7 % 5 - 2))) for i in range(samples)]
    out["latency_ms"] = {"mean": latency_ms, "median": latency_ms}
    out["throughput_items_per_s"] = 1e3 / latency_ms
    out["memory"] = {"peak_rss_bytes": int(memory)}
    for name, value in changes.items():
        inside = out
        *path, last = name.split("__")
        for step in path:
            inside = inside[step]
        inside[last] = value
    return out


def spool(database, started_at, records, commit=None, run=None):
    """Adds a run with these records; whoever opens the database next takes them in. Gives the run's UUID."""
    run = run or str(uuid.uuid4())
    folder = Path(f"{database}.spool")
    folder.mkdir(parents=True, exist_ok=True)
    head = {"uuid": run, "test_name": "accel bench", "started_at": started_at, "git_commit": commit}
    for r in records:
        (folder / f"{r['record_id']}.json").write_text(json.dumps({"run": head, "record": {**r, "started_at": started_at}}))
    return run


def day(i):
    return f"2026-{1 + i // 28:02d}-{1 + i % 28:02d}T12:00:00Z"

#!/usr/bin/env python3
"""accel tune: what it shows, what it remembers, what bench makes of it; a cache that cannot be used. Needs wgpu-native and an adapter of Vulkan.
ctest: timeout 300
"""

import json
import unittest

from cli_case import CliCase


class Tune(CliCase):
    def setUp(self):
        super().setUp()
        self.env = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        self.kept = self.folder / "cache/accel/tuning.json"

    def tune(self, *words):
        out = self.accel("tune", "webgpu", self.model, "--seconds", "0.05", "--format", "json", "-q", *words, env=self.env, code=None)
        if "there is no GPU to tune for" in self.err:
            self.skipTest(self.err.strip())
        return json.loads(out)

    def options(self, *words):
        out = self.bench(self.model, "--on", "vulkan", "--no-db", "--format", "json", *words, env=self.env)
        return json.dumps(json.loads(out))

    def test_what_is_found_is_shown_remembered_and_used(self):
        rows = self.tune("--dry-run")
        self.assertFalse(self.kept.exists())
        rows = self.tune()
        self.assertEqual({row["kernel"] for row in rows}, {"gemv"})
        self.assertEqual(sum(row["chosen"] == "yes" for row in rows), 1)
        self.assertEqual(rows[0]["note"], "usual")
        for row in rows:
            self.assertTrue(row["note"] or row["time_ms"] > 0 and row["relative_l2"] < 1e-4, row)
        chosen = next(row["variant"] for row in rows if row["chosen"] == "yes")
        kept = json.loads(self.kept.read_text())
        self.assertEqual(kept["accel_tuning"], 1)
        self.assertEqual(kept["adapters"][0]["tuning"], f"gemv/0.4.4={chosen}")
        self.assertIn("tuned=1 of 1", self.options())
        self.assertIn("tuned=0 of 1", self.options("--deterministic"))
        self.assertIn("what `accel tune` found", self.accel("cache", env=self.env))

    def test_each_precision_has_a_tuning_of_its_own(self):
        self.tune("--precision", "fp16")
        if "does not execute fp16" in self.err:
            self.skipTest(self.err.strip())
        self.assertIn("fp16", json.loads(self.kept.read_text())["adapters"][0]["adapter"])
        self.assertIn("tuned=0 of 1", self.options())
        self.assertIn("tuned=1 of 1, values=fp16", self.options("--precision", "fp16"))
        self.accel("tune", "webgpu", "--precision", "half-baked", code=2)

    def test_a_bad_cache_is_a_sentence_and_no_harm(self):
        self.tune()
        self.kept.write_text(self.kept.read_text().replace("gemv/0.4.4=", "gemv/0.4.4=x"))
        self.assertIn("tuned=0 of 1", self.options())
        self.accel("models", env=self.env)
        self.assertIn("is no choice of a kernel's variant; `accel tune` makes it anew", self.err)
        self.kept.write_text("{")
        self.assertIn("tuned=0 of 1", self.options())
        self.tune()
        self.assertIn("tuned=1 of 1", self.options())

    def test_what_cannot_be_tuned_is_refused(self):
        self.accel("tune", "native", code=2)
        self.assertIn("tunes the engine webgpu", self.err)
        self.accel("tune", "webgpu", "--on", "gpu", code=2)
        self.assertIn("--on: 'gpu' is none of", self.err)
        self.accel("tune", "webgpu", "--on", "vulkan,cpu", code=2)
        self.assertIn("--on: 'cpu' is none of", self.err)
        self.accel("tune", "webgpu", "--browser", "chromum", code=2)
        self.assertIn("there is no browser 'chromum', did you mean chromium", self.err)


if __name__ == "__main__":
    unittest.main()

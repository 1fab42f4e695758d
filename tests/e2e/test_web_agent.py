#!/usr/bin/env python3
"""A page of Chromium as another device: it opens the address of `accel serve --agents`, and is listed, measured and asked by its name.
ctest: timeout 300
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

for folder in ("cli", "web"):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / folder))
try:
    import browser
    from cli_case import ACCEL, CliCase
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)


@unittest.skipUnless(browser.find_chromium(), "Chromium is not installed")
class Agent(CliCase):
    def setUp(self):
        super().setUp()
        self.env = {"XDG_RUNTIME_DIR": str(self.folder / "run"), "XDG_DATA_HOME": str(self.folder / "data"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        self.serving = subprocess.Popen([ACCEL, "serve", "--agents", "--port", "0"], env={**os.environ, **self.env}, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.stop_serving)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(self.serving.stdout), daemon=True).start()
        self.wait_for(r"Ctrl-C")
        self.chromium = browser.Chromium("--ignore-certificate-errors", "--enable-unsafe-webgpu")
        self.addCleanup(self.chromium.stop)
        self.chromium.open(self.wait_for(r"https://\S+")[0])
        self.chromium.evaluate("localStorage.setItem('accel-agent-name', 'pixel')")
        self.chromium.open("about:blank")
        self.chromium.open(self.wait_for(r"https://\S+")[0])
        self.wait_for(r"pixel came, from 127\.0\.0\.1")

    def stop_serving(self):
        self.serving.send_signal(signal.SIGINT)
        self.serving.wait(30)
        self.serving.stdout.close()

    def wait_for(self, pattern):
        for _ in range(300):
            found = re.search(pattern, "".join(self.lines))
            if found:
                return found
            if self.serving.poll() is not None:
                self.skipTest("".join(self.lines))
            time.sleep(0.1)
        self.fail(f"{pattern} was not said: {self.lines}")

    def test_it_is_listed_measured_and_asked(self):
        rows = [r for r in self.accel_json("detect", "--all", env=self.env, timeout_s=200)["platforms"] if r["device"] == "@pixel"]
        self.assertEqual({r["platform"] for r in rows}, {"wasm", "webnn", "webgpu"})
        self.assertRegex(rows[0]["name"], r"^Chrome [\d.]+ \(Linux\)$")
        on = [r["platform"] for r in rows if r["available"] and r["platform"] != "webnn"]
        records = json.loads(self.bench(
            self.model, "--on", ",".join(f"{platform}@pixel" for platform in on), "--no-db", "--format", "json", env=self.env, timeout_s=200))
        self.assertEqual(sorted(r["platform"] for r in records), sorted(on))  # one device, each platform once
        for record in records:
            self.assertEqual((record["status"], record["device"]["id"]), ("ok", "@pixel"), record["error"])
            self.assertTrue(record["verification"]["pass"])
        if len(on) > 1:
            self.assertIn("does one job at a time", records[0]["warnings"])
        self.accel("run", self.model, "--on", "wasm@pixel", "--output-dir", "out", env=self.env)
        self.assertTrue((self.folder / "out" / "out_y.npy").exists())
        self.accel("run", self.model, "--on", "wasm@pixl", env=self.env, code=3)
        self.assertIn("no agent of this name", self.err)


if __name__ == "__main__":
    unittest.main()

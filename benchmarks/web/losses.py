#!/usr/bin/env python3
"""A GPU that fails: devices lost and allocations refused at random moments of starts and runs of the built package, in Chromium and Firefox on their
software adapters. Every one must end in right outputs or in a sentence, and the next start must be right. Writes docs/results/web-losses.md.

    benchmarks/web/losses.py [--faults 1000] [--browsers Chromium,Firefox] [ACCEL]

Half of the faults are losses. About 30 minutes; nothing is timed, so the machine need not be quiet."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(HERE), str(ROOT / "tests/web")]
from bars import Page, say  # noqa: E402
from browser import Server, find_chromium  # noqa: E402
from firefox import find_firefox  # noqa: E402
from measure import BROWSERS, call, version_of  # noqa: E402

MODELS = ["zoo:bert-tiny", "zoo:resnet-tiny"]
KINDS = {"loss": "device lost", "allocation": "allocation refused"}
SENTENCES = {"crashed", "out_of_memory", "error"}  # what a fault may end in, beside right outputs
PART = 25  # faults of one call, so that its progress is seen


def prepare_folder(work):
    """The package with a device module that fails when it is told to."""
    shutil.copytree(ROOT / "build/web/package", work / "accel")
    (work / "accel/webgpu_device.js").rename(work / "accel/device.js")
    shutil.copy(HERE / "faulty_device.js", work / "accel/webgpu_device.js")
    (work / "pages").symlink_to(HERE)


def add(told, more):
    for name, value in more.items():
        if name == "sentence":
            told["sentence"] = value | told.get("sentence", {})
        elif isinstance(value, dict):
            kept = told.setdefault(name, {})
            for end, count in value.items():
                kept[end] = kept.get(end, 0) + count
        else:
            told[name] = told.get(name, 0) + value


def ask(browser, function, *given):
    return call(browser, function, *given, module="losses")


def fail(browser, model, kind, count):
    told = {}
    for done in range(0, count, PART):
        add(told, ask(browser, "fail", model, kind, min(PART, count - done), 7919 * (done + 1)))
        say(f"{model}, {KINDS[kind]}: {min(done + PART, count)} of {count}: {told['ends']}, {told['wrong']} wrong, {told['recovered']} recovered")
    return told


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--browsers", default="Chromium,Firefox")
    parser.add_argument("accel", nargs="?", default=str(ROOT / "build/release/accel"))
    how = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the browser is ended with it
    each = how.faults // (len(MODELS) * len(KINDS))
    page = Page("web-losses", "A GPU that fails, in pages", how.accel)
    rows, sentences, versions, whole = [], set(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        prepare_folder(Path(folder))
        server = Server(folder)
        for name in how.browsers.split(","):
            if not {"Chromium": find_chromium, "Firefox": find_firefox}[name]():
                raise SystemExit(f"{name} is not installed; scripts/deps.sh ci installs it")
            browser = BROWSERS[name][1](webgpu=True)
            try:
                browser.open(f"{server.url}/pages/losses.html")
                versions.append(f"{name} {version_of(browser)}")
                for model in MODELS:
                    ask(browser, "begin", model)
                    for kind in KINDS:
                        told = fail(browser, model, kind, each)
                        add(whole, told)
                        sentences |= {f"{end}: {text}" for end, text in told["sentence"].items()}
                        ends = ", ".join(f"{end} {count}" for end, count in sorted(told["ends"].items()))
                        rows.append((name, model.removeprefix("zoo:"), KINDS[kind], each, ends, told["right"], told["wrong"], told["recovered"]))
            finally:
                browser.stop()
        server.stop()
    page.text(f"The npm package with platform \"webgpu\" in {', '.join(versions)}, on their software adapters: a model is loaded and run six times on a device that is destroyed",
              "at a random moment of that, or that refuses one of its allocations (each time another one by chance). End \"none\": the device was lost when all runs were done. After each such",
              "start the same model is loaded and run without a fault, in the same page.")
    page.table(["browser", "model", "fault", ">faults", "ends", ">right outputs", ">wrong outputs", ">right afterwards"], rows)
    page.text("Sentences, the first of each kind:", "", *(f"- {text}" for text in sorted(sentences)))
    faults = sum(row[3] for row in rows)
    strange = {end: count for end, count in whole["ends"].items() if end not in SENTENCES | {"none"}}
    page.bar(f"{how.faults:,} losses and failed allocations in each browser: none ends in a wrong output", f"{whole['wrong']} wrong of {whole['right'] + whole['wrong']:,} outputs",
             whole["wrong"] == 0 and how.faults >= 1000, timed=False)
    page.bar("each ends in outputs or in a sentence", f"{faults - sum(strange.values()):,} of {faults:,}", not strange, timed=False)
    page.bar("the next start is right", f"{whole['recovered']:,} of {faults:,}", whole["recovered"] == faults, timed=False)
    page.write()


if __name__ == "__main__":
    main()

"""The measuring and the page of web.sh:   measure.py [--quick | --rounds N] [--platform wasm|webgpu|webnn] [--browsers a,b] ACCEL WORK_FOLDER

Both engines live in one page of one browser at the same time and are measured in blocks that take turns in random order."""

import argparse
import gzip
import json
import os
import random
import signal
import statistics
import sys
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(ROOT / "tests/web")]
from bars import Page, geometric_mean, ratio_of_pairs, say  # noqa: E402
from browser import Chromium, Server, find_chromium  # noqa: E402
from firefox import Firefox, find_firefox  # noqa: E402
from models import FORMS, MODELS, START_MODEL, describe_inputs, write_model  # noqa: E402

WEBNN_CHROMIUM = ROOT / ".deps/webnn-chromium/chromium"


def start_chromium(webgpu):
    return Chromium(*(("--enable-unsafe-webgpu", "--disable-dev-shm-usage") if webgpu else ()))


BROWSERS = {"Chromium": (find_chromium, start_chromium), "Firefox": (find_firefox, Firefox)}
BLOCK_MS, WARM_UP_MS, REST_S = 300, 1500, 0.06  # the rest: threads of the other engine fall asleep meanwhile
SIZE_BAR = 500_000


class Platform:
    """One of the platforms that both engines have, and the bars of it."""

    def __init__(self, title, provider, threads, browsers, bar, start_bar):
        self.title, self.provider, self.threads, self.browsers, self.bar, self.start_bar = title, provider, threads, browsers, bar, start_bar


PLATFORMS = {
    "wasm": Platform("WebAssembly", "wasm provider, all graph optimisations, no proxy", (1, 2), "Chromium,Firefox", 1.5, 5.0),
    "webgpu": Platform("WebGPU", "WebGPU provider, all graph optimisations", (1,), "Chromium", 2.0, 3.0),
    "webnn": Platform("WebNN", "WebNN provider, device type cpu, all graph optimisations", (1,), "Chromium", 0.95, None),
}


def version_of(browser):
    return browser.version if isinstance(browser, Firefox) else browser.send("Browser.getVersion")["product"].partition("/")[2]


# ---- speed


class Case:
    """What one model, browser and number of threads gave: {engine: [milliseconds of a block's median]}."""

    def __init__(self, model, browser, threads, blocks, differences):
        self.model, self.browser, self.threads, self.blocks = model, browser, threads, blocks
        self.peer = min((name for name in blocks if name != "accel"), key=lambda name: statistics.median(blocks[name]))
        self.difference, self.peer_difference = differences["accel"], differences[self.peer]
        self.ratio, self.low, self.high = ratio_of_pairs(list(zip(blocks[self.peer], blocks["accel"])))


def call(browser, function, *arguments, module="compare"):
    given = ", ".join(json.dumps(argument) for argument in arguments)
    return browser.evaluate(f'import("/pages/{module}.js").then((page) => page.{function}({given}))', 600)


def measure_case(how, browser, name, files, threads):
    urls = {"accel": files["fused"][0], **{form: url for form, (url, _) in files.items()}}
    told = call(browser, "open", urls, files["fused"][1], threads, how.platform)
    if how.platform == "webgpu":
        how.adapters.add(f"Adapter in {how.browser}: {told['accel'].partition(', ')[2]}.")
    for engine in told:
        call(browser, "block", engine, WARM_UP_MS / (10 if how.quick else 1))
    blocks = {engine: [] for engine in told}
    for _ in range(how.rounds):
        for engine in random.sample(list(told), len(told)):
            time.sleep(REST_S)
            blocks[engine].append(statistics.median(call(browser, "block", engine, BLOCK_MS)))
    differences = {engine: call(browser, "difference", engine, *files["fused"]) for engine in told}
    call(browser, "close")
    case = Case(name, how.browser, threads, blocks, differences)
    say(f"{how.browser}: {name}, {threads} threads ({told['accel']}): {case.ratio:.2f} ({case.low:.2f} to {case.high:.2f})")
    return case


def speed_table(page, cases):
    page.text("## Speed", "", "Medians of the blocks' medians, ms; the ratio is the peer's time over accel's, with the 95 % interval of Student's t over the",
              "logarithms of pairs of blocks. The peer was given each model in two forms; the time that counts is that of the form it ran faster. Errors are relative",
              "L2 distances to what accel computes on WebAssembly.")
    rows = []
    for c in cases:
        plain, fused = (statistics.median(c.blocks[form]) for form in ("plain", "fused"))
        rows.append((c.browser, c.model, c.threads, f"{statistics.median(c.blocks['accel']):.1f}", f"{plain:.1f}", f"{fused:.1f}",
                     f"**{c.ratio:.2f}**", f"{c.low:.2f} to {c.high:.2f}", f"{c.difference:.1e}", f"{c.peer_difference:.1e}"))
    page.table(["browser", "model", ">threads", ">accel", ">peer, plain file", ">peer, fused file", ">ratio", ">95 %", ">error", ">peer's error"], rows)


# ---- from opening the page to the first inference, and what it downloads


def start_ms(browser, url, page, case, number):
    """In a process of its own: V8 keeps what it compiled in the process, and the peer's next page would find its 14 MB there."""
    browser.renew()
    given = urllib.parse.quote(json.dumps(case))
    browser.open(f"{url}/pages/{page}.html?{number}#{given}")
    first_ms = browser.evaluate("new Promise((done) => { const poll = () => window.first_ms ? done(window.first_ms) : setTimeout(poll, 2); poll(); })")
    # What blocked the page last is told a little later.
    return first_ms, browser.evaluate("new Promise((done) => setTimeout(() => done(window.longest_ms), 200))")


def measure_start(how, browser, server, file, threads):
    """({engine: [ms]}, {engine: {path: bytes by gzip -9}}, {engine: [ms of the page's longest task]}): pages in turn, nothing cached."""
    model, inputs = file
    case, times, sizes, blocked = {"model": model, "inputs": inputs, "threads": threads, "platform": how.platform}, {}, {}, {}
    for number in range(how.starts):
        for engine in random.sample(["accel", "peer"], 2):
            server.handler.log.clear()
            first_ms, longest_ms = start_ms(browser, server.url, f"start_{engine}", case, f"{threads}.{number}")
            times.setdefault(engine, []).append(first_ms)
            blocked.setdefault(engine, []).append(longest_ms)
            asked = {path.partition("?")[0] for path, _ in server.handler.log}
            sizes[engine] = {path: len(gzip.compress((Path(how.work) / path[1:]).read_bytes(), 9))
                             for path in asked if path.startswith(f"/{engine}/")}
    return times, sizes, blocked


def longest(blocked):
    """In words: browsers tell of what takes more than 50 ms."""
    return "–" if None in blocked else f"{max(blocked):.0f}" if max(blocked) > 0 else "none above 50"


def start_table(page, starts):
    page.text("## From opening the page to the first inference", "", "A model of 7 MB (4 layers of 192, 64 tokens) from a server on the same machine, which answers at once: from the start of the",
              "navigation to the end of the first run, pages of both in turn. Nothing is cached: each page has a browser context, and so a process, of its own",
              "(in one process V8 would find the modules of earlier pages compiled). The peer runs in the page itself, without a worker. Blocked: the longest",
              "task of the page's own thread in all pages, where the browser tells.")
    rows = []
    for (browser, threads), (times, _, blocked) in starts.items():
        ours, theirs = (statistics.median(times[engine]) for engine in ("accel", "peer"))
        ratio, low, high = ratio_of_pairs(list(zip(times["peer"], times["accel"])))
        rows.append((browser, threads, len(times["accel"]), f"{ours:.0f}", f"{theirs:.0f}", f"**{ratio:.1f}**", f"{low:.1f} to {high:.1f}", longest(blocked["accel"]), longest(blocked["peer"])))
    page.table(["browser", ">threads", ">pages of each", ">accel, ms", ">peer, ms", ">ratio", ">95 %", ">accel, blocked, ms", ">peer, blocked, ms"], rows)


def start_bars(page, platform, starts):
    least = min(statistics.median(times["peer"]) / statistics.median(times["accel"]) for times, _, _ in starts.values())
    page.bar(f"opening the page to the first inference at least {platform.start_bar:.0f} times faster", f"{least:.1f}, the least of {len(starts)}", least >= platform.start_bar)
    told = [ms for _, _, blocked in starts.values() for ms in blocked["accel"] if ms is not None]
    if told:
        page.bar("the page never blocked for more than 50 ms while it starts", longest(told) + " ms" * (max(told) > 0), max(told) == 0)


def size_table(page, starts, threads):
    sizes = next(sizes for (_, used), (_, sizes, _) in starts.items() if used == threads)
    page.text("## Download", "", "Files that such a page loads beside the model and the page itself, each by gzip -9.")
    page.table(["engine", "files", ">bytes, gzip"], [
        (name, ", ".join(sorted(Path(path).name for path in files)), f"{sum(files.values()):,}") for name, files in sizes.items()])
    return sum(sizes["accel"].values())


# ---- the whole


def prepare_folder(how):
    work = Path(how.work)
    for name, folder in {"pages": HERE, "accel": ROOT / "build/web/package", "peer": ROOT / ".deps/onnxruntime-web"}.items():
        (work / name).symlink_to(folder)
    files = {}
    for number, (name, model) in enumerate(how.models.items()):
        for form in FORMS:
            path = write_model(how.accel, model, form, work / f"{number}-{form}")
            files.setdefault(name, {})[form] = (f"/{path.relative_to(work)}", describe_inputs(path))
    path = write_model(how.accel, START_MODEL, "plain", work / "start")
    return files, (f"/{path.relative_to(work)}", describe_inputs(path))


def measure_browser(how, server, files, start_file, cases, starts):
    browser = BROWSERS[how.browser][1](webgpu=how.platform == "webgpu")
    try:
        browser.open(f"{server.url}/pages/compare.html")
        version = version_of(browser)
        for name in files:
            cases += [measure_case(how, browser, name, files[name], threads) for threads in PLATFORMS[how.platform].threads]
        for threads in PLATFORMS[how.platform].threads:
            starts[how.browser, threads] = measure_start(how, browser, server, start_file, threads)
        return f"{how.browser} {version}"
    finally:
        browser.stop()


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few blocks: a trial")
    parser.add_argument("--rounds", type=int, default=15, help="blocks of each engine")
    parser.add_argument("--platform", default="wasm", choices=PLATFORMS)
    parser.add_argument("--browsers", default="", help="which, by commas")
    parser.add_argument("--models", default="", help="beginnings of the models' names, by commas; none: only the start of a page")
    parser.add_argument("accel")
    parser.add_argument("work")
    how = parser.parse_args()
    how.browsers = how.browsers or PLATFORMS[how.platform].browsers
    how.adapters = set()
    if how.platform == "webnn":
        os.environ["ACCEL_CHROMIUM"] = str(WEBNN_CHROMIUM)  # Debian's has no WebNN
    how.rounds, how.starts = (3, 2) if how.quick else (how.rounds, 10)
    wanted = tuple(how.models.split(","))
    how.models = {name: model for name, model in MODELS.items() if name.startswith(wanted)}
    return how


def main():
    how = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the browser is ended with it
    platform = PLATFORMS[how.platform]
    name, subject = (f"web-{how.platform}", "In browsers") if how.models else (f"web-{how.platform}-start", "The start of a page")
    page = Page(name, f"{subject}: {platform.title} against ONNX Runtime Web", how.accel, "" if how.rounds >= 15 else f"{how.rounds} blocks of each")
    files, start_file = prepare_folder(how)
    server, cases, starts, versions = Server(how.work), [], {}, []
    for name in how.browsers.split(","):
        if not BROWSERS[name][0]():
            raise SystemExit(f"{name} is not installed; scripts/deps.sh ci installs it")
        how.browser = name
        versions.append(measure_browser(how, server, files, start_file, cases, starts))
    server.stop()
    page.text(f"accel's npm package and ONNX Runtime Web 1.30.0 ({platform.provider}), each in a worker of one page, on the same",
              "inputs, which were bound before, " + ("with the browser's own threads." if how.platform == "webnn" else "with the same number of threads."), "", f"Browsers: {', '.join(versions)}, headless.")
    page.text(*sorted(how.adapters))
    if cases:
        speed_table(page, cases)
        ratio = geometric_mean([case.ratio for case in cases])
        page.bar(f"{len(cases)} cases: geometric mean of the ratios at least {platform.bar:g}", f"{ratio:.2f}", ratio >= platform.bar)
    start_table(page, starts)
    downloaded = size_table(page, starts, max(platform.threads))
    if platform.start_bar:
        start_bars(page, platform, starts)
    page.bar(f"engine and scripts at most {SIZE_BAR:,} bytes gzip", f"{downloaded:,}", downloaded <= SIZE_BAR, timed=False)
    page.write()


if __name__ == "__main__":
    main()

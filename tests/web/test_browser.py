#!/usr/bin/env python3
"""The package and the example page in Chromium: variants, threads, downloads of all kinds, the cache, cancelling, what a page is told when it fails.

Needs Chromium and what `make web` builds.
ctest: timeout 600
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import browser  # noqa: E402

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
WEB = SOURCE / "build" / "web"
MINILM = SOURCE / ".deps" / "minilm"
PAGE = """<!doctype html><title>test</title><link rel="icon" href="data:,">
<script type="module">
import * as accel from "/web/package/index.js";
window.accel = accel;
window.tensor = (values) => ({ type: "float32", dims: [values.length], data: Float32Array.from(values) });
window.refused = (promise) => promise.then(() => "nothing was refused", (e) => `${e.status ?? e.name}: ${e.message}`);
window.once = async (source, options) => {
  const model = await accel.load(source, options);
  const { y } = await model.run({ x: tensor([1, 2, 3, 4]) });
  const { figures, variant, threads } = model;
  await model.dispose();
  return { y: [...y.data], figures, variant, threads };
};
</script>"""


def write_models(folder):
    """y = x + w, with w inside; with w in a file of a folder beside it; and with a w of 3 MB, and of 40 MB, that only its first elements are used of."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def model(w, nodes):
        graph = helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.array([0], "i8"), "zero"), numpy_helper.from_array(np.array([4], "i8"), "four")])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)

    add = [helper.make_node("Add", ["x", "w"], ["y"])]
    onnx.save(model(np.float32([10, 20, 30, 40]), add), folder / "add.onnx")
    (folder / "weights").mkdir()
    outside = model(np.float32([10, 20, 30, 40]), add)
    onnx.external_data_helper.convert_model_to_external_data(outside, location="weights/w 1.bin", size_threshold=0)
    onnx.save(outside, folder / "outside.onnx")
    cut = [helper.make_node("Slice", ["w", "zero", "four"], ["v"]), helper.make_node("Add", ["x", "v"], ["y"])]
    for name, count in {"large": 750_000, "larger": 10_000_000}.items():
        w = np.zeros(count, "f4")
        w[:4] = [10, 20, 30, 40]
        onnx.save(model(w, cut), folder / f"{name}.onnx")


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="accel-web-"))
        (cls.folder / "index.html").write_text(PAGE)
        (cls.folder / "web").symlink_to(WEB)
        write_models(cls.folder)
        cls.chromium = browser.Chromium()

    @classmethod
    def tearDownClass(cls):
        cls.chromium.stop()
        shutil.rmtree(cls.folder)

    def open(self, path="/index.html", **settings):
        self.server = browser.Server(self.folder, **settings)
        self.addCleanup(self.server.stop)
        self.chromium.open(self.server.url + path)

    def evaluate(self, expression):
        return self.chromium.evaluate(f"(async () => {{ {expression} }})()")

    def test_every_variant_gives_the_outputs(self):
        self.open()
        told = self.evaluate("return accel.capabilities()")
        self.assertTrue(told["simd"] and told["threads"] and told["isolated"])
        self.assertEqual(told["platforms"][0], {"name": "wasm", "available": True, "reason": None, "devices": ["cpu"]})
        for variant in ("baseline", "relaxed", "baseline-threads", "relaxed-threads"):
            threads = 3 if "threads" in variant else 1
            got = self.evaluate(f"return once('add.onnx', {{variant: '{variant}', threads: {threads}}})")
            self.assertEqual((got["y"], got["variant"], got["threads"]), ([11, 22, 33, 44], variant, threads))
            self.assertTrue(all(got["figures"][key] is not None for key in ("download_ms", "engine_ms", "load_ms", "compile_ms", "first_ms")))

    def test_threads_give_what_one_gives(self):
        self.open()
        script = """const all = [];
            for (const options of [{threads: 1, variant: 'baseline'}, {threads: 2, variant: 'baseline-threads'}, {threads: 5, variant: 'baseline-threads'}, {}]) {
              const model = await accel.load('zoo:bert-tiny', options);
              for (const sequence of [1, 7, 64]) { await model.seed({sequence}); all.push(Object.values(await model.run()).map(({data}) => [...data])); }
              await model.dispose();
            }
            const far = (a, b) => Math.sqrt(a.reduce((s, x, i) => s + (x - b[i]) ** 2, 0) / b.reduce((s, x) => s + x * x, 0));
            return all.map((outputs, i) => Math.max(...outputs.map((data, k) => far(data, all[i % 3][k]))));"""
        self.assertEqual([d < 1e-5 for d in self.evaluate(script)], [True] * 12)

    def test_a_page_that_is_not_isolated_has_one_thread(self):
        self.open(isolated=False)
        self.assertEqual(self.evaluate("return [(await once('add.onnx')).threads, (await accel.capabilities()).threads]"), [1, False])
        self.assertRegex(self.evaluate("return refused(accel.load('add.onnx', {threads: 2}))"), "^absent: threads need a cross-origin isolated page: .*Opener-Policy")

    def test_sources_of_all_kinds(self):
        self.open()
        for source in ("new URL('add.onnx', location)", "await (await fetch('add.onnx')).arrayBuffer()", "new Uint8Array(await (await fetch('add.onnx')).arrayBuffer())",
                       "'outside.onnx'", "{model: 'outside.onnx', data: {'weights/w 1.bin': 'weights/w%201.bin'}}",
                       "{model: await (await fetch('outside.onnx')).arrayBuffer(), data: {'weights/w 1.bin': await (await fetch('weights/w%201.bin')).arrayBuffer()}}"):
            self.assertEqual(self.evaluate(f"return (await once({source})).y"), [11, 22, 33, 44], source)
        self.assertRegex(self.evaluate("return refused(accel.load(await (await fetch('outside.onnx')).arrayBuffer()))"), "^not_found: .*w 1.bin")
        self.assertRegex(self.evaluate("return refused(accel.load('nothing.onnx'))"), "^not_found: .*nothing.onnx cannot be loaded: the server answers 404")
        self.assertRegex(self.evaluate("return refused(accel.load('web/package/README.md'))"), "^bad_file: model.onnx: ")
        self.assertRegex(self.evaluate("return refused(accel.load('index.html'))"), "^not_found: .*index.html cannot be loaded: the server answers with a page")
        self.assertRegex(self.evaluate("return refused(accel.load(7))"), "^invalid_argument: ")

    def test_a_connection_that_breaks_is_gone_on_with(self):
        self.open(break_after=1_000_000)
        self.assertEqual(self.evaluate("return (await once('large.onnx')).y"), [11, 22, 33, 44])
        asked = [line[1] for line in self.server.handler.log if "large" in line[0]]
        self.assertEqual((asked[0], len(asked)), (None, 2))
        if asked[1] is not None:  # a page that had read nothing yet begins anew
            self.assertRegex(asked[1], r"^bytes=\d+-$")

    def test_and_from_the_start_where_the_server_knows_no_ranges(self):
        self.open(break_after=1_000_000, no_ranges=True)
        self.assertEqual(self.evaluate("return (await once('large.onnx')).y"), [11, 22, 33, 44])
        self.assertEqual([line[1] for line in self.server.handler.log if "large" in line[0]], [None, None])

    def test_the_page_hands_over_the_beginning_of_a_large_model(self):
        self.open()
        told = self.evaluate("return once('larger.onnx')")
        self.assertEqual((told["y"], told["figures"]["downloaded_bytes"]), ([11, 22, 33, 44], (self.folder / "larger.onnx").stat().st_size))
        asked = [line[1] for line in self.server.handler.log if "larger" in line[0]]
        self.assertEqual((asked[0], len(asked)), (None, 2))
        self.assertGreaterEqual(int(asked[1].removeprefix("bytes=").removesuffix("-")), 2**25)

    def test_a_large_model_of_a_server_without_ranges_is_the_workers(self):
        self.open(no_ranges=True)
        self.assertEqual(self.evaluate("return (await once('larger.onnx')).y"), [11, 22, 33, 44])
        self.assertEqual([line[1] for line in self.server.handler.log if "larger" in line[0]], [None, None])

    def test_the_cache_holds_what_has_the_hash(self):
        self.open()
        content = (self.folder / "large.onnx").read_bytes()
        options = json.dumps({"sha256": {"large.onnx": hashlib.sha256(content).hexdigest()}})
        count = lambda: sum("large" in line[0] for line in self.server.handler.log)  # noqa: E731
        first = self.evaluate(f"return once('large.onnx', {options})")
        self.assertEqual((first["figures"]["downloaded_bytes"], first["figures"]["cached_bytes"], count()), (len(content), 0, 1))
        second = self.evaluate(f"return once('large.onnx', {options})")
        self.assertEqual((second["y"], second["figures"]["downloaded_bytes"], second["figures"]["cached_bytes"], count()), ([11, 22, 33, 44], 0, len(content), 1))
        self.evaluate("""const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('accel-models');
            for await (const [, handle] of folder) { const w = await handle.createWritable({keepExistingData: true}); await w.write({type: 'write', position: 99, data: 'bent'}); await w.close(); }""")
        third = self.evaluate(f"return once('large.onnx', {options})")
        self.assertEqual((third["y"], third["figures"]["downloaded_bytes"], count()), ([11, 22, 33, 44], len(content), 2))
        self.assertRegex(self.evaluate("return refused(once('add.onnx', {sha256: {'add.onnx': '0'.repeat(64)}}))"), "^bad_file: .*add.onnx: its content is not the one")
        self.assertRegex(self.evaluate("return refused(once('add.onnx', {sha256: {'add.onnx': 'abc'}}))"), "^invalid_argument: the SHA-256")

    def test_progress_is_told_and_loading_can_be_cancelled(self):
        self.open()
        seen = self.evaluate("const seen = []; await once('large.onnx', {progress: (p) => seen.push(p)}); return seen")
        size = (self.folder / "large.onnx").stat().st_size
        self.assertIn({"phase": "download", "loaded": size, "total": size}, seen)
        self.assertEqual(seen[-1]["phase"], "compile")
        self.assertRegex(self.evaluate("return refused(accel.load('large.onnx', {signal: AbortSignal.abort()}))"), "^20: |AbortError")
        script = """const c = new AbortController();
            return refused(accel.load('zoo:gpt2', {dims: {batch: 1, sequence: 8}, signal: c.signal, progress: (p) => p.phase === 'compile' && c.abort()}))"""
        self.assertRegex(self.evaluate(script), "^20: |AbortError")

    def test_errors_are_sentences_and_the_model_goes_on(self):
        self.open()
        script = """const m = await accel.load('add.onnx'), said = [];
            said.push(await refused(m.run({y: tensor([1])})), await refused(m.run({x: {type: 'float32', dims: [2], data: new Float32Array(3)}})));
            said.push(await refused(m.run({x: tensor([1, 2])})));
            said.push([...(await m.run({x: tensor([1, 1, 1, 1])})).y.data]);
            await m.dispose();
            said.push(await refused(m.run({x: tensor([1, 1, 1, 1])})));
            return said;"""
        said = self.evaluate(script)
        self.assertRegex(said[0], "^invalid_argument: the model")
        self.assertRegex(said[1], "^invalid_argument: input 'x' of float32 .2. takes a Float32Array of 2 elements, not 3")
        self.assertRegex(said[2], "^(bad_graph|invalid_argument): ")
        self.assertEqual(said[3], [11, 21, 31, 41])
        self.assertRegex(said[4], "disposed of")

    def test_models_are_apart(self):
        self.open()
        script = """const [a, b] = await Promise.all([accel.load('add.onnx'), accel.load('large.onnx')]);
            const first = await a.run({x: tensor([0, 0, 0, 0])});
            await a.dispose();
            const second = await b.run({x: tensor([1, 0, 0, 0])});
            const memory = await b.memory();
            await b.dispose();
            return [[...first.y.data], [...second.y.data], memory.wasm_bytes > 0];"""
        self.assertEqual(self.evaluate(script), [[10, 20, 30, 40], [11, 20, 30, 40], True])

    def test_samples_are_timed_in_the_worker(self):
        self.open()
        script = """const m = await accel.load('add.onnx'); await m.bind({x: tensor([1, 2, 3, 4])});
            const s = await m.sample({lead_in_ms: 20, duration_ms: 50, least: 5, most: 1000}); await m.dispose(); return s;"""
        s = self.evaluate(script)
        self.assertTrue(5 <= len(s["samples_ms"]) <= 1000 and s["runs_per_sample"] >= 1 and s["lead_in_runs"] > 0)

    def test_a_model_of_another_origins_package(self):
        other = browser.Server(self.folder, cors=True)
        self.addCleanup(other.stop)
        self.open()
        script = f"""const far = await import('{other.url}/web/package/index.js');
            const m = await far.load('add.onnx', {{threads: 2}});
            const out = [...(await m.run({{x: tensor([1, 2, 3, 4])}})).y.data];
            await m.dispose();
            return [out, m.threads];"""
        self.assertEqual(self.evaluate(script), [[11, 22, 33, 44], 2])

    def test_the_example_finds_the_nearest_sentence(self):
        if not MINILM.exists():
            self.skipTest("all-MiniLM-L6-v2 is not here: run make deps")
        if not (self.folder / "minilm").exists():
            (self.folder / "minilm").symlink_to(MINILM)
        self.open("/web/example/index.html?model=/minilm/")
        self.chromium.evaluate("""new Promise((done) => { const look = () => document.querySelector('#results li') || document.querySelector('#loading.failed') ? done() : setTimeout(look, 50); look(); })""")
        self.assertEqual(self.chromium.evaluate("document.querySelector('#phase').textContent.startsWith('There is')"), False)
        found = self.chromium.evaluate("[...document.querySelectorAll('#results li')].map((li) => [...li.children].map((s) => s.textContent))")
        self.assertEqual([text for text, _ in found[:2]], ["The cat sleeps on the sofa.", "My kitten naps on a cushion."])
        self.assertEqual([len(found), found[0][1] > "0.5", float(found[-1][1]) < 0.2], [6, True, True])
        golden = json.loads((SOURCE / "tests" / "golden" / "minilm.json").read_text())
        script = f"""const {{Embedder}} = await import('./embed.js');
            const e = await Embedder.load(new URL('/minilm/', location)), got = await e.embed({json.dumps(golden["sentences"])});
            await e.model.dispose();
            return got.map((x) => [...x]).flat();"""
        got = self.evaluate(script)
        far = sum((a - b) ** 2 for a, b in zip(got, golden["sentence_embedding"], strict=True)) ** 0.5
        self.assertLess(far, 1e-5)
        if os.environ.get("ACCEL_SCREENSHOTS"):
            self.screenshots(os.environ["ACCEL_SCREENSHOTS"])

    def screenshots(self, folder):
        for name, width, height, dark in (("light", 900, 860, False), ("dark", 900, 860, True), ("phone", 390, 844, False)):
            self.chromium.size(width, height, dark)
            self.chromium.screenshot(f"{folder}/web-example-{name}.png")


if __name__ == "__main__":
    if not browser.find_chromium():
        print("skipped: Chromium is missing: apt-get install chromium")
        sys.exit(77)
    if not (WEB / "package" / "accel-baseline.wasm").exists():
        print("skipped: the package is not built: make web")
        sys.exit(77)
    unittest.main()

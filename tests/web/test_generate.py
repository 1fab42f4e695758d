#!/usr/bin/env python3
"""Text that the package writes in Chromium, on wasm and webgpu: the tokens of the transformers package for every golden folder that writes, and those of
`accel run` with the same seed; what stays where; how a text ends early; what a page is told when it asks for what cannot be. Needs Chromium and what
`make web` builds. (Firefox: tests/e2e/test_web_text.py.)
ctest: timeout 600
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import numpy as np
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)
from browser import Chromium, Server, find_chromium

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
WEB = SOURCE / "build" / "web"
ZOO = SOURCE / "tests" / "golden" / "zoo"
PLATFORMS = ("wasm", "webgpu")
ON_GPU = ("gpt2-sharded", "llama-1kv", "llama-bf16", "qwen3", "opt", "t5", "whisper", "llava", "qwen2-vl")  # a few seconds each, for shaders
ARRAYS = {"int64": "BigInt64Array", "float32": "Float32Array"}
HELPERS = """
  const { load } = await import("/web/package/index.js");
  const tensor = ({ type, dims, data }) => ({ type, dims, data: type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data) });
  const ids = (...rows) => tensor({ type: "int64", dims: [rows.length, rows[0].length], data: rows.flat() });
  /** One list a row, as accel run writes them. */
  const all = async (text) => {
    const columns = [];
    for await (const tokens of text) columns.push(tokens);
    return columns[0].map((_, row) => columns.map((tokens) => tokens[row]));
  };
  const refused = (work) => work.then(() => "nothing was refused", (error) => `${error.status ?? error.name}: ${error.message}`);
"""
# The engine without its worker, so that the page sees what its GPU is asked for.
ENGINE = """
  const { Engine } = await import("/parts/engine.js"), { GpuDevice } = await import("/parts/webgpu_device.js");
  const { startShaders, WebgpuModel } = await import("/parts/webgpu.js");
  const open = async (name) => {
    const engine = await Engine.start(await WebAssembly.compileStreaming(fetch("/web/package/accel-webgpu.wasm")));
    engine.do("page_open", name, 1, "fp32", 0);
    const gpu = await GpuDevice.open();
    return { gpu, model: new WebgpuModel(engine, gpu, { shaders: await startShaders(gpu, { options: {} }) }) };
  };
"""
PROMPT = "{ input_ids: ids([1, 2, 3, 4, 5], [9, 8, 7, 6, 5]) }"


def described(path):
    array = np.load(path)
    return {"type": array.dtype.name, "dims": list(array.shape), "data": array.ravel().tolist()}


class Text(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="accel-text-"))
        (cls.folder / "index.html").write_text("<!doctype html><title>text</title>")
        (cls.folder / "web").symlink_to(WEB)
        (cls.folder / "zoo").symlink_to(ZOO)
        (cls.folder / "parts").symlink_to(SOURCE / "web" / "package")  # which are one file in the package
        cls.server = Server(cls.folder)
        cls.browser = Chromium("--enable-unsafe-webgpu", "--disable-dev-shm-usage")
        cls.browser.open(f"{cls.server.url}/index.html")

    @classmethod
    def tearDownClass(cls):
        cls.browser.stop()
        cls.server.stop()
        shutil.rmtree(cls.folder)

    def page(self, body):
        return self.browser.evaluate(f"(async () => {{ {HELPERS} {body} }})()", timeout_s=300)

    def native(self, name, *options):
        with tempfile.TemporaryDirectory() as out:
            subprocess.run([os.environ["ACCEL_BIN"], "run", name, *map(str, options), "--output-dir", out], check=True, capture_output=True)
            return np.load(f"{out}/generated_ids.npy").tolist()

    def test_tokens_are_those_of_transformers(self):
        cases = [c for c in json.loads((ZOO / "cases.json").read_text()) if c["generates"]]
        few = [c for c in cases if c["case"] == "case0" and c["folder"] in ON_GPU]
        self.assertEqual(len(few), len(ON_GPU))
        for platform, in_place, lines in (("wasm", False, cases), ("wasm", True, few), ("webgpu", False, few)):
            for line in lines:
                with self.subTest(platform=platform, in_place=in_place, folder=line["folder"], case=line["case"]):
                    feeds = {name: described(ZOO / line["data"] / "inputs" / f"{name}.npy") for name in line["inputs"]}
                    got = self.page(f"""
                      const feeds = Object.fromEntries(Object.entries({json.dumps(feeds)}).map(([name, given]) => [name, tensor(given)]));
                      const model = await load("/zoo/{line['folder']}/config.json", {{ platform: "{platform}", threads: 1, packInPlace: {json.dumps(in_place)} }});
                      const got = [await all(model.generate(feeds, {{ maxNewTokens: {line['generates']} }}))];
                      if ({json.dumps(in_place)}) got.push(await all(model.generate(feeds, {{ maxNewTokens: {line['generates']} }})));
                      await model.dispose();
                      return got;""")
                    expected = np.load(ZOO / line["data"] / "outputs" / "generated_ids.npy").tolist()
                    self.assertEqual(got, [expected] * (2 if in_place else 1)) # the second text finds the weights packed

    def test_drawn_tokens_are_those_of_accel_run_with_the_same_seed(self):
        ways = (
            ({"temperature": 1, "topK": 10}, ["--temperature", 1, "--top-k", 10]),
            ({"temperature": 2, "topK": 200, "topP": 0.9, "eosTokenId": 5}, ["--temperature", 2, "--top-k", 200, "--top-p", 0.9, "--stop-token", 5]),
            ({"temperature": 1.5}, ["--temperature", 1.5]),  # by the logits
        )
        for name in ("qwen2-tiny", "t5-tiny", "whisper-tiny-random"):
            want = [self.native(name, "--batch", 2, "--seq", 7, "--seed", 5, "--max-new-tokens", 12, *options) for _, options in ways]
            asked = [{**how, "maxNewTokens": 12, "seed": 5, "seeded": {"batch": 2, "sequence": 7, "seed": 5}} for how, _ in ways]
            for platform in PLATFORMS:
                got = self.page(f"""
                  const model = await load("zoo:{name}", {{ platform: "{platform}", seed: 5 }}), got = [];
                  for (const how of {json.dumps(asked)}) got.push(await all(model.generate({{}}, how)));
                  await model.dispose();
                  return got;""")
                self.assertEqual([[(row + row[-1:] * 12)[:12] for row in text] for text in got], want, (platform, name))

    def test_a_text_ends_where_it_is_left_and_the_model_goes_on(self):
        for platform in PLATFORMS:
            with self.subTest(platform=platform):
                first, left, aborted, after, ended, times, stopped, run = self.page(f"""
                  const model = await load("zoo:qwen2-tiny", {{ platform: "{platform}" }}), feeds = {PROMPT};
                  const first = await all(model.generate(feeds, {{ maxNewTokens: 9 }}));
                  const left = [];
                  for await (const tokens of model.generate(feeds, {{ maxNewTokens: 9 }})) if (left.push(tokens) === 3) break;
                  const stop = new AbortController(), seen = [];
                  const aborted = [await refused((async () => {{
                    for await (const tokens of model.generate(feeds, {{ maxNewTokens: 9, signal: stop.signal }})) if (seen.push(tokens) === 2) stop.abort();
                  }})()), seen.length, await refused(model.generate(feeds, {{ maxNewTokens: 9, signal: AbortSignal.abort() }}).next())];
                  const after = await all(model.generate(feeds, {{ maxNewTokens: 9 }}));
                  const one = model.generate(feeds, {{ maxNewTokens: 9 }}), other = model.generate(feeds, {{ maxNewTokens: 9 }});
                  await one.next();
                  await other.next();
                  const ended = await refused(one.next());
                  let last;
                  while (!(last = await other.next()).done);
                  const met = first[0][2], stopped = await all(model.generate({{ input_ids: ids([1, 2, 3, 4, 5]) }}, {{ maxNewTokens: 9, eosTokenId: met }}));
                  const run = await model.run(feeds);
                  await model.dispose();
                  return [first, left, aborted, after, ended, last.value.tokens_ms, [stopped[0], met], Object.values(run)[0].dims];""")
                self.assertEqual([len(row) for row in first], [9, 9])
                self.assertEqual(left, [[row[i] for row in first] for i in range(3)])
                self.assertRegex(aborted[0], "^(20|AbortError): ")
                self.assertEqual(aborted[1], 2)
                self.assertRegex(aborted[2], "^(20|AbortError): ")
                self.assertEqual(after, first)
                self.assertEqual(ended, "invalid_argument: this text is not written any further: another one was begun on the same model")
                self.assertEqual(len(times), 9)
                self.assertTrue(all(0 <= ms < 60000 for ms in times), times)
                self.assertEqual(stopped[0], first[0][: first[0].index(stopped[1]) + 1])
                self.assertEqual(run[:2], [2, 5])

    def test_what_cannot_be_written_is_said(self):
        wrong = (
            ("{}", "invalid_argument: maxNewTokens must be a whole number from 1 to 1048576"),
            ("{ maxNewTokens: 1.5 }", "invalid_argument: maxNewTokens must be a whole number from 1 to 1048576"),
            ("{ maxNewTokens: 0 }", "invalid_argument: maxNewTokens must be a whole number from 1 to 1048576"),
            ("{ maxNewTokens: 4, temperature: -1 }", "invalid_argument: temperature must be a number from 0 to 1000000"),
            ("{ maxNewTokens: 4, temperature: NaN }", "invalid_argument: temperature must be a number from 0 to 1000000"),
            ("{ maxNewTokens: 4, topP: 2 }", "invalid_argument: topP must be a number from 0 to 1"),
            ("{ maxNewTokens: 4, topK: '3' }", "invalid_argument: topK must be a whole number from 0 to 67108864"),
            ("{ maxNewTokens: 100 }", "invalid_argument: 104 tokens of the prompt and the new ones are more than the 64 positions of qwen2-tiny"),
        )
        for platform in PLATFORMS:
            said = self.page(f"""
              const model = await load("zoo:qwen2-tiny", {{ platform: "{platform}" }}), said = [], feeds = {PROMPT};
              for (const options of [{', '.join(options for options, _ in wrong)}]) said.push(await refused(model.generate(feeds, options).next()));
              said.push(await refused(model.generate({{}}, {{ maxNewTokens: 4 }}).next()));
              said.push(await refused(model.generate({{ ...feeds, pixels: ids([1]) }}, {{ maxNewTokens: 4 }}).next()));
              said.push(await refused(model.generate({{ input_ids: {{ type: "int64", dims: [3], data: [1] }} }}, {{ maxNewTokens: 4 }}).next()));
              said.push((await all(model.generate(feeds, {{ maxNewTokens: 3 }})))[0].length);
              await model.dispose();
              said.push(await refused(model.generate(feeds, {{ maxNewTokens: 4 }}).next()));
              return said;""")
            expected = [sentence for _, sentence in wrong] + [
                "invalid_argument: the model's input 'input_ids' is missing", "invalid_argument: the model has no input 'pixels'",
                "invalid_argument: input 'input_ids' of int64 [3] takes a BigInt64Array of 3 elements, not 1 in a Array", 3,
                "invalid_argument: this model was disposed of: load it again"]
            self.assertEqual(said, expected, platform)

    def test_models_that_write_nothing_say_so(self):
        from onnx import TensorProto, helper

        info = helper.make_tensor_value_info
        graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [info("x", TensorProto.FLOAT, [1])], [info("y", TensorProto.FLOAT, [1])])
        onnx = list(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString())
        for platform in PLATFORMS:
            for source in ("'zoo:bert-tiny'", f"new Uint8Array({onnx})"):
                said = self.page(f"""
                  const model = await load({source}, {{ platform: "{platform}" }});
                  const said = await refused(model.generate({{}}, {{ maxNewTokens: 4 }}).next());
                  await model.dispose();
                  return said;""")
                self.assertRegex(said, "^unsupported: .* does not write text")

    def test_weights_go_to_the_gpu_once(self):
        """For prompts of other lengths, for the decoder, for plain runs."""
        large, first, again, fresh, runs = self.page(ENGINE + """
          const { gpu, model } = await open("t5-efficient-tiny"), prompts = [ids([5, 6, 7, 8]), ids([9, 8, 7, 6, 5, 4, 3])];
          const write = async (model, prompt) => {
            const tokens = [];
            model.generate({ input_ids: prompt }, { maxNewTokens: 3 });
            for (;;) {
              const { tokens: [token], done } = await model.nextTokens();
              tokens.push(token);
              if (!done) continue;
              model.endText();
              return tokens;
            }
          };
          const large = [], own = gpu.device.queue.writeBuffer;
          const count = async (work) => {
            const before = large.length, result = await work();
            return [result, large.slice(before).reduce((sum, bytes) => sum + bytes, 0)];
          };
          gpu.device.queue.writeBuffer = function (...values) {
            if (values[2].byteLength >= 65536) large.push(values[2].byteLength);
            return own.apply(this, values);
          };
          const told = [];
          for (const prompt of prompts) told.push(await count(() => write(model, prompt)));
          const runs = [];
          for (const prompt of prompts) runs.push((await count(async () => {
            await model.bind({ input_ids: prompt, decoder_input_ids: ids([0]) });
            await model.run();
          }))[1]);
          return [large.length, ...told, await write((await open("t5-efficient-tiny")).model, prompts[1]), runs];""")
        parameters = 15570688 * 4
        self.assertGreater(first[1], 0.9 * parameters, large)
        self.assertLess(first[1], 2.2 * parameters)  # a table of words that is a matrix, too, lies there both ways
        self.assertEqual(again[1], 0)
        self.assertEqual(again[0], fresh)
        self.assertEqual(runs[1], 0)
        self.assertLess(runs[0], 0.6 * parameters)

    def test_on_a_gpu_a_token_is_all_that_comes_over(self):
        batch, capacity, rows = 2, 5 + 8 - 1, 2
        for how, bytes_a_row in (("{}", 4), ("{ temperature: 1, topK: 10 }", 4), ("{ temperature: 1 }", 4 * 100)):
            reads, writes, copies = self.page(f"""{ENGINE}
              const {{ gpu, model }} = await open("qwen2-tiny");
              const reads = [], writes = [], copies = [];
              const spy = (where, name, list, size) => {{
                const own = where[name];
                where[name] = function (...values) {{ list.push(size(...values)); return own.apply(this, values); }};
                return () => {{ where[name] = own; }};
              }};
              model.generate({PROMPT}, {{ maxNewTokens: 8, ...{how} }});
              await model.nextTokens();
              await model.nextTokens(); // caches are moved with it
              const undo = [spy(GPUBuffer.prototype, "mapAsync", reads, () => 1), spy(GPUCommandEncoder.prototype, "copyBufferToBuffer", copies, (...values) => values[4]),
                            spy(gpu.device.queue, "writeBuffer", writes, (buffer, at, data) => data.byteLength)];
              while (!(await model.nextTokens()).done);
              for (const one of undo) one();
              model.endText();
              return [reads.length, writes, copies];""")
            self.assertEqual(reads, 6, how)
            timestamps = {16}
            self.assertLessEqual(set(copies) - timestamps, {batch * bytes_a_row}, how)
            self.assertLessEqual(max(writes), batch * capacity * 4 * rows, how)


if __name__ == "__main__":
    if not find_chromium() or not (WEB / "package" / "accel-webgpu.wasm").exists():
        print("skipped: Chromium, or build/web (make web), is missing")
        sys.exit(77)
    unittest.main()

#!/usr/bin/env python3
"""The package with platform "webgpu", as a page uses it, in Chromium on its software adapter: the same outputs as with platform "wasm"; shapes that
change; what goes wrong on a GPU, in words. Needs Chromium and what `make web` builds. (Firefox: tests/e2e/test_web.py.)
ctest: timeout 600
"""

import os
import sys
import unittest

FAILURES = int(os.environ.get("ACCEL_TEST_GPU_FAILURES", "100"))  # forced ones
from browser import Chromium, find_chromium
from package_page import PACKAGE, PackagePage, model_of_det

# A plan of one step that doubles four numbers, made without the engine.
GRAPH = """
  const { GpuDevice, findAdapter } = await import("/webgpu_device.js");
  const { GpuGraph } = await import("/webgpu_graph.js");
  const gpu = await GpuDevice.open();
  const text = `@group(0) @binding(0) var<uniform> p: array<vec4<u32>, 16>;
    @group(0) @binding(1) var<storage, read> a: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = 2.0 * a[i]; }`;
  const plan = {
    buffers: [256, 256], shaders: [{ name: "double", text, written: [false, true] }], steps: [["layer.7/mul", 0, [1, 1, 1], [0, 0, 16, 1, 0, 16]]],
    constants: [], inputs: [[0, 0, 16]], outputs: [[1, 0, 16]],
  };
  const data = { parameters: () => new Uint8Array(256) };
  const build = (changes = {}) => GpuGraph.build(gpu, { ...plan, ...changes }, data);
  const four = [new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)];
  const adding = `@group(0) @binding(0) var<uniform> p: array<vec4<u32>, 16>;
    @group(0) @binding(1) var<storage, read> a: array<f32>;
    @group(0) @binding(2) var<storage, read_write> cache: array<f32>;
    @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { cache[i] += a[i]; }`;
  const results = (graph) => [...new Float32Array(graph.read.buffer)].join(" ");
"""


def wide_model():
    """bool, int64 and int32 in and out: not_b = not b; above = w > 5; twice = w + w."""
    from onnx import TensorProto, helper

    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Not", ["b"], ["not_b"]), helper.make_node("Greater", ["w", "five"], ["above"]), helper.make_node("Add", ["w", "w"], ["twice"])],
        "g", [info("b", TensorProto.BOOL, [3]), info("w", TensorProto.INT64, [3])],
        [info("not_b", TensorProto.BOOL, [3]), info("above", TensorProto.BOOL, [3]), info("twice", TensorProto.INT64, [3])],
        [helper.make_tensor("five", TensorProto.INT64, [1], [5])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


class Package(PackagePage):
    platform = "webgpu"
    arguments = ("--enable-unsafe-webgpu", "--disable-dev-shm-usage")

    def test_outputs_are_those_of_wasm(self):
        self.check_outputs_are_those_of_wasm(("bert-tiny", "t5-tiny", "qwen2-tiny"))

    def test_shapes_may_change_and_facts_are_told(self):
        told = self.page("""
          const model = await load("zoo:qwen2-tiny", { platform: "webgpu", shapes: { input_ids: [1, 8], attention_mask: [1, 8] } });
          const built = model.figures.compile_ms;
          const short = await model.run({ input_ids: ids([1, 6], 90) });
          const long = await model.run({ input_ids: ids([2, 9], 90) });
          await model.seed({ batch: 1, sequence: 7 });
          const seeded = await model.run();
          const samples = await model.sample({ duration_ms: 50 });
          const memory = await model.memory();
          await model.dispose();
          const { platform, variant, precision, devices, adapter, figures } = model;
          const dims = [short, long, seeded].map((outputs) => Object.values(outputs)[0].dims.slice(0, 2));
          return { built, dims, platform, variant, precision, devices, adapter, figures, samples, memory };""")
        self.assertEqual((told["platform"], told["variant"], told["precision"]), ("webgpu", "webgpu", "fp32"))
        self.assertEqual(told["dims"], [[1, 6], [2, 9], [1, 7]])
        self.assertEqual(told["devices"], [told["adapter"]["name"]])
        self.assertGreater(told["adapter"]["limits"]["maxBufferSize"], 1 << 20)
        self.assertIsInstance(told["adapter"]["features"], list)
        self.assertGreater(told["built"], 0)
        for part in ("plan_ms", "upload_ms", "pipeline_ms"):
            self.assertTrue(0 < told["figures"][part] <= told["figures"]["compile_ms"], part)
        self.assertGreater(len(told["samples"]["samples_ms"]), 0)
        self.assertIs(told["samples"]["gpu_ms"] is None, "timestamp-query" not in told["adapter"]["features"])
        self.assertGreater(told["memory"]["model_bytes"], 10_000)
        self.assertGreater(told["memory"]["activation_bytes"], 1000)

    def test_variants_of_kernels_give_the_same(self):
        tunings = ["gemm/*=shared-64x64 norm/*=group softmax/*=group", "gemm/*=tile-8x16 attention/*=rows-4 gemv/*=split-4", "gemv/*=subgroup-4 norm/*=subgroup"]
        worst, tuned = self.page(f"""
          const feeds = {{ input_ids: ids([1, 12], 90) }}, outputs = [], tuned = [];
          for (const tuning of [undefined, ...{tunings}]) {{
            const model = await load("zoo:bert-tiny", {{ platform, tuning }});
            outputs.push(await model.run(feeds));
            tuned.push(model.figures.tuned);
            await model.dispose();
          }}
          return [Math.max(...outputs.flatMap((one) => Object.keys(one).map((key) => apart(one[key].data, outputs[0][key].data)))), tuned];""")
        self.assertLess(worst, 1e-5)
        self.assertRegex(tuned[0], "^tuned=0 of ")
        self.assertIn("gemm/shared-64x64 ", tuned[1])
        self.assertIn("attention/rows-4 ", tuned[2])
        refusal = self.refusal("""await load("zoo:bert-tiny", { platform: "webgpu", tuning: "gemm/*=fast" });""")
        self.assertEqual(refusal, "bad_file: 'gemm/*=fast' is no choice of a kernel's variant")

    # A start with shaders of the start before; figures and outputs.
    START = """
      const start = async (shaderPrecompile) => {
        const model = await load("zoo:bert-tiny", { platform: "webgpu", features: { shaderPrecompile }, shapes: { input_ids: [1, 8], attention_mask: [1, 8], token_type_ids: [1, 8] } });
        await model.seed({ batch: 1, sequence: 8 });
        const outputs = await model.run();
        await model.run();
        await model.dispose();
        const { shaders, shaders_listed, shaders_compiled, shader_ms } = model.figures;
        return { shaders, shaders_listed, shaders_compiled, shader_ms, numbers: Object.values(outputs)[0].data };
      };
      const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("accel-shaders", { create: true });
      const files = async () => { const names = []; for await (const name of (await folder()).keys()) names.push(name); return names; };
      for (const name of await files()) await (await folder()).removeEntry(name);
      const same = (one, other) => one.numbers.every((value, i) => value === other.numbers[i]);
    """

    def test_shaders_of_the_last_load_are_begun_before_the_plan(self):
        told = self.page(f"""{self.START}
          const off = await start(false), none = (await files()).length, first = await start(true), one = (await files()).length, second = await start(true);
          const numbers = [first, second].map((start) => same(start, off));
          for (const start of [off, first, second]) delete start.numbers;
          return {{ off, none, first, one, second, numbers }};""")
        self.assertEqual((told["none"], told["one"], told["numbers"]), (0, 1, [True, True]))
        for start in ("off", "first", "second"):
            figures = told[start]
            self.assertGreater(figures["shaders"], 3)
            self.assertEqual(figures["shaders_listed"], figures["shaders"] if start == "second" else 0)
            self.assertEqual(figures["shaders_listed"] + figures["shaders_compiled"], figures["shaders"])
            self.assertGreater(figures["shader_ms"], 0)

    def test_a_list_of_shaders_is_not_believed(self):
        told = self.page(f"""{self.START}
          const off = await start(false);
          await start(true);
          const [name] = await files();
          const write = async (text) => {{
            const stream = await (await (await folder()).getFileHandle(name)).createWritable();
            await stream.write(text);
            await stream.close();
          }};
          const list = JSON.parse(await (await (await (await folder()).getFileHandle(name)).getFile()).text());
          const lies = [
            JSON.stringify(list.map((shader, i) => (i % 2 ? shader : {{ ...shader, text: shader.text.replace("f32", "i32") }}))),
            JSON.stringify([{{ name: "broken", text: "fn main( {{", written: [true] }}, ...list]),
            JSON.stringify(list.map((shader) => ({{ ...shader, written: shader.written.map((is) => !is) }}))),
            JSON.stringify([{{ name: 1, text: null }}]), "[", "{{}}", "",
          ];
          const told = [];
          for (const lie of lies) {{
            await write(lie);
            const got = await start(true);
            told.push([same(got, off), got.shaders_listed <= got.shaders]);
          }}
          const after = await start(true);
          return [told, after.shaders_listed === after.shaders];""")
        self.assertEqual(told, [[[True, True]] * 7, True])

    def test_components_are_loaded_together_or_one_by_one(self):
        told = self.page("""
          const { loadAll } = await import("/index.js");
          const results = [];
          for (const parallelLoading of [true, false]) {
            const seen = new Set();
            const models = await loadAll({ text: "zoo:bert-tiny", other: { model: "zoo:qwen2-tiny", platform: "wasm", threads: 1 } },
              { platform: "webgpu", features: { parallelLoading }, progress: ({ component }) => seen.add(component) });
            const outputs = [await models.text.run({ input_ids: ids([1, 6], 90) }), await models.other.run({ input_ids: ids([1, 6], 90) })];
            results.push(outputs.map((one) => Object.values(one)[0].data));
            results.push([models.text.variant, models.other.variant.startsWith("relaxed"), [...seen].sort().join()]);
            for (const model of Object.values(models)) await model.dispose();
          }
          return [apart(results[0][0], results[2][0]), apart(results[0][1], results[2][1]), results[1], results[3]];""")
        self.assertEqual(told, [0, 0, ["webgpu", True, "other,text"], ["webgpu", True, "other,text"]])
        self.assertRegex(self.refusal("""const { loadAll } = await import("/index.js");
          await loadAll({ good: "zoo:bert-tiny", bad: "/nothing.onnx" }, { platform });"""), r"^not_found: .*nothing\.onnx")

    def test_the_front_end_of_an_audio_model_is_the_same_on_the_gpu(self):
        told = self.page("""
          const samples = { type: "float32", dims: [1, 480000], data: Float32Array.from({ length: 480000 }, (_, i) => 0.4 * Math.sin(i * i * 1e-7) + 0.05 * Math.sin(i * 12.9898)) };
          const results = [], variants = [];
          for (const computeShaders of [true, false]) {
            const model = await load("audio:whisper", { features: { computeShaders }, threads: 1 });
            const { input_features } = await model.run({ samples });
            results.push(input_features);
            variants.push(model.platform);
            await model.dispose();
          }
          return [results[0].dims, apart(results[0].data, results[1].data), variants];""")
        self.assertEqual((told[0], told[2]), ([1, 80, 3000], ["webgpu", "wasm"]))
        self.assertLess(told[1], 1e-5)

    def test_a_profile_has_a_row_each_kernel(self):
        rows = self.page("""
          const model = await load("zoo:bert-tiny", { platform: "webgpu", profile: true });
          await model.run({ input_ids: ids([1, 16], 90) });
          const rows = await model.profile();
          await model.dispose();
          return rows;""")
        self.assertGreater(len(rows), 10)
        self.assertTrue(any(row["time_ns"] > 0 for row in rows))
        products = [row for row in rows if row["op_type"] in ("MatMul", "Gemm")]
        self.assertTrue(products and all(row["kernel"] == "gemm" and row["flops"] > 0 for row in products), products)
        self.assertRegex(self.refusal("""const model = await load("zoo:bert-tiny", { platform });
          await model.run({ input_ids: ids([1, 8], 90) }); await model.profile();"""), "^invalid_argument: the model was loaded without `profile`")

    def test_integers_and_booleans_keep_their_types(self):
        body = f"""
          const model = await load(new Uint8Array({list(wide_model())}), {{ platform }});
          const run = (w) => model.run({{ b: {{ type: "bool", dims: [3], data: Uint8Array.of(1, 0, 1) }}, w: {{ type: "int64", dims: [3], data: BigInt64Array.from(w) }} }});
          const told = Object.values(await run([-3n, 5n, 1000000000n])).map(({{ type, data }}) => type + " " + data.join(" "));"""
        self.assertEqual(self.page(f"{body} return told;"), ["bool 0 1 0", "bool 0 0 1", "int64 -6 10 2000000000"])
        self.assertEqual(self.refusal(f"{body} await run([1n, 2n, 2n ** 31n]);"), "unsupported: input 'w' holds integers of more than 32 bits")

    def test_what_the_kernels_lack_is_named_before_anything_is_built(self):
        self.assertRegex(self.refusal(f"await load({model_of_det()}, {{ platform }});"), r"^unsupported: 1 part of the model .*\(Det\)")
        self.assertRegex(self.refusal("await (await load('zoo:bert-tiny', { platform: 'webgpu', precision: 'fp16' })).run({ input_ids: ids([1, 4], 90) });"),
                         "^unsupported: this GPU lacks the feature shader-f16, which fp16 needs")

    def test_equal_layouts_are_one(self):
        self.assertEqual(self.page(f"""{GRAPH}
          let layouts = 0;
          const make = gpu.device.createBindGroupLayout.bind(gpu.device);
          gpu.device.createBindGroupLayout = (descriptor) => {{ layouts++; return make(descriptor); }};
          const graph = await build({{ shaders: [plan.shaders[0], {{ ...plan.shaders[0], name: "other" }}] }});
          await graph.run(four);
          return [layouts, results(graph)];"""), [1, "2 4 6 8"])

    def test_what_is_held_stays_on_the_gpu_and_is_read_when_it_is_asked_for(self):
        self.assertEqual(self.page(f"""{GRAPH}
          const graph = await build({{
            shaders: [{{ name: "add", text: adding, written: [false, true] }}, {{ name: "double", text, written: [false, true] }}],
            buffers: [256, 256, 256], steps: [["add", 0, [1, 1, 1], [0, 0, 16, 1, 0, 16]], ["double", 1, [1, 1, 1], [0, 0, 16, 2, 0, 16]]],
            inputs: [[0, 0, 16], [1, 0, 16, true]], outputs: [[1, 0, 16, true], [2, 0, 16]],
          }});
          await graph.hold([null, new Uint8Array(Float32Array.of(10, 20, 30, 40).buffer)]);
          for (let i = 0; i < 3; i++) await graph.run([four[0], null]);
          return [results(graph), [...new Float32Array((await graph.outputs()).buffer)].join(" ")];"""), ["2 4 6 8", "13 26 39 52 2 4 6 8"])

    def test_weights_come_whole_in_pieces(self):
        self.assertEqual(self.page(f"""{GRAPH}
          const size = 80 << 20, weights = new Uint8Array(size).map((_, i) => (i >> 20) + i);
          const graph = await GpuGraph.build(gpu, {{ ...plan, buffers: [256, 256, size], constants: [[2, 0, size]], outputs: [[2, 0, size]] }},
            {{ ...data, constant: () => weights }});
          await graph.run(four);
          return graph.read.length === size && graph.read.every((value, i) => value === weights[i]);"""), True)

    def test_a_kernel_that_does_not_compile_is_named(self):
        said = self.refusal(f"{GRAPH} await build({{ shaders: [{{ name: 'broken', text: 'fn main( {{', written: [false, true] }}] }});")
        self.assertRegex(said, r"^error: kernel 'broken': .*1:\d+")

    def test_a_buffer_that_is_too_large_is_refused_with_its_size(self):
        said = self.refusal(f"{GRAPH} await build({{ buffers: [256, 2 ** 40] }});")
        self.assertRegex(said, r"^(error|out_of_memory): the GPU .* gives no 1099511627776 bytes for buffer 1 of the model: ")

    def test_memory_that_is_not_there_is_out_of_memory_and_given_back(self):
        said = self.refusal(f"""{GRAPH} window.gpu = gpu; const most = gpu.device.limits.maxBufferSize;
          await build({{ buffers: [256, ...Array(Math.ceil(2 ** 41 / most)).fill(most)] }});""")
        self.assertRegex(said, r"^out_of_memory: the GPU .* gives no \d+ bytes for buffer \d+ of the model: ")
        self.assertEqual(self.page(f"{GRAPH} const graph = await GpuGraph.build(window.gpu, plan, data); await graph.run(four); return results(graph);"), "2 4 6 8")

    def test_ranges_outside_a_buffer_are_refused_before_anything_runs(self):
        said = self.refusal(f"{GRAPH} await build({{ steps: [['layer.7/mul', 0, [1, 1, 1], [0, 0, 16, 1, 0, 4096]]] }});")
        self.assertRegex(said, r"^error: binding memory to kernels: .*double of layer.7/mul")

    def test_an_error_while_it_runs_is_no_output(self):
        said = self.refusal(f"{GRAPH} const graph = await build(); await graph.run(four); graph.memory[1].destroy(); await graph.run(four);")
        self.assertRegex(said, "^error: the GPU .* could not run the model: ")

    def test_a_device_that_is_lost_in_the_middle_is_told(self):
        for lose in ("gpu.device.destroy(); await graph.run(four);", "const running = graph.run(four); gpu.device.destroy(); await running;",
                     "gpu.device.destroy(); await build();"):
            said = self.refusal(f"{GRAPH} const graph = await build(); await graph.run(four); {lose}")
            self.assertRegex(said, r"^crashed: the GPU device .* was lost \(.*\): load the model again$", lose)
        self.assertEqual(self.page(f"{GRAPH} const graph = await build(); await graph.run(four); return results(graph);"), "2 4 6 8")

    def test_a_model_whose_gpu_process_ended_can_be_loaded_again(self):
        self.page("window.model = await load('zoo:qwen2-tiny', { platform }); window.expected = await model.run({ input_ids: ids([1, 6], 90) });")
        session, self.browser.session = self.browser.session, None
        try:
            self.browser.send("Browser.crashGpuProcess")
        finally:
            self.browser.session = session
        said = self.refusal("for (let i = 0; i < 50; i++) await model.run();")
        self.assertRegex(said, r"^crashed: the GPU device .* was lost \(.*\): load the model again$")
        self.assertEqual(self.page("""
          const model = await load("zoo:qwen2-tiny", { platform });
          const got = await model.run({ input_ids: ids([1, 6], 90) });
          return Object.keys(got).every((key) => got[key].data.join() === expected[key].data.join());"""), True)

    def test_losses_and_failed_allocations_never_give_a_wrong_output(self):
        told = self.page(f"""{GRAPH.replace("await GpuDevice.open()", "null")}
          const told = {{ right: 0, crashed: 0, out_of_memory: 0, error: 0, wrong: [] }};
          let seed = 1;
          const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
          const pause = (turns) => new Promise((resolve) => setTimeout(resolve, turns));
          for (let i = 0; i < {FAILURES}; i++) {{
            const gpu = await GpuDevice.open(), make = gpu.device.createBuffer.bind(gpu.device);
            let left = i % 2 ? random(8) : Infinity; // until an allocation asks for more than there is
            gpu.device.createBuffer = (wanted) => make(left-- === 0 ? {{ ...wanted, size: 2 ** 40 }} : wanted);
            if (i % 2 === 0) pause(random(80)).then(() => gpu.device.destroy());
            try {{
              const graph = await GpuGraph.build(gpu, plan, data);
              for (let run = 0; run < 3; run++) {{
                await graph.run(four);
                if (results(graph) === "2 4 6 8") told.right++;
                else told.wrong.push(results(graph));
              }}
            }} catch (error) {{
              if (!(error.status in told)) throw error;
              told[error.status]++;
            }}
            gpu.device.destroy();
          }}
          return told;""")
        self.assertEqual(told["wrong"], [], told)
        self.assertGreater(told["right"], 0)
        self.assertGreater(told["crashed"], 0)  # how many depends on how fast all is
        self.assertGreater(told["out_of_memory"] + told["error"], 0)

    def test_no_adapter_and_no_interface_are_absent(self):
        self.assertRegex(self.refusal("navigator.gpu.requestAdapter = async () => null; try { const { GpuDevice } = await import('/webgpu_device.js');"
                                      " await GpuDevice.open(); } finally { delete navigator.gpu.requestAdapter; }"),
                         r"^absent: this browser's WebGPU has no adapter \(requestAdapter\(\) gives null\)")
        other = Chromium("--disable-dev-shm-usage", "--disable-features=WebGPU", "--disable-blink-features=WebGPU")
        try:
            other.open(self.url)
            said = other.evaluate(self.text("const { platforms } = await capabilities(); const { available, reason } ="
                                            " platforms.find(({ name }) => name === platform); return [available, reason,"
                                            " await load('zoo:bert-tiny', { platform }).then(String, (error) => error.status + ': ' + error.message)];"))
        finally:
            other.stop()
        self.assertEqual(said[0], False)
        self.assertRegex(said[1], "WebGPU")
        self.assertRegex(said[2], "^absent: .*WebGPU")

    def test_a_run_without_inputs_and_an_unknown_platform_are_refused(self):
        self.assertRegex(self.refusal("await (await load('zoo:bert-tiny', { platform })).run();"), "^invalid_argument: .*bind")
        self.assertRegex(self.refusal("await load('zoo:bert-tiny', { platform: 'webgl' });"), "^invalid_argument: .*'webgl'.*wasm, webnn and webgpu")


if __name__ == "__main__":
    if not (PACKAGE / "accel-webgpu.wasm").exists() or not find_chromium():
        print("skipped: Chromium, or build/web (make web), is missing")
        sys.exit(77)
    unittest.main()

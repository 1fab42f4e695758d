// What a page may do wrong, and what the engine then says: node units.mjs VARIANT. Prints what failed and ends with 1.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { openModel, relativeL2, runModel, startEngine } from "./host.mjs";

const [variant, conformance] = process.argv.slice(2);
const tensor = (type, dims, data) => ({ type, dims, data });
const ids = (...values) => tensor("int64", [1, values.length], BigInt64Array.from(values, BigInt));
const model = (name) => readFileSync(`${conformance}/${name}/model.onnx`);

/** The status and the sentence that something is refused with. */
async function refusal(what) {
  try {
    await what();
  } catch (error) {
    return `${error.status}: ${error.message}`;
  }
  assert.fail("nothing was refused");
}

const tests = {
  async "outputs are the caller's: a second run leaves those of the first"() {
    const bert = await openModel(await startEngine(variant), "bert-tiny");
    const first = await runModel(bert, { input_ids: ids(5, 6, 7) });
    const name = Object.keys(first)[0], kept = first[name].data.slice();
    await runModel(bert, { input_ids: ids(8, 9, 10) });
    assert.deepEqual(first[name].data, kept);
  },
  async "shapes may change between runs and back, with the same results"() {
    const bert = await openModel(await startEngine(variant), "bert-tiny");
    const before = await runModel(bert, { input_ids: ids(5, 6, 7) });
    for (const length of [1, 2, 17, 128]) {
      const out = await runModel(bert, { input_ids: ids(...Array(length).keys()) });
      assert.deepEqual(Object.values(out)[0].dims.slice(0, 2), [1, length]);
    }
    assert.deepEqual(await runModel(bert, { input_ids: ids(5, 6, 7) }), before);
  },
  async "what follows from the others may be left out, what does not may not"() {
    const bert = await openModel(await startEngine(variant), "bert-tiny");
    const short = await runModel(bert, { input_ids: ids(5, 6, 7) });
    assert.deepEqual(await runModel(bert, { input_ids: ids(5, 6, 7), attention_mask: ids(1, 1, 1), token_type_ids: ids(0, 0, 0) }), short);
    assert.match(await refusal(() => bert.bind({ attention_mask: ids(1, 1, 1) })), /invalid_argument: the model's input 'input_ids' is missing/);
    assert.match(await refusal(() => bert.bind({})), /input 'input_ids' is missing/);
  },
  async "inputs of a wrong name, type, length or shape are refused by name, and the model goes on"() {
    const add = await openModel(await startEngine(variant), "a.onnx", { "a.onnx": model("node/test_add") });
    const good = { x: tensor("float32", [3, 4, 5], new Float32Array(60).fill(1)), y: tensor("float32", [3, 4, 5], new Float32Array(60).fill(2)) };
    const bad = (x) => refusal(() => add.bind({ ...good, x }));
    assert.match(await bad(tensor("float32", [3, 4, 5], new Float32Array(59))), /invalid_argument: input 'x' of float32 \[3,4,5\] takes a Float32Array of 60/);
    assert.match(await bad(tensor("float32", [60], new Float32Array(60))), /input 'x' cannot have shape \[60\]: the model declares \[3,4,5\]/);
    assert.match(await bad(tensor("int32", [3, 4, 5], new Int32Array(60))), /input 'x' is int32; the model takes float32/);
    assert.match(await bad(tensor("float33", [3], new Float32Array(3))), /input 'x' has the type float33/);
    assert.match(await bad(tensor("float32", [-3, -4, 5], new Float32Array(60))), /dims of 'x' must be at most 8 whole numbers/);
    assert.match(await bad(tensor("float32", [1.5, 40], new Float32Array(60))), /dims of 'x' must be/);
    assert.match(await refusal(() => add.bind({ x: good.x })), /input 'y' is missing/);
    assert.match(await refusal(() => add.bind({ ...good, z: good.x })), /no input 'z'/);
    assert.deepEqual((await runModel(add, good)).sum.data, new Float32Array(60).fill(3));
  },
  async "nothing can be run before there is something to run"() {
    const engine = await startEngine(variant);
    for (const name of ["page_run", "page_bind", "page_shapes"]) assert.match(await refusal(() => engine.do(name, ...(name === "page_run" ? [] : ["[]"]))), /invalid_argument: /);
    for (const name of ["page_describe", "page_outputs", "page_sample"]) assert.match(await refusal(() => engine.ask(name, 0, 1, 1, 1)), /invalid_argument: /);
  },
  async "bad bytes are a sentence, cut anywhere, and the engine goes on"() {
    const engine = await startEngine(variant), whole = model("node/test_add");
    for (let length = 0; length < whole.length; length += 7) {
      const said = await refusal(() => openModel(engine, "cut.onnx", { "cut.onnx": whole.subarray(0, length) }));
      assert.match(said, /^(bad_file|bad_graph|unsupported|invalid_argument): .{10,}/, `${length}: ${said}`);
      engine.call("page_close");
    }
    for (let at = 0; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole);
      bytes[at] ^= 0xff;
      await openModel(engine, "bent.onnx", { "bent.onnx": bytes }).catch((error) => assert.notEqual(error.status, "crashed", error.message));
      engine.call("page_close");
    }
    await openModel(engine, "whole.onnx", { "whole.onnx": whole });
  },
  async "bad JSON, shapes and dims are a sentence"() {
    const bert = await openModel(await startEngine(variant), "bert-tiny");
    const shapes = (value) => refusal(() => bert.prepare(value));
    assert.match(await shapes({ dims: { sequence: -1 } }), /dimension 'sequence' must be a whole number/);
    assert.match(await shapes({ dims: { squence: 4 } }), /no input of the model has a dimension named 'squence'/);
    assert.match(await shapes({ shapes: { input_ids: [1, 2, 3] } }), /input 'input_ids' cannot have shape/);
    assert.match(await shapes({ shapes: { input_ids: "[1,2]" } }), /dims of 'input_ids' must be/);
    assert.match(await refusal(() => bert.engine.do("page_bind", "{")), /not valid JSON/);
    assert.match(await refusal(() => bert.engine.do("page_bind", '[{"name": "input_ids"}]')), /no name or no type/);
  },
  async "a file that is missing is named, so that it can be brought"() {
    const engine = await startEngine(variant);
    assert.match(await refusal(() => engine.do("page_open", "b.onnx", 1, "fp32")), /not_found: .*b\.onnx/);
    assert.equal(engine.text(engine.call("page_missing")), "b.onnx");
    assert.match(await refusal(() => engine.do("page_open", "bert-tny", 1, "fp32")), /did you mean 'bert-tiny'/);
    assert.match(await refusal(() => engine.do("page_open", "bert-tiny", 1, "fp33")), /no precision is called 'fp33'/);
  },
  async "the memory grows as it is needed, and what is freed is used again"() {
    const engine = await startEngine(variant);
    for (let round = 0; round < 20; round++) engine.free(engine.put(new Uint8Array(20e6).fill(round)));
    assert(engine.memory.buffer.byteLength < 60e6, `${engine.memory.buffer.byteLength} bytes`);
    const at = engine.put(new Uint8Array(1e6).fill(7)), moved = engine.resize(at, 80e6);
    assert.equal(engine.bytes(moved + 999999, 1)[0], 7);
  },
  async "out of memory is a sentence, and the engine goes on"() {
    const engine = await startEngine(variant);
    assert.match(await refusal(() => engine.allocate(3e9)), /out_of_memory: .*3\.00 GB/);
    assert.match(await refusal(() => engine.allocate(1e12)), /out_of_memory: .*4 GiB/);
    assert.match(await refusal(() => openModel(engine, "llama-7b", {}, { dims: { batch: 1, sequence: 4 } })), /out_of_memory: /);
    await runModel(await openModel(engine, "bert-tiny"), { input_ids: ids(1, 2) });
  },
  async "an engine that trapped says so from then on, and another one works"() {
    const engine = await startEngine(variant);
    const at = engine.put(new Uint8Array(8));
    engine.free(at);
    assert.match(await refusal(() => engine.free(at)), /crashed: the engine stopped in page_free .*load the model again/);
    assert.match(await refusal(() => engine.ask("page_memory")), /crashed: this engine stopped earlier/);
    await openModel(await startEngine(variant), "bert-tiny");
  },
  async "SHA-256 is that of everybody, however the bytes come"() {
    const engine = await startEngine(variant);
    for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100003]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 5)), at = engine.put(bytes);
      for (const piece of [1, 64, 77, length + 1]) {
        engine.do("page_hash_start");
        for (let done = 0; done < length; done += piece) engine.call("page_hash_update", at + done, Math.min(piece, length - done));
        assert.equal(engine.text(engine.call("page_hash_finish")), createHash("sha256").update(bytes).digest("hex"), `${length} by ${piece}`);
      }
    }
  },
  async "samples hold at least ten steps of the clock, and as many as were asked for"() {
    const bert = await openModel(await startEngine(variant), "bert-tiny", {}, { dims: { batch: 1, sequence: 8 } });
    const { samples_ms, elapsed_ms, lead_in_runs, runs_per_sample, clock_resolution_ms } = await bert.sample({ lead_in_ms: 5, duration_ms: 20, least: 3, most: 50 });
    assert(samples_ms.length >= 3 && samples_ms.length <= 50 && lead_in_runs > 0 && runs_per_sample > 0 && clock_resolution_ms > 0);
    const sum = samples_ms.reduce((a, b) => a + b, 0) * runs_per_sample;
    assert(Math.abs(sum - elapsed_ms) < 1e-6 * elapsed_ms + 1e-9, `${sum} of ${elapsed_ms}`);
    assert.match(await refusal(() => bert.sample({ duration_ms: -1 })), /durations must be/);
    assert.match(await refusal(() => bert.sample({ duration_ms: Infinity })), /durations must be/);
  },
  async "an output that JavaScript has no array for is refused by name"() {
    const cast = await openModel(await startEngine(variant), "c.onnx", { "c.onnx": model("node/test_cast_FLOAT_to_INT4") });
    assert.match(await refusal(() => runModel(cast, { input: tensor("float32", [5, 5], new Float32Array(25)) })), /unsupported: output 'output' is int4/);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
  }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

// One model loaded and run on a GPU that fails now and then: what losses.py asks of a page.
import { load } from "/accel/index.js";

const RUNS = 6, SLOWEST_MS = 60000;
const faults = new BroadcastChannel("faults");
let fault = null, allocations = 0;
faults.onmessage = ({ data }) => {
  if (data.asks) faults.postMessage({ fault });
  else allocations++;
};

let state = 1;
const random = (below) => (state = (state * 48271) % 2147483647) % below;

const inputs = {
  "zoo:bert-tiny": { input_ids: ["int64", [1, 16]], attention_mask: ["int64", [1, 16]], token_type_ids: ["int64", [1, 16]] },
  "zoo:resnet-tiny": { pixel_values: ["float32", null] },
};

/** The same each time. */
function feedsOf(name, model) {
  return Object.fromEntries(Object.entries(inputs[name]).map(([input, [type, shape]]) => {
    const dims = shape ?? model.inputs.find((i) => i.name === input).dims.map((dim, axis) => (dim > 0 ? dim : axis === 0 ? 1 : 32));
    const length = dims.reduce((product, dim) => product * dim, 1);
    const value = { input_ids: (i) => BigInt((i * 7 + 1) % 90), attention_mask: () => 1n, token_type_ids: () => 0n, pixel_values: (i) => ((i * 37) % 101) / 50 - 1 }[input];
    return [input, { type, dims, data: type === "int64" ? BigInt64Array.from({ length }, (_, i) => value(i)) : Float32Array.from({ length }, (_, i) => value(i)) }];
  }));
}

const textOf = (outputs) => Object.keys(outputs).sort().map((name) => `${name} ${outputs[name].dims} ${outputs[name].data.join()}`).join("\n");

const late = () => new Promise((_, refuse) => setTimeout(() => refuse(Object.assign(new Error(`no answer within ${SLOWEST_MS / 1000} s`), { status: "hung" })), SLOWEST_MS));

/** Loads, and runs: the outputs of each run as texts are given to seen. What it takes, ms. */
async function attempt(name, seen) {
  const start = performance.now();
  const model = await Promise.race([load(name, { platform: "webgpu" }), late()]);
  try {
    for (let run = 0; run < RUNS; run++) seen(textOf(await Promise.race([model.run(feedsOf(name, model)), late()])));
  } finally {
    await model.dispose();
  }
  return performance.now() - start;
}

let expected, usual_ms;

/** Without a fault: what later outputs are to be. */
export async function begin(name) {
  fault = { count: true };
  allocations = 0;
  await attempt(name, (text) => { expected = text; }); // the first start takes longer
  fault = null;
  usual_ms = await attempt(name, () => {});
  return { usual_ms, allocations };
}

/** count faults, each followed by a start without one that must be right: what they ended in. */
export async function fail(name, kind, count, seed) {
  const told = { right: 0, wrong: 0, recovered: 0, ends: {}, sentence: {} };
  state = seed;
  const check = (text) => told[text === expected ? "right" : "wrong"]++;
  for (let i = 0; i < count; i++) {
    fault = kind === "loss" ? { loss_ms: random(Math.ceil(usual_ms)) } : { allocation: random(allocations) };
    let end = "none";
    try {
      await attempt(name, check);
    } catch (error) {
      end = error.status ?? `not an AccelError: ${error}`;
      told.sentence[end] ??= error.message;
    }
    told.ends[end] = (told.ends[end] ?? 0) + 1;
    fault = null;
    let right = 0;
    await attempt(name, (text) => { right += text === expected; });
    told.recovered += right === RUNS;
  }
  return told;
}

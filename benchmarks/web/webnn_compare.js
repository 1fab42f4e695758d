// accel's WebNN engine and ONNX Runtime Web's WebNN provider on one model in one page, run by run in turns.
import { createContext, WebnnGraph } from "./webnn_graph.js";

const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array };
let runners = {};

async function openAccel(id, feeds) {
  const description = await (await fetch(`${id}.json`)).json();
  const constants = await (await fetch(`${id}.bin`)).arrayBuffer();
  let at = 0;
  for (const constant of description.constants) {
    constant[3] = at;
    at += constant[4];
  }
  const graph = await WebnnGraph.build(await createContext("cpu"), description, (place, bytes) => new Uint8Array(constants, place, bytes));
  await graph.write(feeds);
  return { run: () => graph.run(), outputs: async () => { await graph.run(); return graph.read(); }, devices: graph.devices };
}

async function openPeer(model, inputs, feeds) {
  const ort = await import("/ort/ort.all.min.mjs");
  ort.env.wasm.wasmPaths = "/ort/";
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(model, { executionProviders: [{ name: "webnn", deviceType: "cpu" }], graphOptimizationLevel: "all" });
  const given = Object.fromEntries(inputs.map(({ name, type, dims }) => [name, new ort.Tensor(type, feeds[name], dims)]));
  return { run: () => session.run(given), outputs: () => session.run(given), devices: [] };
}

/** peers: {name: URL of a model}. */
export async function open(id, peers) {
  const inputs = await (await fetch(`${id}.inputs`)).json();
  const given = await (await fetch(`${id}.in`)).arrayBuffer();
  const feeds = {};
  let at = 0;
  for (const { name, type, dims } of inputs) {
    const count = dims.reduce((product, dim) => product * dim, 1);
    feeds[name] = new arrays[type](given, at, count).slice();
    at += count * arrays[type].BYTES_PER_ELEMENT;
  }
  const told = {};
  for (const [name, source] of Object.entries({ accel: null, ...peers })) {
    const start = performance.now();
    runners[name] = source ? await openPeer(source, inputs, feeds) : await openAccel(id, feeds);
    told[name] = { open_ms: performance.now() - start };
    const begin = performance.now();
    await runners[name].run();
    told[name].first_ms = performance.now() - begin;
  }
  const ours = await runners.accel.outputs(), name = Object.keys(ours)[0];
  for (const peer of Object.keys(peers)) {
    const theirs = (await runners[peer].outputs())[name].data;
    let apart = 0, size = 0;
    theirs.forEach((value, index) => { apart += (value - ours[name].data[index]) ** 2; size += value ** 2; });
    told[peer].relative_l2 = Math.sqrt(apart / size);
  }
  return told;
}

/** Milliseconds of single runs by runner; in each turn every runner runs once, in random order. */
export async function takeTurns(count) {
  const samples = Object.fromEntries(Object.keys(runners).map((name) => [name, []]));
  for (let turn = 0; turn < count; turn++) {
    for (const name of Object.keys(runners).sort(() => Math.random() - 0.5)) {
      const start = performance.now();
      await runners[name].run();
      samples[name].push(performance.now() - start);
    }
  }
  return samples;
}

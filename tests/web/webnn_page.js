// In the page of the WebNN tests: one case, whose files the test's server has, built and run in this browser.
import { createContext, WebnnGraph } from "./webnn_graph.js";

let context;
const arrays = {
  float32: Float32Array, float16: Uint16Array, int8: Int8Array, uint8: Uint8Array, int32: Int32Array, uint32: Uint32Array,
  int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
};
const bytesOf = async (path) => (await fetch(path)).arrayBuffer();

export async function limits() {
  context ??= await createContext("cpu");
  return context.opSupportLimits();
}

/** inputs: [{name, type, bytes}], one behind the other in ID.in. The outputs go to ID.out in the same way; their names and types are given back. */
export async function runCase(id, inputs) {
  context ??= await createContext("cpu");
  const description = await (await fetch(`${id}.json`)).json();
  const constants = await bytesOf(`${id}.bin`), given = await bytesOf(`${id}.in`);
  let at = 0;
  for (const constant of description.constants) { // they lie in the file in this order
    constant[3] = at;
    at += constant[4];
  }
  const feeds = {};
  at = 0;
  for (const { name, type, bytes } of inputs) {
    feeds[name] = new arrays[type](given.slice(at, at + bytes));
    at += bytes;
  }
  const start = performance.now();
  const graph = await WebnnGraph.build(context, description, (place, bytes) => new Uint8Array(constants, place, bytes));
  const build_ms = performance.now() - start;
  await graph.write(feeds);
  await graph.run();
  const outputs = graph.read();
  await fetch(`${id}.out`, { method: "PUT", body: new Blob(Object.values(outputs).map((tensor) => tensor.data)) });
  const devices = graph.devices;
  graph.dispose();
  return { devices, build_ms, outputs: Object.entries(outputs).map(([name, { type, dims }]) => ({ name, type, dims })) };
}

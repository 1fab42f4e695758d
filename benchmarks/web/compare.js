// Both engines in one page, each in a worker of its own, on the same inputs; measure.py calls these functions.
import { load } from "/accel/index.js";
import { makeInputs } from "/pages/inputs.js";

/** accel by its package. */
class Accel {
  async open({ model, inputs, threads, platform }) {
    const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims]));
    this.model = await load(model, { platform, threads, shapes, ...(platform === "webnn" && { deviceType: "cpu" }) });
    await this.model.bind(inputs);
    return `${this.model.variant}, ${this.model.devices.join() || this.model.threads}`;
  }
  async sample(duration_ms) {
    return (await this.model.sample({ lead_in_ms: 0, duration_ms, least: 1 })).samples_ms;
  }
  outputs() {
    return this.model.run();
  }
  close() {
    return this.model.dispose();
  }
}

/** The peer behind messages, one at a time: peer.js. */
class Peer {
  constructor() {
    this.worker = new Worker("/pages/peer.js", { type: "module" });
  }
  ask(message) {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data: { result, error } }) => (error ? reject(new Error(error)) : resolve(result));
      this.worker.onerror = (event) => reject(new Error(event.message));
      this.worker.postMessage(message);
    });
  }
  open(options) {
    return this.ask({ do: "open", ...options });
  }
  sample(duration_ms) {
    return this.ask({ do: "sample", duration_ms });
  }
  outputs() {
    return this.ask({ do: "outputs" });
  }
  close() {
    this.worker.terminate(); // and with it its threads
  }
}

let engines = {};

/** models: {engine: URL of its file}; all names but "accel" are the peer's; platform: "wasm", "webgpu" or "webnn". What each says that it runs in. */
export async function open(models, inputs, threads, platform) {
  const told = {};
  for (const [name, model] of Object.entries(models)) {
    engines[name] = name === "accel" ? new Accel() : new Peer();
    told[name] = await engines[name].open({ model, inputs: makeInputs(inputs), threads, platform });
  }
  return told;
}

/** Milliseconds of single runs, one after the other for this long. */
export const block = (name, duration_ms) => engines[name].sample(duration_ms);

/** Relative L2 of an engine's outputs to those of accel on WebAssembly, which the tests hold against the native engine: the largest of all outputs. */
export async function difference(name, model, inputs) {
  const judge = new Accel();
  await judge.open({ model, inputs: makeInputs(inputs), threads: 1, platform: "wasm" });
  const right = await judge.outputs(), given = await engines[name].outputs();
  await judge.close();
  const of = (output) => {
    const values = given[output].data ?? given[output];
    let apart = 0, size = 0;
    right[output].data.forEach((value, i) => { apart += (value - values[i]) ** 2; size += value ** 2; });
    return Math.sqrt(apart / size);
  };
  return Math.max(...Object.keys(right).map(of));
}

export async function close() {
  for (const engine of Object.values(engines)) await engine.close();
  engines = {};
}

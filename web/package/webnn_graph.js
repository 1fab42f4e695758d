// Builds and runs the graph that a description of src/engines/webnn tells (webnn.h has its form). Knows nothing of the wasm engine.
import { AccelError } from "./errors.js";

const held = {
  float32: Float32Array, float16: Uint16Array, int8: Int8Array, uint8: Uint8Array, int32: Int32Array, uint32: Uint32Array,
  int64: BigInt64Array, uint64: BigUint64Array,
};
const wide = { int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array };

const sentence = (error) => String(error?.message ?? error).replace(/^Failed to execute '\w+' on '\w+': /, "");

/** What navigator.ml gives for this device type; the reason where it gives nothing. */
export async function createContext(deviceType) {
  if (!globalThis.navigator?.ml)
    throw new AccelError("absent", "this browser has no WebNN here (navigator.ml): it needs a secure page, and Chromium or Edge with WebNN switched on (--enable-features=WebMachineLearningNeuralNetwork)");
  try {
    return await navigator.ml.createContext(deviceType ? { deviceType } : {});
  } catch (error) {
    throw new AccelError("absent", `this browser's WebNN gives no context for ${deviceType ?? "any device"}: ${sentence(error)}`);
  }
}

/** "#7" is the operand 7; everything else stands for itself. */
function resolve(value, operands) {
  if (typeof value === "string") return value[0] === "#" ? operands[value.slice(1)] : value;
  if (Array.isArray(value)) return value.map((item) => resolve(item, operands));
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, operands)]));
  return value;
}

function buildOperands(builder, description, constantBytes) {
  const operands = [];
  for (const { name, id, type, dims } of description.inputs) operands[id] = builder.input(name, { dataType: type, shape: dims });
  for (const [id, type, dims, at, bytes] of description.constants) operands[id] = builder.constant({ dataType: type, shape: dims }, constantBytes(at, bytes));
  let node = "";
  for (const [method, values, results, of = node] of description.calls) {
    node = of;
    try {
      const made = [builder[method](...resolve(values, operands))].flat();
      results.forEach((id, index) => { operands[id] = made[index]; });
    } catch (error) {
      throw new AccelError("unsupported", `node '${node}': the browser refuses ${method}: ${sentence(error)}`);
    }
  }
  return operands;
}

/** The graph's own numbers from what a user gave, where the browser has no integers as wide. */
function narrowed(name, data, array) {
  const low = array === Int32Array ? -(2n ** 31n) : 0n, high = array === Int32Array ? 2n ** 31n : 2n ** 32n;
  for (const value of data)
    if (value < low || value >= high) throw new AccelError("unsupported", `input '${name}' holds ${value}, and this browser's WebNN has 32-bit integers only`);
  return array.from(data, Number);
}

export class WebnnGraph {
  /** constantBytes(address, length): a view of a weight. */
  static async build(context, description, constantBytes) {
    const graph = new WebnnGraph();
    graph.context = context;
    graph.inputs = description.inputs;
    graph.outputs = description.outputs;
    graph.constantBytes = description.constants.reduce((sum, [, , , , bytes]) => sum + bytes, 0);
    graph.lost = null;
    context.lost?.then((info) => { graph.lost = info?.message || "the browser gives no reason"; });
    const builder = new MLGraphBuilder(context);
    const operands = buildOperands(builder, description, constantBytes);
    const outputs = Object.fromEntries(description.outputs.map(({ id }, index) => [`o${index}`, operands[id]]));
    // What opSupportLimits promised, a backend may refuse all the same.
    await graph.#guard("build the graph", async () => { graph.graph = await builder.build(outputs); }, "unsupported");
    await graph.#guard("make the tensors", () => graph.#makeTensors(), "out_of_memory");
    return graph;
  }

  async #guard(what, work, status = "error") {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AccelError) throw error;
      if (this.lost) throw new AccelError("error", `the browser's WebNN device was lost (${this.lost}): load the model again`);
      throw new AccelError(status, `the browser's WebNN could not ${what}: ${sentence(error)}`);
    }
  }

  async #makeTensors() {
    const make = (values, flag) => Promise.all(values.map(({ type, dims }) => this.context.createTensor({ dataType: type, shape: dims, [flag]: true })));
    this.inputTensors = await make(this.inputs, "writable");
    this.outputTensors = await make(this.outputs, "readable");
    this.feeds = Object.fromEntries(this.inputs.map(({ name }, index) => [name, this.inputTensors[index]]));
    this.results = Object.fromEntries(this.outputTensors.map((tensor, index) => [`o${index}`, tensor]));
    this.arrays = this.outputs.map(({ type, dims }) => new held[type](dims.reduce((product, dim) => product * dim, 1)));
  }

  /** {name: typed array of the model's own type}; inputs that nothing reads are passed over. */
  write(feeds) {
    return this.#guard("take the inputs", async () => {
      this.inputs.forEach(({ name, type, given }, index) => {
        const data = given === "int64" || given === "uint64" ? narrowed(name, feeds[name], held[type]) : feeds[name];
        this.context.writeTensor(this.inputTensors[index], data);
      });
    });
  }

  /** One inference, its outputs read. */
  run() {
    return this.#guard("run the graph", async () => {
      this.context.dispatch(this.graph, this.feeds, this.results);
      await Promise.all(this.outputTensors.map((tensor, index) => this.context.readTensor(tensor, this.arrays[index])));
    });
  }

  /** Copies of the last run's outputs, in the model's own types. */
  read() {
    return Object.fromEntries(this.outputs.map(({ name, type, dims, given }, index) => {
      const array = wide[given];
      const data = array && array !== Uint8Array ? array.from(this.arrays[index], BigInt) : this.arrays[index].slice();
      return [name, { type: given ?? type, dims, data }];
    }));
  }

  /** What the browser says that it runs on. */
  get devices() {
    return [...(this.graph.devices ?? [])].map(String);
  }

  dispose() {
    for (const tensor of [...(this.inputTensors ?? []), ...(this.outputTensors ?? [])]) tensor.destroy();
    this.graph?.destroy?.();
  }
}

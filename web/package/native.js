// The open model of an engine, run by accel's own kernels. webnn.js has a class with the same functions.
import { AccelError } from "./errors.js";

export const arrays = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array, int8: Int8Array, uint8: Uint8Array,
  int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
};

/** Throws when a feed is not what it says that it is. */
export function checkTensor(name, { type, dims, data } = {}) {
  const array = arrays[type];
  if (!array) throw new AccelError("invalid_argument", `input '${name}' has the type ${type}; types are ${Object.keys(arrays).join(", ")}`);
  const count = Array.isArray(dims) ? dims.reduce((product, dim) => product * dim, 1) : NaN;
  const fits = data instanceof array || (type === "float16" && data?.constructor?.name === "Float16Array");
  if (!fits || data.length !== count)
    throw new AccelError("invalid_argument", `input '${name}' of ${type} [${dims}] takes a ${array.name} of ${count} elements, not ${data?.length} in a ${data?.constructor?.name}`);
}

/** Inputs in the engine's memory while use has them: [{name, type, dims, at}]. */
function withFeeds(engine, feeds, use) {
  const given = [];
  try {
    for (const [name, tensor] of Object.entries(feeds)) {
      checkTensor(name, tensor);
      const { type, dims, data } = tensor;
      given.push({ name, type, dims, at: engine.put(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) });
    }
    use(given);
  } finally {
    for (const { at } of given) engine.free(at);
  }
}

/** Hands inputs to the engine, which checks them and completes what follows from them. */
export function bindFeeds(engine, feeds) {
  withFeeds(engine, feeds, (inputs) => engine.do("page_bind", JSON.stringify(inputs)));
}

/** Begins a text; the engine checks the options. */
export function startText(engine, feeds, options) {
  const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);
  withFeeds(engine, feeds ?? {}, (inputs) => engine.do("page_generate_start", JSON.stringify({ ...options, inputs }, plain)));
}

export class NativeModel {
  devices = [];

  constructor(engine) {
    this.engine = engine;
  }

  /** Shapes that are known before the first run. */
  async prepare({ shapes = {}, dims = {} } = {}) {
    this.engine.do("page_shapes", JSON.stringify({ shapes, dims }));
  }

  async bind(feeds) {
    bindFeeds(this.engine, feeds);
  }

  async seed({ batch = 0, sequence = 0, seed = 0 } = {}) {
    this.engine.do("page_seed", batch, sequence, seed);
  }

  async run() {
    this.engine.do("page_run");
  }

  /** Copies of the last run's outputs. */
  async outputs() {
    const outputs = {};
    for (const { name, type, dims, at, bytes } of this.engine.ask("page_outputs")) {
      const array = arrays[type];
      if (!array) throw new AccelError("unsupported", `output '${name}' is ${type}, which JavaScript has no array for`);
      outputs[name] = { type, dims, data: new array(this.engine.bytes(at, bytes).slice().buffer) };
    }
    return outputs;
  }

  async sample({ lead_in_ms = 0, duration_ms, least = 1, most = 0 }) {
    return this.engine.ask("page_sample", lead_in_ms, duration_ms, least, most);
  }

  generate(feeds, options) {
    startText(this.engine, feeds, options);
  }

  /** {tokens: one a row, done, ms}: ms of the runs alone. */
  nextTokens() {
    for (let ms = 0; ;) {
      this.engine.do("page_generate_prepare");
      const start = performance.now();
      const next = this.engine.ask("page_generate_run");
      ms += performance.now() - start;
      if (next.tokens || next.done) return { ...next, ms };
    }
  }

  endText() {
    this.engine.call("page_generate_end");
  }

  memory() {
    return this.engine.ask("page_memory");
  }

  /** What it computes in. */
  precision() {
    return this.engine.ask("page_ran").precision;
  }

  /** How long the last making ready took. */
  preparedMs() {
    return this.engine.call("page_prepared_ms");
  }
}

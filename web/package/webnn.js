// The open model of an engine, run by the browser's WebNN: the engine reads it and says how its graph is built. native.js has a class with the
// same functions.
import { AccelError } from "./errors.js";
import { arrays, bindFeeds } from "./native.js";
import { createContext, WebnnGraph } from "./webnn_graph.js";

const SAMPLES_AT_MOST = 65536;
const CLOCK_STEPS_A_SAMPLE = 10; // so that a step is at most a tenth of what it measures

/** The smallest of a few steps that the clock makes, in ms. */
function clockStep() {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    const before = performance.now();
    let now = before;
    while (now === before) now = performance.now();
    least = Math.min(least, now - before);
  }
  return least;
}

export class WebnnModel {
  #context;
  #graph = null;
  #shapes = ""; // that the graph was built for
  #prepared = 0;
  #precision = "fp32";

  static async open(engine, { deviceType } = {}) {
    const model = new WebnnModel();
    model.engine = engine;
    model.#context = await createContext(deviceType);
    engine.do("page_webnn_start", JSON.stringify(model.#context.opSupportLimits()));
    return model;
  }

  /** What the browser says that it uses; nothing before the graph is built. */
  get devices() {
    return this.#graph?.devices ?? [];
  }

  async prepare({ shapes = {}, dims = {} } = {}) {
    this.engine.do("page_shapes", JSON.stringify({ shapes, dims }));
    if (this.#inputs().every(({ dims: known }) => known.every(Number.isInteger))) await this.#build();
  }

  #inputs() {
    return this.engine.ask("page_describe").inputs;
  }

  async #build() {
    const start = performance.now();
    const engine = this.engine;
    const description = engine.ask("page_webnn_describe");
    this.#precision = description.precision;
    this.#drop();
    try {
      this.#graph = await WebnnGraph.build(this.#context, description, (at, bytes) => engine.bytes(at, bytes));
    } finally {
      engine.call("page_webnn_forget");
    }
    this.#shapes = JSON.stringify(this.#inputs());
    this.#prepared = performance.now() - start;
  }

  #drop() {
    this.#graph?.dispose();
    this.#graph = null;
  }

  async bind(feeds) {
    bindFeeds(this.engine, feeds);
    if (!this.#graph || JSON.stringify(this.#inputs()) !== this.#shapes) await this.#build();
    const views = this.engine.ask("page_webnn_inputs").map(({ name, type, at, bytes }) => [name, new arrays[type](this.engine.bytes(at, bytes).slice().buffer)]);
    await this.#graph.write(Object.fromEntries(views));
  }

  #need() {
    if (!this.#graph) throw new AccelError("invalid_argument", "the model has no inputs yet: bind them first");
    return this.#graph;
  }

  async run() {
    await this.#need().run();
  }

  async outputs() {
    return this.#need().read();
  }

  async sample({ lead_in_ms = 0, duration_ms, least = 1, most = 0 }) {
    const graph = this.#need();
    const clock_resolution_ms = clockStep();
    let lead_in_runs = 0;
    const start = performance.now();
    do await graph.run(); while (++lead_in_runs && performance.now() - start < lead_in_ms);
    const run_ms = (performance.now() - start) / lead_in_runs;
    const runs_per_sample = Math.floor((clock_resolution_ms * CLOCK_STEPS_A_SAMPLE) / (run_ms + 1e-6)) + 1;
    const samples_ms = [], begin = performance.now();
    for (let before = begin; samples_ms.length < (most || SAMPLES_AT_MOST) && (samples_ms.length < least || before - begin < duration_ms);) {
      for (let i = 0; i < runs_per_sample; i++) await graph.run();
      const now = performance.now();
      samples_ms.push((now - before) / runs_per_sample);
      before = now;
    }
    return { samples_ms, elapsed_ms: performance.now() - begin, lead_in_runs, runs_per_sample, clock_resolution_ms };
  }

  /** What WebNN keeps beside the weights, it does not tell. */
  memory() {
    return { model_bytes: this.#graph?.constantBytes ?? 0, activation_bytes: null };
  }

  precision() {
    return this.#precision;
  }

  preparedMs() {
    return this.#prepared;
  }
}

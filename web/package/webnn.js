// The open model of an engine, run by the browser's WebNN: the engine reads it and says how its graph is built. native.js has a class with the
// same functions.
import { AccelError } from "./errors.js";
import { arrays, bindFeeds } from "./native.js";
import { sample } from "./sample.js";
import { createContext, WebnnGraph } from "./webnn_graph.js";

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

  async sample(options) {
    const graph = this.#need();
    return sample(() => graph.run(), options);
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

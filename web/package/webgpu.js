// The open model of an engine, run by the browser's WebGPU: the engine reads it and plans what the GPU is to do. native.js has a class with the same
// functions.
import { AccelError } from "./errors.js";
import { arrays, bindFeeds, startText } from "./native.js";
import { sample } from "./sample.js";
import { GpuWriter } from "./webgpu_generate.js";
import { buildPlan, engineBytes } from "./webgpu_plan.js";
import { Pipelines } from "./webgpu_pipelines.js";
import { ShaderList } from "./webgpu_shaders.js";

/** Of a GpuDevice and a request to load: pipelines, and with the feature shaderPrecompile the list of those that the last load needed, which are begun. */
export async function startShaders(gpu, request) {
  const pipelines = new Pipelines(gpu);
  if (!request.options.features?.shaderPrecompile) return { pipelines, list: null };
  const list = await ShaderList.open(request, gpu.adapter);
  pipelines.begin(list.shaders);
  return { pipelines, list };
}

export class WebgpuModel {
  #gpu;
  #graph = null;
  #shapes = ""; // that the graph was built for
  #prepared = 0;
  #planned = null;
  #inputs = null; // as the GPU holds them
  #shaders;
  #weights = new Map(); // on the GPU, whatever the shapes: GpuGraph.build
  #profile;
  #writer = null; // of the text that is being written
  #writers = {}; // pipelines of texts, by the stage that they are of
  #precision;

  /** gpu: a GpuDevice; precision: that the engine opened the model for, which a plan keeps or refuses; tuning: variants of kernels, or nothing; shaders: of
   * startShaders; profile: take the time of each step. */
  constructor(engine, gpu, { precision = "fp32", tuning, shaders, profile = false }) {
    const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = gpu.device.limits;
    this.engine = engine;
    this.#gpu = gpu;
    this.#shaders = shaders;
    this.#profile = profile;
    this.#precision = precision;
    engine.call("page_webgpu_start", maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension, gpu.subgroup, Number(gpu.half));
    if (tuning) engine.do("page_webgpu_tune", tuning);
  }

  get devices() {
    return [this.adapter.name];
  }

  get adapter() {
    return this.#gpu.adapter;
  }

  async prepare({ shapes = {}, dims = {} } = {}) {
    this.engine.do("page_shapes", JSON.stringify({ shapes, dims }));
    if (this.#values().every(({ dims: known }) => known.every(Number.isInteger))) await this.#build();
  }

  #values() {
    return this.engine.ask("page_describe").inputs;
  }

  async #build() {
    const start = performance.now();
    this.#drop();
    const plan = this.engine.ask("page_webgpu_plan");
    this.#planned = performance.now() - start;
    const kept = this.#shaders.list?.keep(plan.shaders); // while all below goes on
    this.#graph = await buildPlan(this.engine, this.#gpu, plan, { pipelines: this.#shaders.pipelines, weights: this.#weights, profile: this.#profile });
    this.#shapes = JSON.stringify(this.#values());
    await kept; // a page that leaves at once finds it the next time
    this.#prepared = performance.now() - start;
  }

  #drop() {
    this.#graph?.dispose();
    this.#graph = null;
    this.#inputs = null;
  }

  /** The inputs that the engine has now. */
  async #take() {
    if (!this.#graph || JSON.stringify(this.#values()) !== this.#shapes) await this.#build();
    this.#inputs = this.#graph.plan.inputs.map(([, , bytes], index) => engineBytes(this.engine, bytes, "page_webgpu_input", index).slice());
    this.engine.call("page_webgpu_forget");
    await this.#graph.hold(this.#inputs);
    this.#graph.plan.inputs.forEach(([, , , held], index) => { if (held) this.#inputs[index] = null; }); // the GPU has them
  }

  async bind(feeds) {
    bindFeeds(this.engine, feeds);
    await this.#take();
  }

  async seed({ batch = 0, sequence = 0, seed = 0 } = {}) {
    this.engine.do("page_seed", batch, sequence, seed);
    await this.#take();
  }

  async run() {
    if (!this.#inputs) throw new AccelError("invalid_argument", "the model has no inputs yet: bind them first");
    await this.#graph.run(this.#inputs);
  }

  /** Copies of the last run's outputs, in the model's own types. */
  async outputs() {
    const at = this.engine.put(await this.#graph.outputs());
    try {
      const tensors = this.engine.ask("page_webgpu_outputs", at);
      return Object.fromEntries(tensors.map(({ name, type, dims, at: place, bytes }) =>
        [name, { type, dims, data: new arrays[type](this.engine.bytes(place, bytes).slice().buffer) }]));
    } finally {
      this.engine.free(at);
    }
  }

  generate(feeds, options) {
    this.endText();
    startText(this.engine, feeds, options);
    this.#writer = new GpuWriter(this.engine, this.#gpu, this.#writers, this.#weights);
  }

  nextTokens() {
    return this.#writer.next();
  }

  endText() {
    this.#writer?.dispose();
    this.#writer = null;
    this.engine.call("page_generate_end");
  }

  async sample(options) {
    this.#graph?.takeGpuMs();
    return { ...(await sample(() => this.run(), options)), gpu_ms: this.#graph.takeGpuMs() };
  }

  /** [[node, operator, kernel, nanoseconds, flops, bytes]] of the last run, a step each. */
  profile() {
    const { step_ns, plan } = this.#graph ?? {};
    if (!step_ns) throw new AccelError("invalid_argument", "the model was loaded without `profile`, or has not run");
    const costs = this.engine.ask("page_webgpu_costs");
    return plan.steps.map(([node, shader], i) => [node, costs[i][0], plan.shaders[shader].name, step_ns[i], costs[i][1], costs[i][2]]);
  }

  memory() {
    const { weight_bytes = 0, value_bytes = 0 } = this.#graph?.plan ?? {};
    return { model_bytes: weight_bytes, activation_bytes: value_bytes };
  }

  precision() {
    return this.#precision;
  }

  preparedMs() {
    return this.#prepared;
  }

  /** Parts of it. */
  figures() {
    const { upload_ms = null, pipeline_ms = null, plan } = this.#graph ?? {};
    return { plan_ms: this.#planned, upload_ms, pipeline_ms, tuned: plan?.tuned ?? null, ...this.#shaders.pipelines.figures() };
  }
}

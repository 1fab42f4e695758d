// Carries out a plan of src/engines/webgpu (page_webgpu_plan in src/page/page.h has its form) on a GpuDevice. Knows nothing of the wasm engine.
import { AccelError } from "./errors.js";
import { Pipelines } from "./webgpu_pipelines.js";

const PARAMETER_BYTES = 256;
const PIECE_BYTES = 16 << 20; // written at once
const IN_FLIGHT_BYTES = 64 << 20; // what is written waits in memory until the queue takes it
const TIME_BYTES = 8; // a timestamp; they lie before the outputs
const MOST_TIMES = 4096; // of a set of queries

export class GpuGraph {
  #buffers = [];
  #gpuTimes = [];
  pipeline_ms = null; // from the first request to the last pipeline; while that goes on:
  upload_ms = null; // memory made, weights on the device

  /** data: {parameters(), constant(index)}: bytes, good until the next call. pipelines: that may be there already. weights: {key: buffer} of graphs of the
   *  same model, to which this one's are added; they outlive it. profile: each step is a pass of its own, whose time is taken: step_ns. */
  static async build(gpu, plan, data, { pipelines: made = new Pipelines(gpu), weights = null, profile = false } = {}) {
    const graph = new GpuGraph();
    graph.gpu = gpu;
    graph.device = gpu.device;
    graph.plan = plan;
    graph.made = made;
    graph.weights = weights;
    graph.profile = profile;
    if (profile) graph.#checkProfile();
    try {
      const pipelines = graph.#compile();
      pipelines.catch(() => {}); // told when it is waited for
      await gpu.guard("take the weights", () => graph.#upload(data));
      graph.#keepWeights();
      await gpu.guard("make the kernels", async () => { graph.pipelines = await pipelines; });
      await gpu.guard("bind memory to kernels", () => graph.#bindSteps());
    } catch (error) {
      graph.dispose();
      throw error;
    }
    return graph;
  }

  #checkProfile() {
    if (!this.gpu.timed) throw new AccelError("unsupported", `the GPU ${this.gpu.adapter.name} tells no times (timestamp-query)`);
    if (2 * this.plan.steps.length > MOST_TIMES)
      throw new AccelError("limit", `a profile takes the times of at most ${MOST_TIMES / 2} kernels, the model has ${this.plan.steps.length}`);
  }

  /* ---- pipelines ---- */

  async #compile() {
    const start = performance.now();
    const pipelines = await this.made.all(this.plan.shaders);
    this.pipeline_ms = performance.now() - start;
    return pipelines;
  }

  /* ---- memory ---- */

  async #makeBuffers() {
    const errors = [];
    const make = (what, size, usage) => {
      const { made, error } = this.gpu.buffer(what, size, usage);
      this.#buffers.push(made);
      errors.push(error);
      return made;
    };
    const { STORAGE, COPY_DST, COPY_SRC, UNIFORM, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage;
    const keys = new Map(this.plan.constants.map(([buffer, , , key]) => [buffer, key])); // one that has a key is alone in its buffer
    this.memory = this.plan.buffers.map((size, i) => this.weights?.get(keys.get(i)) ?? make(`buffer ${i} of the model`, size, STORAGE | COPY_DST | COPY_SRC));
    this.parameters = make("parameters", (this.plan.steps.length + 1) * PARAMETER_BYTES, UNIFORM | COPY_DST);
    this.outputBytes = this.plan.outputs.reduce((sum, [, , bytes, held]) => sum + (held ? 0 : bytes), 0);
    this.timeCount = this.profile ? 2 * Math.max(this.plan.steps.length, 1) : 2;
    this.timesBytes = this.timeCount * TIME_BYTES;
    this.reading = make("the outputs", this.timesBytes + this.outputBytes, MAP_READ | COPY_DST);
    if (this.gpu.timed) {
      const { made, error } = this.gpu.scoped(`the GPU ${this.gpu.adapter.name} gives no timestamps`, () => this.device.createQuerySet({ type: "timestamp", count: this.timeCount }));
      this.queries = made;
      errors.push(error);
      this.times = make("timestamps", this.timesBytes, QUERY_RESOLVE | COPY_SRC);
    }
    const failed = (await Promise.all(errors)).find(Boolean);
    if (failed) throw failed;
  }

  #taken() {
    return this.gpu.finished(this.device.queue.onSubmittedWorkDone());
  }

  async #upload(data) {
    const start = performance.now(), queue = this.device.queue;
    await this.#makeBuffers();
    if (this.plan.steps.length > 0) queue.writeBuffer(this.parameters, 0, data.parameters());
    let inFlight = 0;
    for (const [index, [buffer, offset, length, key]] of this.plan.constants.entries()) {
      if (this.weights?.has(key)) continue;
      const bytes = length > 0 ? data.constant(index) : [];
      for (let at = 0; at < length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        queue.writeBuffer(this.memory[buffer], offset + at, piece);
        inFlight += piece.length;
        if (inFlight < IN_FLIGHT_BYTES) continue;
        await this.#taken();
        inFlight = 0;
      }
    }
    await this.#taken();
    this.upload_ms = performance.now() - start;
  }

  #keepWeights() {
    if (!this.weights) return;
    for (const [buffer, , , key] of this.plan.constants) if (key) this.weights.set(key, this.memory[buffer]);
    const kept = new Set(this.weights.values());
    this.#buffers = this.#buffers.filter((buffer) => !kept.has(buffer));
  }

  async #bindSteps() {
    const { made, error } = this.gpu.scoped("binding memory to kernels", () => this.plan.steps.map(([label, shader, , ranges], index) => {
      const { name, written } = this.plan.shaders[shader];
      const entries = [{ binding: 0, resource: { buffer: this.parameters, offset: index * PARAMETER_BYTES, size: PARAMETER_BYTES } }];
      for (let i = 0; i < ranges.length; i += 3)
        entries.push({ binding: entries.length, resource: { buffer: this.memory[ranges[i]], offset: ranges[i + 1], size: ranges[i + 2] } });
      return this.device.createBindGroup({ label: `${name} of ${label}`, layout: this.made.layoutOf(written).group, entries });
    }));
    const failed = await error;
    if (failed) throw failed;
    this.groups = made;
  }

  /* ---- running ---- */

  /** A pass of the steps from `first` to before `end`. */
  #encodePass(encoder, first, end, time) {
    const timestampWrites = this.queries && { querySet: this.queries, beginningOfPassWriteIndex: time, endOfPassWriteIndex: time + 1 };
    const pass = encoder.beginComputePass({ timestampWrites });
    let last = null;
    for (let index = first; index < end; index++) {
      const [, shader, groups] = this.plan.steps[index];
      if (shader !== last) pass.setPipeline(this.pipelines[shader]);
      last = shader;
      pass.setBindGroup(0, this.groups[index]);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
  }

  #encode() {
    const encoder = this.device.createCommandEncoder(), count = this.plan.steps.length;
    if (this.profile) for (let i = 0; i < count; i++) this.#encodePass(encoder, i, i + 1, 2 * i);
    if (!this.profile || count === 0) this.#encodePass(encoder, 0, count, 0);
    if (this.queries) {
      encoder.resolveQuerySet(this.queries, 0, this.timeCount, this.times, 0);
      encoder.copyBufferToBuffer(this.times, 0, this.reading, 0, this.timesBytes);
    }
    let at = this.timesBytes;
    for (const [buffer, offset, bytes, held] of this.plan.outputs) {
      if (held) continue; // read by those who want it
      if (bytes > 0) encoder.copyBufferToBuffer(this.memory[buffer], offset, this.reading, at, bytes);
      at += bytes;
    }
    return encoder.finish();
  }

  #read() {
    const times = new BigUint64Array(this.reading.getMappedRange(0, this.timesBytes));
    const between = (begin, end) => (end >= begin ? Number(end - begin) : 0);
    if (this.queries && times.at(-1) >= times[0]) this.#gpuTimes.push(Number(times.at(-1) - times[0]) / 1e6);
    if (this.profile) this.step_ns = this.plan.steps.map((_, i) => between(times[2 * i], times[2 * i + 1]));
    this.read = this.outputBytes > 0 ? new Uint8Array(this.reading.getMappedRange(this.timesBytes)).slice() : new Uint8Array(0);
    this.reading.unmap();
  }

  #write(inputs, wanted) {
    this.plan.inputs.forEach(([buffer, offset, bytes, held = false], index) => {
      if (bytes > 0 && held === wanted) this.device.queue.writeBuffer(this.memory[buffer], offset, inputs[index]);
    });
  }

  /** Inputs that stay on the GPU, and change there only. inputs: bytes, in the plan's order. */
  hold(inputs) {
    return this.gpu.guard("take the inputs", async () => this.#write(inputs, true));
  }

  /** Bytes of all outputs of the last run, one behind the other; those that stayed on the GPU are read now. */
  async outputs() {
    const held = this.plan.outputs.filter(([, , , held]) => held);
    if (held.length === 0) return this.read;
    const there = await this.gpu.guard("read what it holds", () => this.#readHeld(held));
    let before = 0, behind = 0;
    return new Uint8Array(await new Blob(this.plan.outputs.map(([, , bytes, held]) =>
      held ? there.subarray(behind, (behind += bytes)) : this.read.subarray(before, (before += bytes)))).arrayBuffer());
  }

  async #readHeld(held) {
    const size = held.reduce((sum, [, , bytes]) => sum + bytes, 0);
    const { made: reading, error } = this.gpu.buffer("the caches", size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    try {
      const failed = await error;
      if (failed) throw failed;
      const encoder = this.device.createCommandEncoder();
      let at = 0;
      for (const [buffer, offset, bytes] of held) {
        encoder.copyBufferToBuffer(this.memory[buffer], offset, reading, at, bytes);
        at += bytes;
      }
      this.device.queue.submit([encoder.finish()]);
      await this.gpu.finished(reading.mapAsync(GPUMapMode.READ));
      return new Uint8Array(reading.getMappedRange()).slice();
    } finally {
      reading.destroy();
    }
  }

  /** One inference, its outputs read but for those that are held. inputs: bytes, in the plan's order. */
  run(inputs) {
    return this.gpu.guard("run the model", async () => {
      this.#write(inputs, false);
      this.device.queue.submit([this.#encode()]);
      await this.gpu.finished(this.reading.mapAsync(GPUMapMode.READ));
      this.#read();
    });
  }

  /** The median of what the GPU needed for runs since the last time that this was asked; null: it does not tell. */
  takeGpuMs() {
    const times = this.#gpuTimes.sort((a, b) => a - b);
    this.#gpuTimes = [];
    return times.length > 0 ? times[times.length >> 1] : null;
  }

  dispose() {
    for (const buffer of this.#buffers) buffer.destroy();
    this.queries?.destroy();
  }
}

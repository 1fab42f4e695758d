// Carries out a plan of src/engines/webgpu (page_webgpu_plan in src/page/page.h has its form) on a GpuDevice. Knows nothing of the wasm engine.
import { AccelError } from "./errors.js";
import { sentence } from "./webgpu_device.js";

const PARAMETER_BYTES = 256;
const PIECE_BYTES = 16 << 20; // written at once
const IN_FLIGHT_BYTES = 64 << 20; // what is written waits in memory until the queue takes it
const TIMES_BYTES = 16; // two timestamps, before the outputs

/** What a browser finds wrong in a shader's text, with line and column; "" when it is something else. */
async function compileErrors(module) {
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
  return sentence(messages.filter(({ type }) => type === "error").map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`).join("\n"));
}

export class GpuGraph {
  #layouts = new Map(); // by the pattern of their bindings: equal ones are one
  #buffers = [];
  #gpuTimes = [];
  pipeline_ms = null; // from the first request to the last pipeline; while that goes on:
  upload_ms = null; // memory made, weights on the device

  /** data: {parameters(), constant(index)}: bytes, good until the next call. */
  static async build(gpu, plan, data) {
    const graph = new GpuGraph();
    graph.gpu = gpu;
    graph.device = gpu.device;
    graph.plan = plan;
    try {
      const pipelines = graph.#compile();
      pipelines.catch(() => {}); // told when it is waited for
      await gpu.guard("take the weights", () => graph.#upload(data));
      await gpu.guard("make the kernels", async () => { graph.pipelines = await pipelines; });
      await gpu.guard("bind memory to kernels", () => graph.#bindSteps());
    } catch (error) {
      graph.dispose();
      throw error;
    }
    return graph;
  }

  /* ---- pipelines ---- */

  #layoutOf(written) {
    const key = written.join();
    if (!this.#layouts.has(key)) {
      const types = ["uniform", ...written.map((is) => (is ? "storage" : "read-only-storage"))];
      const entries = types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }));
      const group = this.device.createBindGroupLayout({ entries });
      this.#layouts.set(key, { group, pipeline: this.device.createPipelineLayout({ bindGroupLayouts: [group] }) });
    }
    return this.#layouts.get(key);
  }

  async #pipeline({ name, text, written }) {
    const { pipeline: layout } = this.#layoutOf(written);
    const { made: module, error } = this.gpu.scoped(`kernel '${name}'`, () => this.device.createShaderModule({ label: name, code: text }));
    try {
      return await this.device.createComputePipelineAsync({ label: name, layout, compute: { module, entryPoint: "main" } });
    } catch (refusal) {
      const why = await compileErrors(module);
      throw why ? new AccelError("error", `kernel '${name}': ${why}`) : (await error) ?? new AccelError("error", `kernel '${name}': ${refusal.message}`);
    }
  }

  async #compile() {
    const start = performance.now();
    const pipelines = await Promise.race([Promise.all(this.plan.shaders.map((shader) => this.#pipeline(shader))), this.gpu.gone]);
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
    this.memory = this.plan.buffers.map((size, i) => make(`buffer ${i} of the model`, size, STORAGE | COPY_DST | COPY_SRC));
    this.parameters = make("parameters", (this.plan.steps.length + 1) * PARAMETER_BYTES, UNIFORM | COPY_DST);
    this.outputBytes = this.plan.outputs.reduce((sum, [, , bytes, held]) => sum + (held ? 0 : bytes), 0);
    this.reading = make("the outputs", TIMES_BYTES + this.outputBytes, MAP_READ | COPY_DST);
    if (this.gpu.timed) {
      const { made, error } = this.gpu.scoped(`the GPU ${this.gpu.adapter.name} gives no timestamps`, () => this.device.createQuerySet({ type: "timestamp", count: 2 }));
      this.queries = made;
      errors.push(error);
      this.times = make("timestamps", TIMES_BYTES, QUERY_RESOLVE | COPY_SRC);
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
    for (const [index, [buffer, offset, length]] of this.plan.constants.entries()) {
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

  async #bindSteps() {
    const { made, error } = this.gpu.scoped("binding memory to kernels", () => this.plan.steps.map(([label, shader, , ranges], index) => {
      const { name, written } = this.plan.shaders[shader];
      const entries = [{ binding: 0, resource: { buffer: this.parameters, offset: index * PARAMETER_BYTES, size: PARAMETER_BYTES } }];
      for (let i = 0; i < ranges.length; i += 3)
        entries.push({ binding: entries.length, resource: { buffer: this.memory[ranges[i]], offset: ranges[i + 1], size: ranges[i + 2] } });
      return this.device.createBindGroup({ label: `${name} of ${label}`, layout: this.#layoutOf(written).group, entries });
    }));
    const failed = await error;
    if (failed) throw failed;
    this.groups = made;
  }

  /* ---- running ---- */

  #encode() {
    const encoder = this.device.createCommandEncoder();
    const timestampWrites = this.queries && { querySet: this.queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    const pass = encoder.beginComputePass({ timestampWrites });
    this.plan.steps.forEach(([, shader, groups], index, steps) => {
      if (index === 0 || steps[index - 1][1] !== shader) pass.setPipeline(this.pipelines[shader]);
      pass.setBindGroup(0, this.groups[index]);
      pass.dispatchWorkgroups(...groups);
    });
    pass.end();
    if (this.queries) {
      encoder.resolveQuerySet(this.queries, 0, 2, this.times, 0);
      encoder.copyBufferToBuffer(this.times, 0, this.reading, 0, TIMES_BYTES);
    }
    let at = TIMES_BYTES;
    for (const [buffer, offset, bytes, held] of this.plan.outputs) {
      if (held) continue; // read by those who want it
      if (bytes > 0) encoder.copyBufferToBuffer(this.memory[buffer], offset, this.reading, at, bytes);
      at += bytes;
    }
    return encoder.finish();
  }

  #read() {
    const [begin, end] = new BigUint64Array(this.reading.getMappedRange(0, TIMES_BYTES));
    if (this.queries && end >= begin) this.#gpuTimes.push(Number(end - begin) / 1e6);
    this.read = this.outputBytes > 0 ? new Uint8Array(this.reading.getMappedRange(TIMES_BYTES)).slice() : new Uint8Array(0);
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

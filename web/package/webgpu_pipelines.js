// Pipelines of a GpuDevice: one for each shader's text and the buffers it writes, asked for by a plan, or before there is one: of the shaders that an
// earlier load made (webgpu_shaders.js).
import { AccelError } from "./errors.js";
import { sentence } from "./webgpu_device.js";

/** What a browser finds wrong in a shader's text, with line and column; "" when it is something else. */
async function compileErrors(module) {
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
  return sentence(messages.filter(({ type }) => type === "error").map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`).join("\n"));
}

const keyOf = ({ name, text, written }) => `${name}\n${written.join()}\n${text}`;

export class Pipelines {
  #layouts = new Map(); // by the pattern of their bindings: equal ones are one
  #made = new Map(); // key of a shader -> promise of its pipeline
  #early = new Set(); // keys of those that were begun before the plan
  #making = 0;
  #since = 0;
  #busy = 0;

  constructor(gpu) {
    this.gpu = gpu;
    this.device = gpu.device;
  }

  layoutOf(written) {
    const key = written.join();
    if (!this.#layouts.has(key)) {
      const types = ["uniform", ...written.map((is) => (is ? "storage" : "read-only-storage"))];
      const entries = types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }));
      const group = this.device.createBindGroupLayout({ entries });
      this.#layouts.set(key, { group, pipeline: this.device.createPipelineLayout({ bindGroupLayouts: [group] }) });
    }
    return this.#layouts.get(key);
  }

  async #compile({ name, text, written }) {
    const { pipeline: layout } = this.layoutOf(written);
    const { made: module, error } = this.gpu.scoped(`kernel '${name}'`, () => this.device.createShaderModule({ label: name, code: text }));
    try {
      return await this.device.createComputePipelineAsync({ label: name, layout, compute: { module, entryPoint: "main" } });
    } catch (refusal) {
      const why = await compileErrors(module);
      throw why ? new AccelError("error", `kernel '${name}': ${why}`) : (await error) ?? new AccelError("error", `kernel '${name}': ${refusal.message}`);
    }
  }

  async #make(shader) {
    if (this.#making++ === 0) this.#since = performance.now();
    try {
      return await this.#compile(shader);
    } finally {
      if (--this.#making === 0) this.#busy += performance.now() - this.#since;
    }
  }

  /** Begins with shaders that a plan may ask for. What is wrong with one is told to the plan that asks for it, and else to nobody. */
  begin(shaders) {
    for (const shader of shaders) {
      const key = keyOf(shader), made = this.#make(shader);
      made.catch(() => this.#made.delete(key));
      this.#made.set(key, made);
      this.#early.add(key);
    }
  }

  get(shader) {
    const key = keyOf(shader);
    if (!this.#made.has(key)) {
      this.#early.delete(key);
      const made = this.#make(shader);
      made.catch(() => this.#made.delete(key));
      this.#made.set(key, made);
    }
    return this.#made.get(key);
  }

  /** All that a plan needs, in its order; others are forgotten. */
  async all(shaders) {
    const pipelines = await Promise.race([Promise.all(shaders.map((shader) => this.get(shader))), this.gpu.gone]);
    const wanted = new Set(shaders.map(keyOf));
    for (const key of this.#made.keys()) if (!wanted.has(key)) this.#made.delete(key);
    for (const key of this.#early) if (!wanted.has(key)) this.#early.delete(key);
    return pipelines;
  }

  /** Of the shaders of the last plan: how many there are, how many of them were begun before it; how long shaders were being compiled in all. */
  figures() {
    return { shaders: this.#made.size, shaders_listed: this.#early.size, shaders_compiled: this.#made.size - this.#early.size, shader_ms: this.#busy };
  }
}

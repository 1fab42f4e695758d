// A text that is written on the GPU, run by run (page_generate_ready in src/page/page.h). Keys and values of earlier tokens stay there; of a run, the page
// reads the tokens alone, or the logits where the token is not chosen on the GPU.
import { Pipelines } from "./webgpu_pipelines.js";
import { buildPlan, engineBytes } from "./webgpu_plan.js";

/** What a graph leaves for another, in buffers of its own. caches: as page_generate_ready gives them. */
async function keepCaches(gpu, graph, caches) {
  const { COPY_SRC, COPY_DST } = GPUBufferUsage;
  const made = caches.map(([, , , , rows, bytes]) => gpu.buffer("the prompt's keys and values", rows * bytes, COPY_SRC | COPY_DST));
  const kept = made.map(({ made: buffer }) => buffer);
  const failed = (await Promise.all(made.map(({ error }) => error))).find(Boolean);
  if (failed) {
    for (const buffer of kept) buffer.destroy();
    throw failed;
  }
  const encoder = gpu.device.createCommandEncoder();
  caches.forEach(([from, offset, , , rows, bytes], i) => encoder.copyBufferToBuffer(graph.memory[from], offset, kept[i], 0, rows * bytes));
  gpu.device.queue.submit([encoder.finish()]);
  return kept;
}

function placeCaches(gpu, graph, caches, kept) {
  const encoder = gpu.device.createCommandEncoder();
  caches.forEach(([, , to, offset, rows, bytes, apart], i) => {
    for (let row = 0; row < rows; row++) encoder.copyBufferToBuffer(kept[i], row * bytes, graph.memory[to], offset + row * apart, bytes);
  });
  gpu.device.queue.submit([encoder.finish()]);
}

export class GpuWriter {
  #engine;
  #gpu;
  #pipelines;
  #weights;
  #graph = null;

  /** pipelines: {stage: Pipelines}, which lasts longer than a text: the next one has the same shaders; weights: as GpuGraph.build takes them, likewise. */
  constructor(engine, gpu, pipelines, weights) {
    this.#engine = engine;
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#weights = weights;
  }

  /** {tokens: one a row, done, ms}: ms of the runs alone. */
  async next() {
    this.#engine.call("page_webgpu_use", 1);
    try {
      for (let ms = 0; ;) {
        const stage = this.#engine.ask("page_generate_ready");
        if (stage.plan) await this.#build(stage);
        const start = performance.now();
        const next = await this.#run();
        ms += performance.now() - start;
        if (next.tokens || next.done) return { ...next, ms };
      }
    } finally {
      this.#engine.call("page_webgpu_use", 0);
    }
  }

  /** The prompt's graph goes before the decoder's comes: what is not shared is there once. */
  async #build({ stage, plan, caches }) {
    const gpu = this.#gpu;
    const kept = caches.length > 0 ? await gpu.guard("keep the prompt's keys and values", () => keepCaches(gpu, this.#graph, caches)) : [];
    try {
      this.dispose();
      this.#pipelines[stage] ??= new Pipelines(gpu);
      this.#graph = await buildPlan(this.#engine, gpu, plan, { pipelines: this.#pipelines[stage], weights: this.#weights });
      await gpu.guard("fill the caches", async () => placeCaches(gpu, this.#graph, caches, kept));
    } finally {
      for (const buffer of kept) buffer.destroy();
    }
  }

  async #run() {
    const engine = this.#engine;
    const inputs = this.#graph.plan.inputs.map(([, , bytes, held], index) => (held ? null : engineBytes(engine, bytes, "page_webgpu_input", index).slice()));
    await this.#graph.run(inputs);
    const at = engine.put(this.#graph.read);
    try {
      return engine.ask("page_generate_take", at);
    } finally {
      engine.free(at);
    }
  }

  dispose() {
    this.#graph?.dispose();
    this.#graph = null;
  }
}

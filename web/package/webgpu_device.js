// The browser's GPU: its adapter, what it tells of itself, a device of it; what goes wrong there, in words.
import { AccelError } from "./errors.js";

const ANSWER_MS = 20000; // an adapter that takes longer is none
const POLL_MS = 50; // a browser that takes longer to say that nothing is done looks for finished work from time to time only
const LOSS_MS = 200; // a loss is told a little later than what follows from it
const WAITED_PARTS = 16; // such a browser is asked again when a 16th of the time until now has passed
// What the kernels may need; the rest stays at its defaults.
const LIMITS = [
  "maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage", "maxComputeWorkgroupsPerDimension", "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX", "maxComputeWorkgroupSizeY", "maxComputeWorkgroupSizeZ", "maxComputeWorkgroupStorageSize",
];

const after = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

function noGpu() {
  if (globalThis.isSecureContext === false) return "WebGPU is given to secure pages only (https or localhost)";
  return "this browser has no WebGPU here (navigator.gpu): Firefox on Linux has it with dom.webgpu.enabled, Chromium since version 113";
}

/** The GPUAdapter; where there is none, AccelError "absent" says what was looked for. */
export async function findAdapter() {
  if (!globalThis.navigator?.gpu) throw new AccelError("absent", noGpu());
  const adapter = await Promise.race([
    navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch((error) => error), after(ANSWER_MS, "late"),
  ]);
  if (adapter === "late") throw new AccelError("absent", `this browser's WebGPU does not say within ${ANSWER_MS / 1000} s whether it has an adapter`);
  if (adapter instanceof Error) throw new AccelError("absent", `this browser's WebGPU gives no adapter: ${adapter.message}`);
  if (!adapter)
    throw new AccelError("absent", "this browser's WebGPU has no adapter (requestAdapter() gives null): it needs a GPU with a driver, or a software one " +
      "(Chromium: --enable-unsafe-webgpu; Firefox: gfx.webgpu.ignore-blocklist and a Vulkan driver such as mesa-vulkan-drivers)");
  return adapter;
}

/** Plain data of an adapter (Adapter in index.d.ts). */
export function describeAdapter(adapter) {
  const { vendor = "", architecture = "", device = "", description = "", isFallbackAdapter, subgroupMinSize, subgroupMaxSize } = adapter.info ?? {};
  const fallback = isFallbackAdapter ?? adapter.isFallbackAdapter ?? null;
  const named = [vendor, architecture, device, description].filter(Boolean).join(" ") || "an adapter that the browser does not name";
  const limits = {};
  for (const name in adapter.limits) limits[name] = adapter.limits[name];
  return {
    name: fallback ? `${named} (software)` : named, vendor, architecture, device, description, fallback,
    subgroup_sizes: subgroupMinSize ? [subgroupMinSize, subgroupMaxSize] : null, features: [...adapter.features].sort(), limits,
  };
}

/** The first lines of what a browser says, as one. */
export const sentence = (message) => String(message).split("\n").map((line) => line.trim()).filter(Boolean).slice(0, 8).join(" | ");

const FILTERS = { validation: "error", "out-of-memory": "out_of_memory", internal: "error" };

export class GpuDevice {
  lost = null;
  #failure = null; // an error that no scope caught
  #polled = false;
  #channel = new MessageChannel();
  // Timers wait for 4 ms at least, and who does not sleep takes time from a GPU that is software. Pages may not sleep like that.
  #sleeper = typeof WorkerGlobalScope === "undefined" ? null : new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);

  static async open() {
    const adapter = await findAdapter();
    const gpu = new GpuDevice();
    gpu.adapter = describeAdapter(adapter);
    const requiredLimits = Object.fromEntries(LIMITS.filter((name) => adapter.limits[name] !== undefined).map((name) => [name, adapter.limits[name]]));
    gpu.timed = adapter.features.has("timestamp-query");
    gpu.half = adapter.features.has("shader-f16");
    gpu.subgroup = adapter.features.has("subgroups") ? gpu.adapter.subgroup_sizes?.[0] ?? 0 : 0;
    try {
      const requiredFeatures = [...(gpu.timed ? ["timestamp-query"] : []), ...(gpu.subgroup ? ["subgroups"] : []), ...(gpu.half ? ["shader-f16"] : [])];
      gpu.device = await adapter.requestDevice({ label: "accel", requiredLimits, requiredFeatures });
    } catch (error) {
      throw new AccelError("absent", `the GPU ${gpu.adapter.name} gives no device: ${sentence(error.message)}`);
    }
    gpu.#watch();
    await gpu.#learnPolling();
    return gpu;
  }

  #watch() {
    this.device.addEventListener("uncapturederror", ({ error }) => { this.#failure ??= error; });
    this.gone = this.device.lost.then(({ reason, message }) => {
      this.lost = sentence(message) || reason || "the browser gives no reason";
      throw this.#lostError();
    });
    this.gone.catch(() => {}); // whoever waits for the GPU hears of it
  }

  #lostError() {
    return new AccelError("crashed", `the GPU device ${this.adapter.name} was lost (${this.lost}): load the model again`);
  }

  /** Firefox looks for finished work ten times a second, and whenever something is submitted. */
  async #learnPolling() {
    const done = this.device.queue.onSubmittedWorkDone().then(() => false);
    this.#polled = await this.guard("start", () => Promise.race([done, after(POLL_MS, true), this.gone]));
    this.adapter.polled = this.#polled;
  }

  /** Waits for a promise that the browser keeps once work is done. */
  async finished(promise) {
    let settled = false;
    const done = Promise.race([promise, this.gone]).finally(() => { settled = true; });
    done.catch(() => {});
    const start = performance.now();
    while (this.#polled && !settled) {
      this.device.queue.submit([]);
      await this.#turn(Math.min((performance.now() - start) / WAITED_PARTS, 10));
    }
    return done;
  }

  /** Sleeps, and lets the browser tell what it has to tell. */
  #turn(ms) {
    if (this.#sleeper) Atomics.wait(this.#sleeper, 0, 0, Math.max(ms, 0.1));
    return new Promise((resolve) => {
      this.#channel.port1.onmessage = resolve;
      this.#channel.port2.postMessage(null);
    });
  }

  /** What work (which must not await) makes, and a promise of its first error, or null: an AccelError. `what`: "kernel 'gemm'". */
  scoped(what, work) {
    const filters = Object.keys(FILTERS);
    for (const filter of filters) this.device.pushErrorScope(filter);
    let made, popped;
    try {
      made = work();
    } finally {
      popped = filters.reverse().map((filter) => this.device.popErrorScope().then(
        (error) => error && new AccelError(FILTERS[filter], `${what}: ${sentence(error.message)}`), () => null /* the device is lost: told elsewhere */));
    }
    return { made, error: Promise.all(popped).then((errors) => errors.find((error) => error?.status === "out_of_memory") ?? errors.find(Boolean) ?? null) };
  }

  /** Awaits work; whatever goes wrong becomes a sentence. */
  async guard(what, work) {
    try {
      const result = await work();
      if (this.lost) throw this.#lostError();
      if (!this.#failure) return result;
    } catch (error) {
      if (error instanceof AccelError && error.status !== "error") throw error;
      await Promise.race([this.gone.catch(() => {}), after(LOSS_MS)]);
      if (this.lost) throw this.#lostError();
      if (error instanceof AccelError) throw error;
      this.#failure ??= error;
    }
    const error = this.#failure;
    this.#failure = null;
    const status = error.constructor.name === "GPUOutOfMemoryError" ? "out_of_memory" : "error";
    throw new AccelError(status, `the GPU ${this.adapter.name} could not ${what}: ${sentence(error.message)}`);
  }

  /** As scoped: a buffer. */
  buffer(what, size, usage) {
    return this.scoped(`the GPU ${this.adapter.name} gives no ${size} bytes for ${what}`, () => this.device.createBuffer({ label: what, size, usage }));
  }
}

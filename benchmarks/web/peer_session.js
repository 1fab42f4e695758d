// The peer's module and provider by accel's platform.
const providers = {
  wasm: ["ort.wasm.min.mjs", "wasm"],
  webgpu: ["ort.webgpu.min.mjs", "webgpu"],
  webnn: ["ort.all.min.mjs", { name: "webnn", deviceType: "cpu" }],
};

export const importPeer = (platform) => import(`/peer/${providers[platform][0]}`);

export function openSession(ort, model, threads, platform) {
  Object.assign(ort.env.wasm, { numThreads: threads, proxy: false, wasmPaths: "/peer/" });
  return ort.InferenceSession.create(model, { executionProviders: [providers[platform][1]], graphOptimizationLevel: "all" });
}

/** Tensors made once: all binding that the peer has for inputs. */
export function feedsOf(ort, inputs) {
  return Object.fromEntries(Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]));
}

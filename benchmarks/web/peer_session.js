/** The peer's module for a provider: "wasm" or "webgpu". */
export const importPeer = (platform) => import(`/peer/ort.${platform}.min.mjs`);

export function openSession(ort, model, threads, platform) {
  Object.assign(ort.env.wasm, { numThreads: threads, proxy: false, wasmPaths: "/peer/" });
  return ort.InferenceSession.create(model, { executionProviders: [platform], graphOptimizationLevel: "all" });
}

/** Tensors made once: all binding that the peer has for inputs. */
export function feedsOf(ort, inputs) {
  return Object.fromEntries(Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]));
}

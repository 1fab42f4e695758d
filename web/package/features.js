// What this page's browser can run. Each test is a module of a few bytes that only validates where the feature is there.

const validates = (...body) => WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...body]));

/** i8x16.popcnt of a splat: fixed-width SIMD. */
export const simd = () => validates(1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** i8x16.relaxed_swizzle. */
export const relaxedSimd = () =>
  validates(1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11);

export const isolated = () => globalThis.crossOriginIsolated === true;

/** A shared memory with an atomic load in it, which may be handed to other workers. */
export const threadsWork = () =>
  isolated() && typeof SharedArrayBuffer === "function" &&
  validates(1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11);

export const cpus = () => globalThis.navigator?.hardwareConcurrency || 1;

// What the engine asks of its host: src/base/wasm/host.h.
import { cpus } from "./features.js";

const decoder = new TextDecoder();

/** Text from the memory; a decoder takes no shared bytes, hence the copy. */
export const textAt = (memory, at, length) => decoder.decode(new Uint8Array(memory.buffer, at, length).slice());

export function imports(memory) {
  return {
    env: { memory },
    accel: {
      host_now_ns: () => performance.now() * 1e6,
      host_utc_us: () => Date.now() * 1e3,
      host_sleep_ns: (duration) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, duration / 1e6),
      host_log: (level, at, length) => console[["error", "warn", "info", "debug"][level] ?? "log"](textAt(memory, at >>> 0, length).trimEnd()),
      host_cpu_count: cpus,
    },
  };
}

// web/package/thread.js for Node: a worker that the engine's threads run on. workerData.fail: it traps instead of working.
import { parentPort, workerData } from "node:worker_threads";
import { imports } from "../../web/package/imports.js";

const { module, memory, stack, index, fail } = workerData;
const { exports } = await WebAssembly.instantiate(module, imports(memory));
exports.__stack_pointer.value = stack;
exports.__wasm_init_tls(stack);
parentPort.postMessage("ready");
if (fail) exports.page_thread_failed();
try {
  exports.page_thread_run(index);
} catch (error) {
  exports.page_thread_failed();
  throw error;
}

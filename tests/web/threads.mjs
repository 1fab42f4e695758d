// The builds with threads: node threads.mjs VARIANT-threads. The same results with any number of threads, also when sessions come and go; a thread
// that trapped ends the engine instead of being waited for.
import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { openModel, relativeL2, startEngine } from "./host.mjs";

const [variant] = process.argv.slice(2);

async function withThreads(count, fail = false) {
  const engine = await startEngine(variant);
  const workers = [];
  for (let index = 0; index < count - 1; index++) {
    const worker = new Worker(new URL("./thread_node.mjs", import.meta.url), { workerData: { ...engine.thread(index), fail } });
    worker.on("error", () => {});
    await new Promise((ready) => worker.once("message", ready));
    workers.push(worker);
  }
  while (engine.call("page_threads_waiting") < count - 1) await new Promise((later) => setTimeout(later, 1));
  return { engine, end: () => Promise.all(workers.map((worker) => worker.terminate())) };
}

async function results(threads) {
  const { engine, end } = await withThreads(threads);
  const all = [];
  for (const name of ["bert-tiny", "resnet-tiny", "gpt2-tiny"]) {
    const model = await openModel(engine, name, {}, { threads });
    for (const sequence of name === "resnet-tiny" ? [0] : [1, 5, 40, 5]) {
      await model.seed({ sequence });
      for (let run = 0; run < 20; run++) await model.run();
      all.push(...Object.values(await model.outputs()).map(({ data }) => data));
    }
  }
  await end();
  return all;
}

const one = await results(1);
for (const threads of [2, 3, 8]) (await results(threads)).forEach((data, i) => assert(relativeL2(data, one[i]) < 1e-5, `${threads} threads, output ${i}`));

// A thread that is still starting is not waited for: not by runs, nor by the end of a session. When it comes, it takes its share.
async function afterRuns(engine, threads, runs, meanwhile = () => {}) {
  const model = await openModel(engine, "bert-tiny", {}, { threads });
  await model.seed({ sequence: 40 });
  await model.run();
  await meanwhile();
  for (let run = 0; run < runs; run++) await model.run();
  return Object.values(await model.outputs())[0].data;
}

const alone = await afterRuns(await startEngine(variant), 1, 0);
const early = await startEngine(variant), workerData = early.thread(0);
let came = null;
const comes = async () => {
  came = new Worker(new URL("./thread_node.mjs", import.meta.url), { workerData });
  while (early.call("page_threads_waiting") < 1) await new Promise((later) => setTimeout(later, 1));
};
for (const meanwhile of [undefined, undefined, comes, undefined])
  assert(relativeL2(await afterRuns(early, 2, 20, meanwhile), alone) < 1e-5, "a thread that comes late");
await came.terminate();

const few = await withThreads(2);
const tooMany = await openModel(few.engine, "bert-tiny", {}, { threads: 3, dims: { batch: 1, sequence: 4 } }).then(() => null, (error) => error);
assert.match(tooMany.message, /cannot start thread 3 of 3: .*; ask for fewer threads/);
await openModel(few.engine, "bert-tiny", {}, { threads: 2, dims: { batch: 1, sequence: 4 } });
await few.end();

const failing = await withThreads(2, true);
await (await openModel(failing.engine, "bert-tiny", {}, { threads: 2, dims: { batch: 1, sequence: 64 } })).run(); // by the other thread alone
assert.throws(() => failing.engine.call("page_close"), { status: "crashed" }); // which waits for it here
await failing.end();
console.log("passed");
process.exit(0);

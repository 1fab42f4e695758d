/** A model under several tunings of its GPU kernels: each is loaded, its outputs are compared with the first one's, then they run in turns. */

import { load } from "../package/index.js";

const ROUNDS = 5;
const HOPELESS = 3; // so many times as long as the fastest: its time is known well enough

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Relative L2 of tensors by name. */
function difference(got, want) {
  let wrong = 0, whole = 0;
  for (const [name, { data }] of Object.entries(want))
    data.forEach((x, i) => {
      wrong += (Number(got[name].data[i]) - Number(x)) ** 2;
      whole += Number(x) ** 2;
    });
  return wrong === 0 ? 0 : Math.sqrt(wrong / (whole || 1));
}

async function start({ model, data, shapes, precision }, tuning, feeds, signal) {
  const trial = { model: await load({ model, data }, { platform: "webgpu", precision, shapes, tuning, signal }), ms: [], gpu: [] };
  try {
    if (trial.model.figures.tuned?.startsWith("tuned=0 ")) throw Object.assign(new Error("this device cannot run it: it has no such subgroups"), { status: "unsupported" });
    trial.outputs = await trial.model.run(feeds);
    return trial;
  } catch (error) {
    await trial.model.dispose();
    throw error;
  }
}

async function sample(trial, duration_ms) {
  const { samples_ms, gpu_ms } = await trial.model.sample({ lead_in_ms: 0, duration_ms, least: 1, most: 1000 });
  trial.ms.push(median(samples_ms));
  if (gpu_ms !== null) trial.gpu.push(gpu_ms);
}

/** {trials: [{ms, by_gpu, difference} or {status, error}], adapter}, in the order of job.tunings. */
export async function compareTunings(job, feeds, { signal }) {
  const trials = [], failed = ({ status = "error", message }) => ({ status, error: String(message) });
  let adapter = null;
  try {
    for (const tuning of job.tunings) trials.push(await start(job, tuning, feeds, signal).catch(failed));
    const alive = trials.filter(({ model }) => model);
    adapter = alive[0]?.model.adapter ?? null;
    const hopeless = ({ ms }) => ms.length > 0 && Math.min(...ms) > HOPELESS * Math.min(...alive.flatMap((other) => other.ms));
    for (let round = 0; round < ROUNDS; round++)
      for (const trial of alive)
        if (!trial.error && !signal.aborted && !hopeless(trial)) await sample(trial, job.duration_ms / ROUNDS / alive.length).catch((error) => Object.assign(trial, failed(error)));
    const timed = alive.every(({ gpu, ms }) => gpu.length === ms.length);
    return {
      adapter,
      trials: trials.map((trial) => trial.error ? { status: trial.status, error: trial.error }
        : { ms: median(timed ? trial.gpu : trial.ms), by_gpu: timed, difference: difference(trial.outputs, alive[0].outputs) }),
    };
  } finally {
    await Promise.all(trials.map(({ model }) => model?.dispose()));
  }
}

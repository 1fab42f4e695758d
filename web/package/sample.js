// Timed runs of a model that a browser's own interface runs. (The engine's own kernels are timed in C: src/page/sample.c.)

const SAMPLES_AT_MOST = 65536;
const CLOCK_STEPS_A_SAMPLE = 10; // so that a step is at most a tenth of what it measures

/** The smallest of a few steps that the clock makes, in ms. */
function clockStep() {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    const before = performance.now();
    let now = before;
    while (now === before) now = performance.now();
    least = Math.min(least, now - before);
  }
  return least;
}

/** Samples (index.d.ts) of run, which is awaited. */
export async function sample(run, { lead_in_ms = 0, duration_ms, least = 1, most = 0 }) {
  const clock_resolution_ms = clockStep();
  let lead_in_runs = 0;
  const start = performance.now();
  do await run(); while (++lead_in_runs && performance.now() - start < lead_in_ms);
  const run_ms = (performance.now() - start) / lead_in_runs;
  const runs_per_sample = Math.floor((clock_resolution_ms * CLOCK_STEPS_A_SAMPLE) / (run_ms + 1e-6)) + 1;
  const samples_ms = [], begin = performance.now();
  for (let before = begin; samples_ms.length < (most || SAMPLES_AT_MOST) && (samples_ms.length < least || before - begin < duration_ms);) {
    for (let i = 0; i < runs_per_sample; i++) await run();
    const now = performance.now();
    samples_ms.push((now - before) / runs_per_sample);
    before = now;
  }
  return { samples_ms, elapsed_ms: performance.now() - begin, lead_in_runs, runs_per_sample, clock_resolution_ms };
}

/** What load, run and the others reject with: a sentence for people, and `status`, a name of accel_status or "crashed". */
export class AccelError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "AccelError";
    this.status = status;
  }
}

/** What a promise gives; an error when that takes longer than so many ms: some stay open for ever when a process of the browser's has ended. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Error(`no answer within ${ms / 1000} s`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

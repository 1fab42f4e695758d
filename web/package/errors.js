/** What load, run and the others reject with: a sentence for people, and `status`, a name of accel_status or "crashed". */
export class AccelError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "AccelError";
    this.status = status;
  }
}

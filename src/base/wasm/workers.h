/* Workers of the page that this module's threads run on, in the builds that have threads. */
#ifndef ACCEL_BASE_WASM_WORKERS_H
#define ACCEL_BASE_WASM_WORKERS_H

enum { WORKERS_MOST = 64 };

/* A worker of this index is starting: threads may be given to it from now on. What they do begins when it calls thread_worker_run. */
void thread_worker_expect(int worker);
/* Of a worker, with an index of its own below WORKERS_MOST: waits for work for ever. Its stack and thread-local variables are set by the page
 * before (page.h). */
_Noreturn void thread_worker_run(int worker);
/* Of a worker that trapped: whoever waits for it traps, too, within half a second. */
void thread_worker_failed(void);
/* How many have called thread_worker_run. */
int thread_workers_waiting(void);

#endif

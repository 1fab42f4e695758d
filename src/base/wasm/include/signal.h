/* A page sends its threads no signals: what base/posix/thread_pool.c does about them is nothing. */
#ifndef ACCEL_WASM_SIGNAL_H
#define ACCEL_WASM_SIGNAL_H

typedef int sigset_t;
enum { SIG_SETMASK };

static inline void sigfillset(sigset_t *set) {
    *set = 0;
}
static inline void pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
    (void)how;
    if (before) {
        *before = *set;
    }
}

#endif

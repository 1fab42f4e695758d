#include "browsers/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

static void *run(void *context) {
    enum {
        QUICK_MS = 10,
        TICK_MS = 50
    }; /* quick until it is there: one that was never seen shows by its absence only */
    const double appears_s = 20;
    const uint64_t begin = clock_now_ns();
    guard *g = context;
    struct pollfd place = {g->quit[0], POLLIN, 0};
    pid_t pid = 0;
    bool seen = false;
    while (poll(&place, 1, seen ? TICK_MS : QUICK_MS) == 0 && !g->lost) {
        bool there = browser_process_has(g->driver, g->name, &pid);
        g->lost = !there && (seen || (double)(clock_now_ns() - begin) * 1e-9 > appears_s);
        seen = seen || there;
    }
    if (g->lost)
        (void)kill(browser_process_pid(g->driver), SIGKILL);
    return NULL;
}

void guard_start(guard *g, browser_process *driver, const char *name) {
    *g = (guard){.driver = driver, .name = name, .quit = {-1, -1}};
    g->has_thread = pipe2(g->quit, O_CLOEXEC) == 0 && pthread_create(&g->thread, NULL, run, g) == 0;
}

bool guard_stop(guard *g) {
    if (g->quit[1] >= 0)
        close(g->quit[1]);
    if (g->has_thread)
        pthread_join(g->thread, NULL);
    if (g->quit[0] >= 0)
        close(g->quit[0]);
    return g->lost;
}

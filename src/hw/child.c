/* The child of hw_ask: a supervisor and, below it, the worker that calls the vendor's library. Whatever the library starts, even in
 * a session of its own, becomes the supervisor's child when its parent ends, and is ended by it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "hw/ask.h"

/* ---- the worker --------------------------------------------------------------------------------------------------------- */

static bool write_all(int descriptor, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(descriptor, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        length -= (size_t)n;
    }
    return true;
}

/* The exit code. */
static int work(const hw_probe *probe) {
    accel_error err = {0};
    str_buf out = {0};
    hw_report *r = hw_report_create();
    if (!r)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    accel_status status = probe->ask(r, &err);
    if (status != ACCEL_OK)
        status = hw_report_evidence(r, probe->name, false, "its library", "%s",
                                    err.message[0] ? err.message : "failed without a reason");
    hw_report_write_json(r, &out);
    bool told = status == ACCEL_OK && !out.failed && write_all(ANSWER_DESCRIPTOR, out.data, out.length + 1);
    str_free(&out);
    hw_report_destroy(r);
    return told ? 0 : 1;
}

/* ---- the supervisor ------------------------------------------------------------------------------------------------------- */

/* Kills the children that there are. False: the system does not list them. */
static bool kill_children(void) {
    char path[64], *text = NULL;
    size_t length = 0;
    str_format(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    if (file_read(path, 1 << 16, &text, &length, NULL) != ACCEL_OK)
        return false;
    for (char *at = text, *end = NULL;; at = end) {
        long child = strtol(at, &end, 10);
        if (end == at)
            break;
        (void)kill((pid_t)child, SIGKILL);
    }
    mem_free(text);
    return true;
}

/* Ends all that is left, generation by generation: the children of one that is killed become ours. */
static void end_all(pid_t worker) {
    (void)kill(worker, SIGKILL);
    for (;;) {
        bool listed = kill_children();
        pid_t ended = waitpid(-1, NULL, listed ? 0 : WNOHANG);
        if (ended == 0 || (ended < 0 && errno != EINTR))
            return;
    }
}

/* SIGTERM and SIGCHLD, which are blocked and waited for. */
static sigset_t awaited(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    return set;
}

/* Until the worker has ended; false: this process was told to end. */
static bool wait_worker(pid_t worker, int *state) {
    sigset_t set = awaited();
    while (waitpid(worker, state, WNOHANG) != worker)
        if (sigwaitinfo(&set, NULL) == SIGTERM)
            return false;
    return true;
}

/* Waits for the worker and ends as it did, after all that it started. */
static int supervise(pid_t worker) {
    int state = 0;
    bool ended = wait_worker(worker, &state);
    end_all(worker);
    if (ended && WIFSIGNALED(state)) {
        signal(WTERMSIG(state), SIG_DFL);
        raise(WTERMSIG(state));
    }
    return ended && WIFEXITED(state) ? WEXITSTATUS(state) : 1;
}

static const hw_probe *find(const hw_probe *const *probes, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(probes[i]->name, name) && probes[i]->ask)
            return probes[i];
    return NULL;
}

int hw_child_main(const hw_probe *const *probes, size_t count, const char *name) {
    const struct rlimit none = {0, 0};
    sigset_t set = awaited();
    const hw_probe *probe = NULL;
    if (probes)
        probe = find(probes, count, name);
    for (size_t i = 0; !probes && i < hw_probe_count(); i++) {
        const hw_probe *one = hw_probe_at(i);
        probe = probe ? probe : find(&one, 1, name);
    }
    if (!probe || fcntl(ANSWER_DESCRIPTOR, F_SETFD, FD_CLOEXEC) != 0)
        return 1;
    setrlimit(RLIMIT_CORE, &none);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    pid_t worker = fork();
    if (worker == 0) {
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        exit(work(probe));
    }
    return worker > 0 ? supervise(worker) : 1;
}

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
#include "base/posix/io.h"
#include "hw/ask.h"
#include "hw/report.h"

/* ---- the worker --------------------------------------------------------------------------------------------------------- */

/* What the parent knows of devices; nothing where it cannot be read. */
static void take_known(hw_report *r) {
    char *text = NULL;
    size_t length = 0;
    if (file_read("/proc/self/fd/" KNOWN_TEXT, HW_ANSWER_BYTES, &text, &length, NULL) == ACCEL_OK)
        (void)hw_report_merge_json(r, text, length, NULL);
    mem_free(text);
}

/* What the library added to what was known. */
static bool tell(const hw_report *r, const hw_report *known) {
    str_buf out = {0};
    str_append(&out, "{\"devices\":");
    report_write_devices(r, known, &out);
    report_write_evidence(r, &out);
    str_append_char(&out, '}');
    bool told = !out.failed && io_write_all(ANSWER_DESCRIPTOR, out.data, out.length + 1);
    str_free(&out);
    return told;
}

/* The exit code. */
static int work(const char *probe, const hw_question *question) {
    accel_error err = {0};
    hw_report *r = hw_report_create(), *known = hw_report_create();
    if (!r || !known)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    take_known(r);
    take_known(known);
    accel_status status = question->ask(r, &err);
    if (status != ACCEL_OK)
        status = hw_report_evidence(r, probe, false, question_subject(question), "%s",
                                    err.message[0] ? err.message : "failed without a reason");
    bool told = status == ACCEL_OK && tell(r, known);
    hw_report_destroy(known);
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

static const hw_question *find(const hw_probe *probe, const char *name) {
    for (size_t i = 0; probe->questions && probe->questions[i]; i++)
        if (str_equal(probe->questions[i]->name, name))
            return probe->questions[i];
    return NULL;
}

int hw_child_main(const hw_probe *const *probes, size_t count, const char *name) {
    const struct rlimit none = {0, 0};
    sigset_t set = awaited();
    const hw_probe *probe = NULL;
    const hw_question *question = NULL;
    count = probes ? count : hw_probe_count();
    for (size_t i = 0; i < count && !question; i++) {
        probe = probes ? probes[i] : hw_probe_at(i);
        question = find(probe, name);
    }
    if (!question || fcntl(ANSWER_DESCRIPTOR, F_SETFD, FD_CLOEXEC) != 0)
        return 1;
    setrlimit(RLIMIT_CORE, &none);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    pid_t worker = fork();
    if (worker == 0) {
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        exit(work(probe->name, question));
    }
    return worker > 0 ? supervise(worker) : 1;
}

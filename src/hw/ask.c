/* A vendor's library is asked in a process of its own, which answers on a descriptor that nothing else prints to. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "hw/ask.h"

extern char **environ;

enum { LIFTED = 10, TICK_MS = 20 };

/* ---- the parent --------------------------------------------------------------------------------------------------------- */

typedef struct asked {
    pid_t pid;
    int answers; /* our end */
    str_buf text;
    bool whole;
    int state; /* as waitpid gives it */
    bool reaped;
} asked;

static int spawn(asked *c, const char *program, const char *probe, int child_end, int null) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)HW_CHILD_ARGUMENT,
                         (char *)(uintptr_t)probe, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int descriptor = 0; descriptor <= 2; descriptor++) /* what a library prints goes nowhere */
        posix_spawn_file_actions_adddup2(&actions, null, descriptor);
    posix_spawn_file_actions_adddup2(&actions, child_end, ANSWER_DESCRIPTOR);
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failure = posix_spawn(&c->pid, program, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

/* 0, or the error number of what could not be made. */
static int start(asked *c, const char *program, const char *probe) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return errno;
    c->answers = ends[0];
    int child_end = fcntl(ends[1], F_DUPFD_CLOEXEC, LIFTED); /* above those that it becomes */
    int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
    int null = opened >= 0 ? fcntl(opened, F_DUPFD_CLOEXEC, LIFTED) : -1;
    int failure = child_end < 0 || null < 0 ? errno : fcntl(child_end, F_SETFL, 0) != 0 ? errno : 0;
    if (failure == 0)
        failure = spawn(c, program, probe, child_end, null);
    close(ends[1]);
    const int rest[] = {child_end, opened, null};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (rest[i] >= 0)
            close(rest[i]);
    if (failure != 0) {
        close(c->answers);
        c->answers = -1;
        c->pid = 0;
    }
    return failure;
}

/* Takes what has come. False when no more will: the end mark, the end of the pipe, or more than a probe says. */
static bool take(asked *c) {
    char part[4096];
    for (;;) {
        ssize_t n = read(c->answers, part, sizeof part);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
        const char *mark = memchr(part, 0, (size_t)n);
        str_append_bytes(&c->text, part, mark ? (size_t)(mark - part) : (size_t)n);
        c->whole = mark != NULL;
        if (c->whole || c->text.failed || c->text.length > HW_ANSWER_BYTES)
            return false;
    }
}

static bool has_ended(asked *c) {
    c->reaped = c->reaped || waitpid(c->pid, &c->state, WNOHANG) == c->pid;
    return c->reaped;
}

/* Until the answer is whole, the child has ended, or the time is over or nobody waits any more: then false. */
static bool wait_for(asked *c, double timeout_s, const volatile sig_atomic_t *cancel) {
    uint64_t deadline = clock_now_ns() + (uint64_t)(timeout_s * 1e9);
    for (;;) {
        struct pollfd p = {c->answers, POLLIN, 0};
        (void)poll(&p, 1, TICK_MS);
        if (!take(c))
            return true;
        if (has_ended(c)) {
            (void)take(c); /* its last words */
            return true;
        }
        if (clock_now_ns() > deadline || (cancel && *cancel))
            return false;
    }
}

/* Ends it with all that it started: its supervisor does that when told to, and the rest of its group is killed if it cannot. What was
 * answered before is enough: how it ends after that is its library's affair. */
static void end(asked *c) {
    enum { CLOSING_MS = 100, WAIT_MS = 1000 };
    bool by_itself = has_ended(c);
    if (!by_itself &&
        !c->whole) /* its pipe closed: it may be about to end by itself, and how is worth knowing */
        for (int i = 0; i < CLOSING_MS && !(by_itself = has_ended(c)); i++)
            clock_sleep_ns(1000000);
    if (!by_itself)
        kill(c->pid, SIGTERM);
    for (int i = 0; i < WAIT_MS && !has_ended(c); i++)
        clock_sleep_ns(1000000);
    kill(-c->pid, SIGKILL);
    while (!c->reaped && waitpid(c->pid, &c->state, 0) < 0 && errno == EINTR)
        continue;
    c->reaped = by_itself; /* now: whether the state is its own doing */
    close(c->answers);
}

static accel_status tell(hw_report *r, const hw_probe *probe, const char *format, ...) ACCEL_PRINTF(3, 4);
static accel_status tell(hw_report *r, const hw_probe *probe, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    return hw_report_evidence(r, probe->name, false, "its library", "%s", text);
}

static accel_status tell_end(hw_report *r, const hw_probe *probe, const asked *c) {
    if (c->reaped && WIFSIGNALED(c->state)) {
        const char *name = sigabbrev_np(WTERMSIG(c->state));
        return tell(r, probe, "crashed with SIG%s when it was asked", name ? name : "?");
    }
    if (c->reaped)
        return tell(r, probe, "ended the process that asked it, with exit code %d and without an answer",
                    WEXITSTATUS(c->state));
    return tell(r, probe, "gave no answer that can be read");
}

static accel_status answer_of(hw_report *r, const hw_probe *probe, const char *text, size_t length) {
    accel_error why = {0};
    accel_status status = hw_report_merge_json(r, text, length, &why);
    if (status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY)
        return status;
    return tell(r, probe, "gave an answer that cannot be read: %s", why.message);
}

static accel_status ask_child(hw_source *s, const hw_probe *probe, const hw_options *options, hw_report *r,
                              accel_error *err) {
    const double usual_s = 5;
    double timeout_s = options->timeout_s > 0 ? options->timeout_s : usual_s;
    asked c = {.answers = -1};
    char name[64];
    int failure = start(&c, options->program ? options->program : "/proc/self/exe", probe->name);
    if (failure != 0)
        return tell(r, probe, "was not asked: cannot start a process (%s)", strerror(failure));
    bool in_time = wait_for(&c, timeout_s, options->cancel);
    end(&c);
    accel_status status;
    if (c.whole && !c.text.failed) {
        str_format(name, sizeof name, "ask %s", probe->name);
        status = answer_of(r, probe, str_text(&c.text), c.text.length);
        if (status == ACCEL_OK)
            status = hw_answer_remember(s, name, str_text(&c.text), err);
    } else if (options->cancel && *options->cancel) {
        status = error_set(err, ACCEL_CANCELLED, "cancelled while %s's library was asked", probe->name);
    } else if (!in_time) {
        status = tell(r, probe, "did not answer within %.3g s and was ended", timeout_s);
    } else {
        status = tell_end(r, probe, &c);
    }
    str_free(&c.text);
    return status;
}

accel_status hw_ask(hw_source *s, const hw_probe *probe, const hw_options *options, hw_report *r,
                    accel_error *err) {
    char name[64];
    str_format(name, sizeof name, "ask %s", probe->name);
    const char *said = hw_answer(s, name);
    if (said)
        return answer_of(r, probe, said, strlen(said));
    if (hw_source_kind_of(s) != HW_SOURCE_LIVE)
        return ACCEL_OK;
    return ask_child(s, probe, options, r, err);
}

#include "browsers/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/posix/spawn.h"
#include "browsers/tree.h"

enum { GIVEN = 3, LIFTED = 16 };
static const double DYING_S = 5, ORPHAN_GRACE_S = 2;

typedef enum news { NEWS_STARTED, NEWS_FAILED, NEWS_ENDED } news;

typedef struct message {
    news what;
    int value; /* process id; error number; signal or exit code */
    bool by_signal;
} message;

/* ---- the program ------------------------------------------------------------------------------------------------------- */

static void place_descriptors(const browser_process_options *o, int words, int null) {
    int given[2] = {-1, -1};
    for (int i = 0; i < 2; i++)
        if (o->given[i] >= 0)
            given[i] = fcntl(o->given[i], F_DUPFD_CLOEXEC, LIFTED);
    (void)dup2(null, 0);
    (void)dup2(words, 1);
    (void)dup2(words, 2);
    for (int i = 0; i < 2; i++)
        if (given[i] >= 0)
            (void)dup2(given[i], GIVEN + i);
    /* What a library of ours left open must not stay open in there. */
    (void)close_range(given[0] >= 0 ? given[1] >= 0 ? GIVEN + 2 : GIVEN + 1 : GIVEN, ~0U,
                      CLOSE_RANGE_CLOEXEC);
}

static void forget_signals(void) {
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
}

static _Noreturn void become(const browser_process_options *o, char *const *environment, pid_t parent,
                             int words, int null, int failed) {
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, o->orphan_signal);
    if (getppid() != parent) /* it died before that */
        _exit(1);
    place_descriptors(o, words, null);
    (void)execve(o->arguments[0], (char *const *)(uintptr_t)o->arguments, environment);
    int number = errno;
    ssize_t told = write(failed, &number, sizeof number);
    _exit(told == (ssize_t)sizeof number ? 127 : 126);
}

/* Whether exec worked: the pipe closes with it. 0, or the error number. */
static int wait_exec(int failed) {
    int number = 0;
    ssize_t n;
    while ((n = read(failed, &number, sizeof number)) < 0 && errno == EINTR)
        continue;
    return n == (ssize_t)sizeof number ? number : 0;
}

/* ---- the supervisor, a fork of this process: glibc lets it allocate, though there were other threads ---------------------- */

typedef struct watch {
    const browser_process_options *options;
    pid_t program;
    int line, lock, changes; /* changes: of its children, a signalfd */
    bool none_left;
} watch;

static void tell(const watch *w, news what, int value, bool by_signal) {
    const message m = {what, value, by_signal};
    (void)send(w->line, &m, sizeof m, MSG_NOSIGNAL);
}

/* Our caller's sockets and pipes must close when it closes them. What is kept becomes 3, 4 and 5. */
static void keep_only(watch *w, int null, int *failed) {
    enum { KEPT = 6, MOST = 1 << 16 };
    int kept[KEPT] = {null, null, null, w->line, w->lock, *failed};
    for (int i = 0; i < KEPT; i++)
        kept[i] = kept[i] >= 0 ? fcntl(kept[i], F_DUPFD_CLOEXEC, LIFTED) : -1;
    for (int i = 0; i < KEPT; i++)
        (void)(kept[i] >= 0 ? dup2(kept[i], i) : close(i));
    if (close_range(KEPT, ~0U, 0) != 0)
        for (int i = KEPT; i < MOST; i++)
            (void)close(i);
    w->line = GIVEN;
    w->lock = w->lock >= 0 ? GIVEN + 1 : -1;
    *failed = GIVEN + 2;
}

static void reap(watch *w) {
    for (;;) {
        siginfo_t end = {0};
        if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG) != 0) {
            w->none_left = errno == ECHILD;
            return;
        }
        if (end.si_pid == 0)
            return;
        if (end.si_pid == w->program) {
            tell(w, NEWS_ENDED, end.si_status, end.si_code != CLD_EXITED);
            w->program = 0;
        }
    }
}

static void take_changes(const watch *w) {
    struct signalfd_siginfo some[16];
    while (read(w->changes, some, sizeof some) > 0)
        continue;
}

static bool wait_none_left(watch *w, double limit_s) {
    const uint64_t begin = clock_now_ns();
    for (;;) {
        take_changes(w);
        reap(w);
        double left_s = limit_s - (double)(clock_now_ns() - begin) * 1e-9;
        if (w->none_left || left_s <= 0)
            return w->none_left;
        struct pollfd place = {w->changes, POLLIN, 0};
        (void)poll(&place, 1, (int)(left_s * 1e3) + 1);
    }
}

static bool end_all(watch *w, double grace_s) {
    const double pause_s = 0.01;
    const tree all = {.keeper = getpid()};
    const uint64_t begin = clock_now_ns();
    if (grace_s > 0) {
        (void)tree_signal(&all, SIGTERM);
        if (wait_none_left(w, grace_s))
            return true;
    }
    do { /* new ones may have been started meanwhile */
        (void)tree_signal(&all, SIGKILL);
        if (w->program > 0) /* where there is no /proc to find them in */
            (void)kill(-w->program, SIGKILL);
        if (wait_none_left(w, pause_s))
            return true;
    } while ((double)(clock_now_ns() - begin) * 1e-9 < grace_s + DYING_S);
    return false; /* a process that waits for a dead disk is left to the system */
}

/* Whether the other end is gone. */
static bool is_alone(const watch *w) {
    struct pollfd place = {w->line, POLLIN, 0};
    return poll(&place, 1, 0) == 1 && (place.revents & (POLLHUP | POLLERR)) != 0;
}

/* Until the other end says how to end, or is gone. */
static _Noreturn void supervise(watch *w) {
    struct pollfd places[] = {{w->line, POLLIN, 0}, {w->changes, POLLIN, 0}};
    double grace_s = 0;
    while (!places[0].revents) {
        take_changes(w);
        reap(w);
        (void)poll(places, 2, -1);
    }
    bool told = recv(w->line, &grace_s, sizeof grace_s, 0) == (ssize_t)sizeof grace_s;
    if (!told)
        grace_s = w->options->orphan_signal == SIGTERM ? ORPHAN_GRACE_S : 0;
    bool ended = end_all(w, grace_s);
    /* Who told it may have been killed since: a process that sees its caller's pipes close begins to end, and is killed itself a moment later. */
    if ((!told || is_alone(w)) && ended && w->options->folder)
        owned_folder_abandon(w->options->folder->path, w->lock, DYING_S);
    _exit(ended ? 0 : 1);
}

static _Noreturn void be_supervisor(watch *w, char *const *environment, int words, int null,
                                    const int failed[2]) {
    sigset_t all, of_children;
    pid_t self = getpid();
    int outcome = failed[0];
    forget_signals();
    sigfillset(&all); /* who ends our caller by a signal to its group must not end us */
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_NAME, "accel-watch");
    w->program = fork();
    if (w->program == 0)
        become(w->options, environment, self, words, null, failed[1]);
    int failure = w->program < 0 ? errno : 0;
    keep_only(w, null, &outcome);
    failure = failure != 0 ? failure : wait_exec(outcome);
    (void)close(outcome);
    if (failure != 0) {
        tell(w, NEWS_FAILED, failure, false);
        _exit(0);
    }
    tell(w, NEWS_STARTED, w->program, false);
    sigemptyset(&of_children);
    sigaddset(&of_children, SIGCHLD);
    w->changes = signalfd(-1, &of_children, SFD_CLOEXEC | SFD_NONBLOCK);
    supervise(w);
}

/* ---- this process's side ----------------------------------------------------------------------------------------------- */

static void close_if_open(int *descriptor) {
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

void supervisor_close(supervisor *s) {
    close_if_open(&s->line);
    close_if_open(&s->words);
}

static int wait_for_exit(const supervisor *s) {
    int state = 0;
    pid_t got;
    while ((got = waitpid(s->pid, &state, 0)) < 0 && errno == EINTR)
        continue;
    return got == s->pid ? state : 0; /* a caller that waits for all its children may have had it */
}

static int wait_started(supervisor *s) {
    message m;
    ssize_t n;
    while ((n = recv(s->line, &m, sizeof m, 0)) < 0 && errno == EINTR)
        continue;
    int failure = n != (ssize_t)sizeof m ? SUPERVISOR_LOST : m.what == NEWS_FAILED ? m.value : 0;
    if (failure != 0) {
        (void)wait_for_exit(s);
        return failure;
    }
    s->program = m.value;
    return 0;
}

int supervisor_start(const browser_process_options *options, char *const *environment, supervisor *out) {
    int line[2] = {-1, -1}, words[2] = {-1, -1}, failed[2] = {-1, -1}, null = -1, failure = 0;
    *out = (supervisor){.line = -1, .words = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) != 0 || pipe2(words, O_CLOEXEC) != 0 ||
        pipe2(failed, O_CLOEXEC) != 0 || (words[1] = spawn_lift(words[1])) < 0 ||
        (failed[1] = spawn_lift(failed[1])) < 0 ||
        (null = spawn_lift(open("/dev/null", O_RDWR | O_CLOEXEC))) < 0)
        failure = errno;
    out->line = line[0];
    out->words = words[0];
    if (failure == 0) {
        watch w = {.options = options, .line = line[1], .lock = options->folder ? options->folder->lock : -1};
        out->pid = fork();
        if (out->pid == 0)
            be_supervisor(&w, environment, words[1], null, failed);
        failure = out->pid < 0 ? errno : 0;
    }
    close_if_open(&line[1]);
    close_if_open(&words[1]);
    close_if_open(&failed[0]);
    close_if_open(&failed[1]);
    close_if_open(&null);
    failure = failure != 0 ? failure : wait_started(out);
    if (failure == 0)
        (void)fcntl(out->words, F_SETFL, O_NONBLOCK);
    else
        supervisor_close(out);
    return failure;
}

bool supervisor_tells_end(const supervisor *s, program_end *out) {
    message m;
    ssize_t n = recv(s->line, &m, sizeof m, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    bool told = n == (ssize_t)sizeof m;
    if (told && m.what != NEWS_ENDED)
        return false;
    *out = told ? (program_end){.by_signal = m.by_signal, .value = m.value} : (program_end){.unseen = true};
    return true;
}

bool supervisor_end(supervisor *s, double grace_s) {
    bool told = send(s->line, &grace_s, sizeof grace_s, MSG_NOSIGNAL) == (ssize_t)sizeof grace_s;
    int state = wait_for_exit(s);
    return told && WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

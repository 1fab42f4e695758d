#include "browsers/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/posix/spawn.h"
#include "browsers/ring.h"
#include "browsers/tree.h"

enum { GIVEN = 3, LIFTED = 10, TICK_MS = 100 };

extern char **environ;

struct browser_process {
    const browser_process_options *options; /* while starting */
    char **environment;                     /* while starting */
    char *mark;
    pid_t pid;
    int words, quit[2]; /* our end of its stdout and stderr; a pipe that closes when the thread is to end */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t change;
    bool started, ended;
    int failure; /* an error number: why it did not start */
    siginfo_t end;
    text_ring ring;
};

/* ---- its environment --------------------------------------------------------------------------------------------------- */

static size_t name_length(const char *variable) {
    return strcspn(variable, "=");
}

static bool is_replaced(const char *variable, const char *const *by) {
    size_t length = name_length(variable);
    for (size_t i = 0; by && by[i]; i++)
        if (name_length(by[i]) == length && strncmp(variable, by[i], length) == 0)
            return true;
    return false;
}

/* Pointers to our own variables, the given ones and the mark; one block. NULL when memory ends. */
static char **make_environment(const browser_process_options *o) {
    size_t ours = 0, given = 0, kept = 0, length = strlen(TREE_VARIABLE "=") + strlen(o->mark) + 1;
    while (environ[ours])
        ours++;
    while (o->variables && o->variables[given])
        given++;
    char **list = mem_alloc((ours + given + 2) * sizeof *list + length);
    if (!list)
        return NULL;
    char *mark = (char *)(list + ours + given + 2);
    str_format(mark, length, "%s=%s", TREE_VARIABLE, o->mark);
    const char *const marks[] = {mark, NULL};
    for (size_t i = 0; i < ours; i++)
        if (!is_replaced(environ[i], o->variables) && !is_replaced(environ[i], marks))
            list[kept++] = environ[i];
    for (size_t i = 0; i < given; i++)
        if (o->variables[i][name_length(o->variables[i])] == '=')
            list[kept++] = (char *)(uintptr_t)o->variables[i];
    list[kept++] = mark;
    list[kept] = NULL;
    return list;
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */

/* In the child, where of a process with threads only what is safe in signal handlers may be called. */
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

static _Noreturn void become(const browser_process *p, pid_t parent, int words, int null, int failed) {
    const browser_process_options *o = p->options;
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, o->orphan_signal);
    if (getppid() != parent) /* it died before that */
        _exit(1);
    place_descriptors(o, words, null);
    (void)execve(o->arguments[0], (char *const *)(uintptr_t)o->arguments, p->environment);
    int number = errno;
    ssize_t told = write(failed, &number, sizeof number);
    _exit(told == (ssize_t)sizeof number ? 127 : 126);
}

static void close_if_open(int *descriptor) {
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

/* Whether exec worked: the pipe closes with it. 0, or the error number. */
static int wait_exec(int failed) {
    int number = 0;
    ssize_t n;
    while ((n = read(failed, &number, sizeof number)) < 0 && errno == EINTR)
        continue;
    return n == (ssize_t)sizeof number ? number : 0;
}

/* On the process's thread. 0, or the error number. */
static int launch(browser_process *p) {
    int words[2] = {-1, -1}, failed[2] = {-1, -1}, null = -1, failure = 0;
    pid_t parent = getpid();
    if (pipe2(words, O_CLOEXEC) != 0 || pipe2(failed, O_CLOEXEC) != 0 ||
        (words[1] = spawn_lift(words[1])) < 0 || (failed[1] = spawn_lift(failed[1])) < 0 ||
        (null = spawn_lift(open("/dev/null", O_RDONLY | O_CLOEXEC))) < 0)
        failure = errno;
    p->pid = failure == 0 ? fork() : -1;
    if (p->pid == 0)
        become(p, parent, words[1], null, failed[1]);
    if (failure == 0 && p->pid < 0)
        failure = errno;
    close_if_open(&words[1]);
    close_if_open(&failed[1]);
    close_if_open(&null);
    if (failure == 0 && (failure = wait_exec(failed[0])) != 0)
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    close_if_open(&failed[0]);
    p->words = words[0];
    if (failure == 0)
        (void)fcntl(p->words, F_SETFL, O_NONBLOCK);
    return failure;
}

/* ---- its thread -------------------------------------------------------------------------------------------------------- */

/* False at the end of the pipe. */
static bool take_words(browser_process *p) {
    char part[4096];
    for (;;) {
        ssize_t n = read(p->words, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        pthread_mutex_lock(&p->lock);
        ring_add(&p->ring, part, (size_t)n);
        pthread_mutex_unlock(&p->lock);
    }
}

/* Looks at the process without taking it out of the system's table: its number stays its own until browser_process_end. */
static void look(browser_process *p) {
    siginfo_t end = {0};
    if (waitid(P_PID, (id_t)p->pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid != p->pid)
        return;
    (void)take_words(p); /* the last ones come before the end */
    pthread_mutex_lock(&p->lock);
    p->end = end;
    p->ended = true;
    pthread_cond_broadcast(&p->change);
    pthread_mutex_unlock(&p->lock);
}

/* Keeps the words and sees the end until the thread is told to end. */
static void watch(browser_process *p) {
    int process =
        (int)syscall(SYS_pidfd_open, p->pid, 0); /* -1 on old systems: looked at every TICK_MS then */
    struct pollfd places[] = {{p->quit[0], POLLIN, 0}, {p->words, POLLIN, 0}, {process, POLLIN, 0}};
    while (!(places[0].revents)) {
        (void)poll(places, 3, process < 0 && !p->ended ? TICK_MS : -1);
        if (places[1].revents && !take_words(p))
            places[1].fd = -1;
        if (!p->ended && (process < 0 || places[2].revents))
            look(p);
        if (p->ended)
            places[2].fd = -1;
    }
    if (process >= 0)
        close(process);
}

static void *run(void *context) {
    browser_process *p = context;
    int failure = launch(p);
    pthread_mutex_lock(&p->lock);
    p->failure = failure;
    p->started = true;
    pthread_cond_broadcast(&p->change);
    pthread_mutex_unlock(&p->lock);
    if (failure == 0)
        watch(p);
    return NULL;
}

/* ---- the door ---------------------------------------------------------------------------------------------------------- */

static void destroy(browser_process *p) {
    close_if_open(&p->quit[1]);
    if (p->has_thread)
        pthread_join(p->thread, NULL);
    close_if_open(&p->quit[0]);
    close_if_open(&p->words);
    pthread_cond_destroy(&p->change);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->environment);
    mem_free(p->mark);
    mem_free(p);
}

/* Signals are for the threads of our caller. */
static int start_thread(browser_process *p) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->has_thread = failure == 0;
    return failure;
}

static int wait_started(browser_process *p) {
    pthread_mutex_lock(&p->lock);
    while (!p->started)
        pthread_cond_wait(&p->change, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return p->failure;
}

static browser_process *create(const browser_process_options *options) {
    browser_process *p = mem_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->words = p->quit[0] = p->quit[1] = -1;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->change, &monotonic);
    pthread_condattr_destroy(&monotonic);
    str_buf mark = {0};
    str_append(&mark, options->mark);
    p->mark = mark.data;
    p->options = options;
    p->environment = make_environment(options);
    if (!p->mark || !p->environment) {
        destroy(p);
        return NULL;
    }
    return p;
}

accel_status browser_process_start(const browser_process_options *options, browser_process **out,
                                   accel_error *err) {
    const char *program = options->arguments[0];
    browser_process *p = create(options);
    *out = NULL;
    if (!p)
        return error_no_memory(err, program, sizeof *p);
    int failure = pipe2(p->quit, O_CLOEXEC) != 0 ? errno : start_thread(p);
    if (failure == 0)
        failure = wait_started(p);
    p->options = NULL;
    if (failure != 0) {
        destroy(p);
        return error_set(err, failure == ENOENT ? ACCEL_NOT_FOUND : ACCEL_IO, "cannot run %s: %s", program,
                         strerror(failure));
    }
    *out = p;
    return ACCEL_OK;
}

pid_t browser_process_pid(const browser_process *p) {
    return p->pid;
}

static void append_how(const siginfo_t *end, str_buf *how) {
    const char *name = end->si_code == CLD_EXITED ? NULL : sigabbrev_np(end->si_status);
    if (end->si_code == CLD_EXITED)
        str_appendf(how, "ended with exit code %d", end->si_status);
    else
        str_appendf(how, "was ended by SIG%s", name ? name : "?");
}

bool browser_process_ended(browser_process *p, double timeout_s, str_buf *how) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = (double)until.tv_nsec * 1e-9 + timeout_s;
    until.tv_sec += (time_t)whole;
    until.tv_nsec = (long)((whole - (double)(time_t)whole) * 1e9);
    pthread_mutex_lock(&p->lock);
    while (!p->ended && timeout_s > 0 && pthread_cond_timedwait(&p->change, &p->lock, &until) != ETIMEDOUT)
        continue;
    bool ended = p->ended;
    if (ended && how)
        append_how(&p->end, how);
    pthread_mutex_unlock(&p->lock);
    return ended;
}

void browser_process_words(browser_process *p, str_buf *out) {
    pthread_mutex_lock(&p->lock);
    str_append_bytes(out, p->ring.bytes, p->ring.length);
    pthread_mutex_unlock(&p->lock);
}

static tree tree_of(const browser_process *p) {
    return (tree){p->pid, p->mark};
}

void browser_process_usage(const browser_process *p, uint64_t *cpu_ns, uint64_t *rss_bytes) {
    tree t = tree_of(p);
    tree_usage(&t, cpu_ns, rss_bytes);
}

bool browser_process_has(const browser_process *p, const char *name, pid_t *last) {
    tree t = tree_of(p);
    if (!tree_lives(*last, name))
        *last = tree_find(&t, name);
    return *last != 0;
}

void browser_process_end(browser_process *p, double grace_s) {
    if (!p)
        return;
    tree t = tree_of(p);
    /* One that even SIGKILL does not end (it waits for a dead disk) is left to the system. */
    bool ended = tree_end(&t, grace_s);
    (void)kill(-p->pid, SIGKILL); /* where there is no /proc to find it in */
    while (waitpid(p->pid, NULL, ended ? 0 : WNOHANG) < 0 && errno == EINTR)
        continue;
    destroy(p);
}

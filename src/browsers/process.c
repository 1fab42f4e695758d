#include "browsers/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "browsers/ring.h"
#include "browsers/supervisor.h"
#include "browsers/tree.h"

extern char **environ;

struct browser_process {
    char *mark;
    supervisor supervisor;
    int quit[2]; /* a pipe that closes when the thread is to end */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t change;
    bool ended;
    program_end end;
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

/* ---- its thread -------------------------------------------------------------------------------------------------------- */

/* False at the end of the pipe. */
static bool take_words(browser_process *p) {
    char part[4096];
    for (;;) {
        ssize_t n = read(p->supervisor.words, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        pthread_mutex_lock(&p->lock);
        ring_add(&p->ring, part, (size_t)n);
        pthread_mutex_unlock(&p->lock);
    }
}

static void see_end(browser_process *p) {
    program_end end;
    if (!supervisor_tells_end(&p->supervisor, &end))
        return;
    (void)take_words(p); /* the last ones come before the end */
    pthread_mutex_lock(&p->lock);
    p->end = end;
    p->ended = true;
    pthread_cond_broadcast(&p->change);
    pthread_mutex_unlock(&p->lock);
}

/* Keeps the words and sees the end until the thread is told to end. */
static void *watch(void *context) {
    browser_process *p = context;
    struct pollfd places[] = {
        {p->quit[0], POLLIN, 0}, {p->supervisor.words, POLLIN, 0}, {p->supervisor.line, POLLIN, 0}};
    while (!places[0].revents) {
        (void)poll(places, 3, -1);
        if (places[1].revents && !take_words(p))
            places[1].fd = -1;
        if (places[2].revents)
            see_end(p);
        if (p->ended)
            places[2].fd = -1;
    }
    return NULL;
}

/* ---- the door ---------------------------------------------------------------------------------------------------------- */

static void destroy(browser_process *p) {
    if (p->quit[1] >= 0)
        close(p->quit[1]);
    if (p->has_thread)
        pthread_join(p->thread, NULL);
    if (p->quit[0] >= 0)
        close(p->quit[0]);
    supervisor_close(&p->supervisor);
    pthread_cond_destroy(&p->change);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->mark);
    mem_free(p);
}

/* Signals are for the threads of our caller. */
static int start_thread(browser_process *p) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&p->thread, NULL, watch, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->has_thread = failure == 0;
    return failure;
}

static browser_process *create(const browser_process_options *options) {
    browser_process *p = mem_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->supervisor = (supervisor){.line = -1, .words = -1};
    p->quit[0] = p->quit[1] = -1;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->change, &monotonic);
    pthread_condattr_destroy(&monotonic);
    str_buf mark = {0};
    str_append(&mark, options->mark);
    p->mark = mark.data;
    if (p->mark)
        return p;
    destroy(p);
    return NULL;
}

/* When the supervisor was killed: what it watched is found as far as it can be. */
static void end_marked(browser_process *p) {
    tree t = {.leader = browser_process_ended(p, 0, NULL) ? 0 : p->supervisor.program, .mark = p->mark};
    (void)tree_end(&t, 0);
}

accel_status browser_process_start(const browser_process_options *options, browser_process **out,
                                   accel_error *err) {
    const char *program = options->arguments[0];
    browser_process *p = create(options);
    char **environment = make_environment(options);
    *out = NULL;
    if (!p || !environment) {
        mem_free(environment);
        if (p)
            destroy(p);
        return error_no_memory(err, program, sizeof *p);
    }
    int failure = pipe2(p->quit, O_CLOEXEC) != 0 ? errno : 0;
    if (failure == 0)
        failure = supervisor_start(options, environment, &p->supervisor);
    mem_free(environment);
    if (failure == 0 && (failure = start_thread(p)) != 0)
        (void)supervisor_end(&p->supervisor, 0);
    if (failure == SUPERVISOR_LOST) {
        end_marked(p);
        destroy(p);
        return error_set(err, ACCEL_CRASHED, "%s was ended, together with the process that watched it",
                         program);
    }
    if (failure != 0) {
        destroy(p);
        return error_set(err, failure == ENOENT ? ACCEL_NOT_FOUND : ACCEL_IO, "cannot run %s: %s", program,
                         strerror(failure));
    }
    *out = p;
    return ACCEL_OK;
}

pid_t browser_process_pid(const browser_process *p) {
    return p->supervisor.program;
}

static void append_how(const program_end *end, str_buf *how) {
    const char *name = end->by_signal ? sigabbrev_np(end->value) : NULL;
    if (end->unseen)
        str_append(how, "was ended together with the process that watched it");
    else if (!end->by_signal)
        str_appendf(how, "ended with exit code %d", end->value);
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

bool browser_process_crashed(browser_process *p) {
    pthread_mutex_lock(&p->lock);
    bool crashed = p->ended && (p->end.by_signal || p->end.unseen);
    pthread_mutex_unlock(&p->lock);
    return crashed;
}

void browser_process_words(browser_process *p, str_buf *out) {
    pthread_mutex_lock(&p->lock);
    str_append_bytes(out, p->ring.bytes, p->ring.length);
    pthread_mutex_unlock(&p->lock);
}

static tree tree_of(const browser_process *p) {
    return (tree){.keeper = p->supervisor.pid};
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
    if (!supervisor_end(&p->supervisor, grace_s))
        end_marked(p);
    destroy(p);
}

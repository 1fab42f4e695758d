#include "measure/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/posix/spawn.h"
#include "browsers/browsers.h"
#include "hw/hw.h"

/* Threads of what was killed may live on for a moment, and write, when it counts as dead already; and what watches a child's browsers ends them when
 * the child is gone. */
enum { DYING_S = 10 };

extern char **environ;

/* ---- facts of the system ----------------------------------------------------------------------------------------------- */

/* The number behind `key` in a small file of the kernel, or RECORD_NONE. key "" reads the file's first number. */
static int64_t kernel_number(const char *path, const char *key) {
    char *text = NULL;
    size_t length = 0;
    int64_t value = RECORD_NONE;
    if (file_read(path, 1 << 20, &text, &length, NULL) != ACCEL_OK)
        return RECORD_NONE;
    const char *at = strstr(text, key);
    char *end = NULL;
    if (at)
        value = (int64_t)strtoll(at + strlen(key), &end, 10);
    if (at && end == at + strlen(key))
        value = RECORD_NONE; /* "max" and the like */
    mem_free(text);
    return value;
}

int64_t system_available_bytes(void) {
    int64_t bytes = hw_usable_bytes();
    return bytes == HW_UNKNOWN ? RECORD_NONE : bytes;
}

static uint64_t oom_kills(void) {
    int64_t kills = kernel_number("/proc/vmstat", "oom_kill ");
    return kills > 0 ? (uint64_t)kills : 0;
}

/* Memory that cannot be dropped: resident pages that are not of files. A mapped 10 GB model is not 10 GB used. */
static int64_t private_bytes(pid_t pid) {
    char path[64], *text = NULL;
    size_t length = 0;
    long long size, resident, shared;
    str_format(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (file_read(path, 256, &text, &length, NULL) != ACCEL_OK)
        return 0;
    char *at = text;
    size = strtoll(at, &at, 10);
    resident = strtoll(at, &at, 10);
    shared = strtoll(at, &at, 10);
    mem_free(text);
    (void)size;
    return (int64_t)(resident - shared) * sysconf(_SC_PAGESIZE);
}

uint64_t process_cpu_ns(const process *p) {
    struct timespec t;
    if (p->pid == 0 || clock_gettime(p->cpu_clock, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */

typedef struct plumbing {
    int child_socket, child_errors, null;
} plumbing;

static void close_if_open(int *descriptor) {
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

static bool lay_pipes(process *p, plumbing *ends) {
    int sockets[2] = {-1, -1}, errors[2] = {-1, -1};
    *ends = (plumbing){-1, -1, -1};
    bool ok =
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0 && pipe2(errors, O_CLOEXEC) == 0;
    p->socket = sockets[0];
    p->errors = errors[0];
    p->outputs = spawn_lift(memfd_create("outputs", MFD_CLOEXEC));
    ends->child_socket = spawn_lift(sockets[1]);
    ends->child_errors = spawn_lift(errors[1]);
    ends->null = spawn_lift(open("/dev/null", O_RDONLY | O_CLOEXEC));
    ok = ok && p->outputs >= 0 && ends->child_socket >= 0 && ends->child_errors >= 0 && ends->null >= 0;
    return ok && fcntl(p->errors, F_SETFL, O_NONBLOCK) == 0;
}

/* Our environment with another TMPDIR. NULL when memory ends; freed as one block. */
static char **child_environment(const char *temporary) {
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    size_t length = strlen("TMPDIR=") + strlen(temporary) + 1;
    char **list = mem_alloc((count + 2) * sizeof *list + length);
    if (!list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!str_starts_with(environ[i], "TMPDIR="))
            list[kept++] = environ[i];
    char *entry = (char *)(list + count + 2);
    str_format(entry, length, "TMPDIR=%s", temporary);
    list[kept++] = entry;
    list[kept] = NULL;
    return list;
}

/* A child without one is a child all the same. What parents that were killed left is removed first, once. */
static void make_temporary(owned_folder *out) {
    static const char prefix[] = "accel-case-";
    static atomic_flag swept = ATOMIC_FLAG_INIT;
    if (owned_folder_make(prefix, out, NULL) == ACCEL_OK && !atomic_flag_test_and_set(&swept))
        owned_folder_sweep(out, prefix, browser_end_strays);
}

static int spawn(const char *program, process *p, const plumbing *ends) {
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)MEASURE_CHILD_ARGUMENT, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends->null, 0);
    posix_spawn_file_actions_adddup2(&actions, ends->child_errors,
                                     1); /* a runtime that prints must not spoil our stdout */
    posix_spawn_file_actions_adddup2(&actions, ends->child_errors, 2);
    posix_spawn_file_actions_adddup2(&actions, ends->child_socket, WIRE_SOCKET);
    posix_spawn_file_actions_adddup2(&actions, p->outputs, WIRE_OUTPUTS);
    make_temporary(&p->temporary);
    char **environment = p->temporary.path ? child_environment(p->temporary.path) : NULL;
    int failure = spawn_apart(&p->pid, program, &actions, arguments, environment);
    mem_free(environment);
    posix_spawn_file_actions_destroy(&actions);
    if (failure)
        p->pid = 0;
    return failure;
}

/* A child that died at once is no failure of this: process_receive reports it, with its reason. */
static accel_status tell_job(process *p, const child_job *job, accel_error *err) {
    str_buf text = {0};
    job_write_json(job, &text);
    accel_status status = text.failed ? error_no_memory(err, "a job", text.length) : ACCEL_OK;
    if (status == ACCEL_OK)
        (void)process_send(p, WIRE_JOB, text.data, text.length, NULL);
    str_free(&text);
    return status;
}

accel_status process_start(const measure_host *host, const child_job *job, int64_t memory_limit_bytes,
                           process *out, accel_error *err) {
    const char *program = host && host->program ? host->program : "/proc/self/exe";
    *out = (process){.socket = -1, .errors = -1, .outputs = -1};
    if (memory_limit_bytes <= 0) {
        int64_t available = system_available_bytes();
        memory_limit_bytes = available == RECORD_NONE ? INT64_MAX : available / 10 * 9;
    }
    out->memory_limit_bytes = memory_limit_bytes;
    out->oom_kills_before = oom_kills();
    str_format(out->phase, sizeof out->phase, "starting");
    plumbing ends;
    bool laid = lay_pipes(out, &ends);
    int failure = laid ? spawn(program, out, &ends) : errno;
    close_if_open(&ends.child_socket);
    close_if_open(&ends.child_errors);
    close_if_open(&ends.null);
    if (failure) {
        process_end(out);
        return error_set(err, ACCEL_RUNTIME, "cannot start a child process (%s): %s", program,
                         strerror(failure));
    }
    if (clock_getcpuclockid(out->pid, &out->cpu_clock) != 0)
        out->cpu_clock = CLOCK_PROCESS_CPUTIME_ID;
    accel_status status = tell_job(out, job, err);
    if (status != ACCEL_OK)
        process_end(out);
    return status;
}

accel_status process_send(process *p, wire_kind kind, const void *bytes, size_t length, accel_error *err) {
    return wire_write(p->socket, kind, bytes, length, err);
}

/* ---- ending ------------------------------------------------------------------------------------------------------------ */

static int reap(process *p) {
    int state = 0;
    if (p->pid == 0)
        return 0;
    kill(-p->pid, SIGKILL);
    while (waitpid(p->pid, &state, 0) < 0 && errno == EINTR)
        continue;
    p->pid = 0;
    return state;
}

void process_end(process *p) {
    if (p->pid == 0 && p->socket == 0 && p->errors == 0)
        return; /* never started */
    (void)reap(p);
    owned_folder_remove(&p->temporary, DYING_S);
    close_if_open(&p->socket);
    close_if_open(&p->errors);
    close_if_open(&p->outputs);
}

void process_message_free(process_message *m) {
    str_free(&m->body);
}

/* ---- last words ---------------------------------------------------------------------------------------------------------- */

static void take_words(process *p) {
    char part[1024];
    for (ssize_t n; p->errors >= 0 && (n = read(p->errors, part, sizeof part)) > 0;) {
        size_t got = (size_t)n, room = sizeof p->last_words - 1;
        log_debug("child %d: %.*s", (int)p->pid, (int)got, part);
        if (p->last_words_length + got > room) { /* only the end is kept */
            size_t drop = p->last_words_length + got - room;
            memmove(p->last_words, p->last_words + drop, p->last_words_length - drop);
            p->last_words_length -= drop;
        }
        memcpy(p->last_words + p->last_words_length, part, got);
        p->last_words_length += got;
    }
}

/* The last two lines on one, printable, for a sentence: ` ("…")`, or nothing. */
static void quote_last_words(process *p, char *out, size_t size) {
    size_t end = p->last_words_length, begin, newlines = 0, at = 0;
    char *words = p->last_words;
    while (end > 0 && (words[end - 1] == '\n' || words[end - 1] == ' '))
        end--;
    for (begin = end; begin > 0 && end - begin < 300; begin--)
        if (words[begin - 1] == '\n' && ++newlines == 2)
            break;
    out[0] = '\0';
    if (begin == end || size < 16)
        return;
    at += (size_t)str_format(out, size, " (\"");
    for (size_t i = begin; i < end && at + 4 < size; i++)
        out[at++] = words[i] == '\n' ? '|' : words[i] < ' ' || words[i] > '~' ? '?' : words[i];
    str_format(out + at, size - at, "\")");
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------- */

static case_status out_of_memory(process *p, accel_error *err) {
    char text[32];
    str_bytes(text, sizeof text, (double)p->memory_limit_bytes);
    error_set(err, ACCEL_OUT_OF_MEMORY,
              "needed more than %s of memory while %s; raise --memory-limit or choose a smaller batch", text,
              p->phase);
    return CASE_OUT_OF_MEMORY;
}

/* The child closed its socket: what became of it? */
static case_status autopsy(process *p, accel_error *err) {
    char words[400];
    int state = 0;
    take_words(p);
    /* It may still be dying (a large process takes a while): wait for it, but not for one that only closed its socket. */
    for (int i = 0; i < 200; i++) {
        pid_t done = waitpid(p->pid, &state, WNOHANG);
        if (done == p->pid)
            break;
        if (i == 199) {
            (void)reap(p);
            error_set(err, ACCEL_RUNTIME, "closed its connection while %s", p->phase);
            return CASE_CRASHED;
        }
        clock_sleep_ns(10000000);
    }
    kill(-p->pid, SIGKILL); /* its own children */
    p->pid = 0;
    take_words(p);
    quote_last_words(p, words, sizeof words);
    if (WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL && oom_kills() > p->oom_kills_before) {
        error_set(err, ACCEL_OUT_OF_MEMORY, "was ended by the system because memory ran out while %s",
                  p->phase);
        return CASE_OUT_OF_MEMORY;
    }
    if (WIFSIGNALED(state))
        error_set(err, ACCEL_RUNTIME, "crashed with SIG%s while %s%s",
                  sigabbrev_np(WTERMSIG(state)) ? sigabbrev_np(WTERMSIG(state)) : "?", p->phase, words);
    else
        error_set(err, ACCEL_RUNTIME, "ended by itself with exit code %d while %s%s", WEXITSTATUS(state),
                  p->phase, words);
    return CASE_CRASHED;
}

typedef struct receiving {
    process *p;
    uint64_t deadline_ns;
    uint64_t timeout_ns;
    measure_cancel cancel;
    wire_header header;
    size_t have; /* bytes of header, then of body */
    bool in_body;
    process_message *out;
    accel_error *err;
} receiving;

/* Reads what is there. 1: a whole message, 0: not yet, -1: the end. */
static int take_bytes(receiving *r) {
    for (;;) {
        if (r->in_body && r->have == r->header.length) {
            r->out->kind = (wire_kind)r->header.kind;
            return 1;
        }
        char part[1 << 16], *into = part;
        size_t want = r->in_body ? r->header.length - r->have : sizeof r->header - r->have;
        if (!r->in_body)
            into = (char *)&r->header + r->have;
        else if (want > sizeof part)
            want = sizeof part;
        ssize_t n = recv(r->p->socket, into, want, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0)
            return -1;
        r->have += (size_t)n;
        if (r->in_body)
            str_append_bytes(&r->out->body, part, (size_t)n);
        if (!r->in_body && r->have == sizeof r->header) {
            if (r->header.length > WIRE_MOST_BYTES)
                return -1;
            r->in_body = true;
            r->have = 0;
        }
    }
}

static case_status cancelled(process *p, accel_error *err) {
    error_set(err, ACCEL_CANCELLED, "cancelled while %s", p->phase);
    return CASE_CANCELLED;
}

/* Waits for one whole message. CASE_OK or why there is none. */
static case_status wait_message(receiving *r) {
    enum { TICK_MS = 50 };
    process *p = r->p;
    r->have = 0;
    r->in_body = false;
    str_free(&r->out->body);
    for (;;) {
        int taken = take_bytes(r);
        if (taken > 0)
            return CASE_OK;
        if (taken < 0)
            return autopsy(p, r->err);
        if (r->cancel && *r->cancel)
            return cancelled(p, r->err);
        if (clock_now_ns() > r->deadline_ns) {
            error_set(r->err, ACCEL_TIMEOUT,
                      "did not come to an end within %.3g s while %s; raise --timeout if it is only slow",
                      (double)r->timeout_ns * 1e-9, p->phase);
            return CASE_TIMEOUT;
        }
        if (private_bytes(p->pid) > p->memory_limit_bytes)
            return out_of_memory(p, r->err);
        struct pollfd waits[2] = {{p->socket, POLLIN, 0}, {p->errors, POLLIN, 0}};
        (void)poll(waits, waits[1].revents & POLLHUP ? 1 : 2, TICK_MS);
        take_words(p);
        if (waits[1].revents & (POLLHUP | POLLERR) && !(waits[0].revents & POLLIN))
            (void)poll(waits, 1, TICK_MS); /* its stderr is closed: do not spin on it */
    }
}

static case_status failure_of(const process_message *m, accel_error *err) {
    yyjson_doc *doc = NULL;
    case_status status = CASE_ERROR;
    if (json_parse(m->body.data, m->body.length, WIRE_MOST_BYTES, "a child's failure", &doc, err) != ACCEL_OK)
        return CASE_ERROR;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *message = yyjson_get_str(yyjson_obj_get(root, "message"));
    if (!case_status_from_name(yyjson_get_str(yyjson_obj_get(root, "status")), &status) || status == CASE_OK)
        status = CASE_ERROR;
    error_set(err, ACCEL_RUNTIME, "%s", message && *message ? message : "failed without a reason");
    yyjson_doc_free(doc);
    return status;
}

case_status process_receive(process *p, double timeout_s, measure_cancel cancel, process_phase on_phase,
                            void *context, process_message *out, accel_error *err) {
    uint64_t timeout_ns = (uint64_t)(timeout_s * 1e9);
    receiving r = {.p = p, .timeout_ns = timeout_ns, .cancel = cancel, .out = out, .err = err};
    for (;;) {
        r.deadline_ns = clock_now_ns() + timeout_ns;
        case_status status = p->pid == 0 ? CASE_ERROR : wait_message(&r);
        if (status == CASE_OK && out->body.failed) {
            error_no_memory(err, "a message", out->body.length);
            status = CASE_ERROR;
        }
        if (status == CASE_OK && out->kind == WIRE_PHASE) {
            str_format(p->phase, sizeof p->phase, "%s", str_text(&out->body));
            if (on_phase)
                on_phase(context, p->phase);
            continue;
        }
        if (status == CASE_OK && out->kind == WIRE_FAILED)
            status = failure_of(out, err);
        if (status != CASE_OK)
            process_end(p);
        return status;
    }
}

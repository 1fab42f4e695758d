/* A vendor's library is asked in a process of its own, which answers on a descriptor that nothing else prints to. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/posix/io.h"
#include "base/posix/spawn.h"
#include "hw/ask.h"
#include "hw/report.h"
#include "hw/vendor.h"

enum { TICK_MS = 20 };

/* ---- the parent --------------------------------------------------------------------------------------------------------- */

typedef struct asked {
    pid_t pid;
    int answers; /* our end */
    str_buf text;
    bool whole;
    int state; /* as waitpid gives it */
    bool reaped;
} asked;

const char *question_subject(const hw_question *question) {
    return question->libraries ? question->libraries[0] : "its library";
}

const char *question_answer_name(const hw_question *question, char text[64]) {
    str_format(text, 64, "ask %s", question->name);
    return text;
}

/* Descriptors of the child's, above those that they become. */
enum { CHILD_ANSWERS, CHILD_KNOWN, CHILD_NULL, CHILD_ENDS };

static int spawn(asked *c, const char *program, const char *question, const int ends[CHILD_ENDS]) {
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)HW_CHILD_ARGUMENT,
                         (char *)(uintptr_t)question, NULL};
    posix_spawn_file_actions_init(&actions);
    for (int descriptor = 0; descriptor <= 2; descriptor++) /* what a library prints goes nowhere */
        posix_spawn_file_actions_adddup2(&actions, ends[CHILD_NULL], descriptor);
    posix_spawn_file_actions_adddup2(&actions, ends[CHILD_ANSWERS], ANSWER_DESCRIPTOR);
    posix_spawn_file_actions_adddup2(&actions, ends[CHILD_KNOWN], KNOWN_DESCRIPTOR);
    int failure = spawn_apart(&c->pid, program, &actions, arguments, NULL);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* A file in memory with what is known of devices; -1 with errno set. */
static int known_file(const hw_report *r) {
    str_buf text = {0};
    str_append(&text, "{\"devices\":");
    report_write_devices(r, NULL, &text);
    str_append_char(&text, '}');
    int file = memfd_create("known", MFD_CLOEXEC);
    if (file >= 0 && (text.failed || !io_write_all(file, text.data, text.length))) {
        close(file);
        errno = ENOMEM;
        file = -1;
    }
    str_free(&text);
    return file;
}

/* 0, or the error number of what could not be made. */
static int start(asked *c, const char *program, const char *question, const hw_report *r) {
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return errno;
    c->answers = pipe_ends[0];
    const int ends[CHILD_ENDS] = {spawn_lift(pipe_ends[1]), spawn_lift(known_file(r)),
                                  spawn_lift(open("/dev/null", O_RDWR | O_CLOEXEC))};
    bool made = ends[CHILD_ANSWERS] >= 0 && ends[CHILD_KNOWN] >= 0 && ends[CHILD_NULL] >= 0 &&
                fcntl(ends[CHILD_ANSWERS], F_SETFL, 0) == 0;
    int failure = made ? spawn(c, program, question, ends) : errno;
    for (size_t i = 0; i < CHILD_ENDS; i++)
        if (ends[i] >= 0)
            close(ends[i]);
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

/* Who is asked what. */
typedef struct asking {
    hw_source *source;
    const hw_probe *probe;
    const hw_question *question;
    const hw_options *options;
    hw_report *report;
} asking;

static accel_status tell(const asking *a, const char *format, ...) ACCEL_PRINTF(2, 3);
static accel_status tell(const asking *a, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    return hw_report_evidence(a->report, a->probe->name, false, question_subject(a->question), "%s", text);
}

static accel_status tell_end(const asking *a, const asked *c) {
    if (c->reaped && WIFSIGNALED(c->state)) {
        const char *name = sigabbrev_np(WTERMSIG(c->state));
        return tell(a, "crashed with SIG%s when it was asked", name ? name : "?");
    }
    if (c->reaped)
        return tell(a, "ended the process that asked it, with exit code %d and without an answer",
                    WEXITSTATUS(c->state));
    return tell(a, "gave no answer that can be read");
}

static accel_status answer_of(const asking *a, const char *text, size_t length) {
    accel_error why = {0};
    accel_status status = hw_report_merge_json(a->report, text, length, &why);
    if (status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY)
        return status;
    return tell(a, "gave an answer that cannot be read: %s", why.message);
}

static accel_status take_answer(const asking *a, const asked *c, accel_error *err) {
    char name[64];
    ACCEL_TRY(answer_of(a, str_text(&c->text), c->text.length));
    return hw_answer_remember(a->source, question_answer_name(a->question, name), str_text(&c->text), err);
}

static accel_status ask_child(const asking *a, accel_error *err) {
    const double usual_s = 5;
    const hw_options *options = a->options;
    double timeout_s = options->timeout_s > 0 ? options->timeout_s : usual_s;
    asked c = {.answers = -1};
    int failure =
        start(&c, options->program ? options->program : "/proc/self/exe", a->question->name, a->report);
    if (failure != 0)
        return tell(a, "was not asked: cannot start a process (%s)", strerror(failure));
    bool in_time = wait_for(&c, timeout_s, options->cancel);
    end(&c);
    accel_status status;
    if (c.whole && !c.text.failed)
        status = take_answer(a, &c, err);
    else if (options->cancel && *options->cancel)
        status = error_set(err, ACCEL_CANCELLED, "cancelled while %s's library was asked", a->probe->name);
    else if (!in_time)
        status = tell(a, "did not answer within %.3g s and was ended", timeout_s);
    else
        status = tell_end(a, &c);
    str_free(&c.text);
    return status;
}

static accel_status ask_one(const asking *a, accel_error *err) {
    char name[64];
    const char *said = hw_answer(a->source, question_answer_name(a->question, name));
    if (said)
        return answer_of(a, said, strlen(said));
    return hw_source_kind_of(a->source) == HW_SOURCE_LIVE ? ask_child(a, err) : ACCEL_OK;
}

/* Devices of which no library said anything after all. */
static void end_waiting(const asking *a, const hw_question *decides) {
    vendor_judge_others(a->report, a->probe->name, HW_BROKEN,
                        arena_printf(a->report->arena, "%s says nothing of it", question_subject(decides)),
                        "the lines of evidence tell what it did");
}

/* Measuring is worth a child only where there is what to measure. */
static bool is_wanted(const asking *a) {
    if (!a->question->measures)
        return a->options->all || hw_source_kind_of(a->source) == HW_SOURCE_CAPTURE;
    for (size_t i = 0; a->options->measure && i < a->report->device_count; i++)
        if (str_equal(a->report->devices[i].probe, a->probe->name))
            return true;
    return false;
}

accel_status hw_ask(hw_source *s, const hw_probe *probe, const hw_options *options, hw_report *r,
                    accel_error *err) {
    asking a = {s, probe, NULL, options, r};
    const hw_question *decides = NULL; /* the last that is asked before measuring */
    for (size_t i = 0; probe->questions && probe->questions[i]; i++) {
        a.question = probe->questions[i];
        decides = a.question->measures ? decides : a.question;
        if (is_wanted(&a))
            ACCEL_TRY(ask_one(&a, err));
    }
    if (decides && options->all && hw_source_kind_of(s) == HW_SOURCE_LIVE)
        end_waiting(&a, decides);
    return ACCEL_OK;
}

#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/command.h"
#include "report/groups.h"

void progress_start(progress *p, bool quiet) {
    *p = (progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) != 0};
}

static int terminal_columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* Cuts at whole code points, so that the line never wraps: a wrapped status line cannot be overwritten. */
static void cut_to_terminal(char *text) {
    int columns = terminal_columns() - 1;
    for (char *c = text; *c != 0; c++) {
        if (((unsigned char)*c & 0xC0U) != 0x80U && columns-- == 0) {
            *c = 0;
            return;
        }
    }
}

static void status_line(progress *p, const char *text) {
    char line[512];
    str_format(line, sizeof line, "%s", text);
    cut_to_terminal(line);
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
    p->dirty = true;
}

void progress_end(progress *p) {
    if (p->dirty)
        fputs("\r\033[K", stderr);
    p->dirty = false;
}

void progress_case(progress *p, const bench_case *c, size_t index, size_t count) {
    p->index = index;
    p->count = count;
    progress_text(p, c, "starting");
}

void progress_text(progress *p, const bench_case *c, const char *text) {
    char label[256], line[512];
    if (p->quiet || !p->terminal)
        return;
    str_format(line, sizeof line, "[%zu/%zu] %s: %s", p->index + 1, p->count,
               case_label(c, label, sizeof label), text);
    status_line(p, line);
}

void progress_record(progress *p, const bench_case *c, const record *r) {
    char subject[256], runner[96], label[384];
    (void)c;
    if (p->quiet)
        return;
    progress_end(p);
    /* From the record: it knows what the model really took (a picture has no sequence). */
    str_format(label, sizeof label, "%s · %s", record_subject(r, subject, sizeof subject),
               record_runner(r, runner, sizeof runner));
    if (str_equal(r->status, case_status_name(CASE_OK))) {
        fprintf(stderr, "%s: %.3f ms (median of %zu)%s\n", label, r->latency_median_ms, r->samples_ns_count,
                r->verified == 1   ? ", verified"
                : r->verified == 0 ? ", WRONG"
                                   : "");
    } else {
        fprintf(stderr, "%s: %s%s%s\n", label, r->status, r->error != NULL ? ": " : "",
                r->error != NULL ? r->error : "");
    }
}

void progress_count(progress *p, const char *what, size_t done, size_t count, uint64_t bytes) {
    enum { BAR_CELLS = 24 };
    char bar[BAR_CELLS + 1], size[32], line[512];
    if (p->quiet || !p->terminal)
        return;
    size_t filled = count > 0 ? done * BAR_CELLS / count : BAR_CELLS;
    for (size_t i = 0; i < BAR_CELLS; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    str_format(line, sizeof line, "%s [%s] %zu/%zu, %s", what, bar, done, count,
               str_bytes(size, sizeof size, (double)bytes));
    status_line(p, line);
}

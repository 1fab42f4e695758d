/* Whatever a browser sends leaves lines of text that can be printed, a state, and answers that are JSON or refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "browsers/chromium.h"

static void check_console(browser *b) {
    str_buf lines = {0};
    browser_console(b, &lines);
    if (lines.failed || !str_utf8_valid(str_text(&lines), lines.length))
        abort();
    for (size_t i = 0; i < lines.length; i++)
        if ((unsigned char)lines.data[i] < ' ' && lines.data[i] != '\n' && lines.data[i] != '\t')
            abort();
    str_free(&lines);
}

/* The call's id is 1: a seed's answer is found. */
static void check_call(browser *b) {
    str_buf text = {0};
    accel_error err = {0};
    accel_status status = b->driver->evaluate(b, "1", deadline_after(10), &text, &err);
    if (status != ACCEL_OK && (err.status != status || err.message[0] == '\0'))
        abort();
    for (const char *at = err.message; *at; at++)
        if ((unsigned char)*at < ' ')
            abort();
    str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int ends[2];
    browser *b = mem_calloc(1, sizeof *b);
    chromium *c = mem_calloc(1, sizeof *c);
    if (!b || !c || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    b->driver = &driver_chromium;
    chromium_open_line(b, c, ends[0]);
    strcpy(c->target, "T");
    strcpy(c->session, "S");
    ssize_t sent = send(ends[1], data, size, MSG_DONTWAIT);
    (void)sent; /* what does not fit is not needed */
    (void)shutdown(ends[1], SHUT_WR);
    check_call(b);
    check_console(b);
    b->driver->close(b);
    close(ends[1]);
    str_free(&b->why);
    mem_free(b);
    return 0;
}

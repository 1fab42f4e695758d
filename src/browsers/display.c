#include "browsers/display.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "browsers/driver.h"

static const double START_S = 20;

static accel_status find_server(str_buf *path, accel_error *err) {
    if (browser_command_find("Xvfb", path))
        return ACCEL_OK;
    return error_set(err, ACCEL_ABSENT,
                     "WebKitGTK needs a display and Xvfb is not along PATH; install the package xvfb");
}

accel_status display_ready(accel_error *err) {
    str_buf path = {0};
    accel_status status = find_server(&path, err);
    str_free(&path);
    return status;
}

/* The number and a newline, which it writes when it takes connections. */
static accel_status read_number(browser_process *p, int line, char name[DISPLAY_NAME_BYTES],
                                accel_error *err) {
    uint64_t deadline = deadline_after(START_S);
    size_t length = 1;
    str_buf how = {0};
    accel_status status = ACCEL_OK;
    name[0] = ':';
    while (status == ACCEL_OK) {
        struct pollfd place = {line, POLLIN, 0};
        int ready = poll(&place, 1, 100);
        ssize_t n = ready > 0 ? read(line, name + length, 1) : -1;
        if (n == 1 && name[length] == '\n' && length > 1)
            break;
        if (n == 1 && name[length] >= '0' && name[length] <= '9' && length + 2 < DISPLAY_NAME_BYTES)
            length++;
        else if (browser_process_ended(p, n >= 0 ? 1 : 0, &how) || n >= 0)
            status = error_set(err, browser_process_crashed(p) ? ACCEL_CRASHED : ACCEL_RUNTIME,
                               "Xvfb gave no display; it %s", how.length > 0 ? how.data : "wrote no number");
        else if (deadline_left_s(deadline) <= 0)
            status = error_set(err, ACCEL_TIMEOUT, "Xvfb gave no display within %g s", START_S);
    }
    name[length] = '\0';
    str_free(&how);
    return status;
}

accel_status display_start(const char *mark, const owned_folder *folder, browser_process **out,
                           char name[DISPLAY_NAME_BYTES], accel_error *err) {
    str_buf path = {0};
    int line[2] = {-1, -1};
    *out = NULL;
    accel_status status = find_server(&path, err);
    if (status == ACCEL_OK && pipe2(line, O_CLOEXEC) != 0)
        status = error_set(err, ACCEL_IO, "cannot lay a pipe to Xvfb: %s", strerror(errno));
    if (status == ACCEL_OK) {
        const char *const arguments[] = {str_text(&path), "-displayfd", "3",   "-screen", "0",
                                         "1280x1024x24",  "-nolisten",  "tcp", NULL};
        /* SIGTERM: it removes its lock and socket. */
        const browser_process_options options = {.arguments = arguments,
                                                 .mark = mark,
                                                 .folder = folder,
                                                 .given = {line[1], -1},
                                                 .orphan_signal = SIGTERM};
        status = browser_process_start(&options, out, err);
        close(line[1]);
    }
    if (status == ACCEL_OK)
        status = read_number(*out, line[0], name, err);
    if (line[0] >= 0)
        close(line[0]);
    if (status != ACCEL_OK) {
        browser_process_end(*out, 1);
        *out = NULL;
    }
    str_free(&path);
    return status;
}

#include "net/answer.h"

#include <string.h>
#include <strings.h>

enum { MOST_HEAD_BYTES = 65536, MOST_ANNOUNCEMENTS = 8 };

static accel_status no_http(const connection *c, accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE, "what %s answered is no HTTP", c->name);
}

static accel_status read_head(connection *c, uint64_t deadline_ns, str_buf *head, accel_error *err) {
    const char *end;
    while ((end = memmem(connection_bytes(c), connection_length(c), "\r\n\r\n", 4)) == NULL) {
        if (connection_length(c) > MOST_HEAD_BYTES)
            return error_set(err, ACCEL_LIMIT, "the head of what %s answered is longer than %d bytes",
                             c->name, MOST_HEAD_BYTES);
        ACCEL_TRY(connection_fill(c, deadline_ns, err));
    }
    size_t length = (size_t)(end - connection_bytes(c)) + 2;
    if (memchr(connection_bytes(c), '\0', length) != NULL)
        return no_http(c, err);
    str_append_bytes(head, connection_bytes(c), length);
    connection_take(c, length + 2);
    return head->failed ? error_no_memory(err, "an answer", length) : ACCEL_OK;
}

/* "HTTP/1.1 200 OK" → 200; 0 when it is no such line. */
static int status_of(const char *head) {
    int status = 0;
    if (strncmp(head, "HTTP/1.", 7) != 0 || head[7] == '\r' || head[8] != ' ')
        return 0;
    for (const char *digit = head + 9; digit < head + 12; digit++) {
        if (*digit < '0' || *digit > '9')
            return 0;
        status = 10 * status + (*digit - '0');
    }
    return head[12] == ' ' || head[12] == '\r' ? status : 0;
}

accel_status answer_read(connection *c, uint64_t deadline_ns, answer *out, accel_error *err) {
    *out = (answer){0};
    for (int announced = 0; announced < MOST_ANNOUNCEMENTS; announced++) {
        str_free(&out->head);
        ACCEL_TRY(read_head(c, deadline_ns, &out->head, err));
        out->status = status_of(str_text(&out->head));
        if (out->status < 100)
            return no_http(c, err);
        if (out->status >= 200 || out->status == 101)
            return ACCEL_OK;
    }
    return no_http(c, err);
}

void answer_free(answer *a) {
    str_free(&a->head);
}

bool answer_header(const answer *a, const char *name, char *value, size_t size) {
    size_t length = strlen(name);
    for (const char *line = strstr(str_text(&a->head), "\r\n"); line && line[2];
         line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, length) != 0 || at[length] != ':')
            continue;
        at += length + 1;
        at += strspn(at, " \t");
        const char *end = strstr(at, "\r\n");
        while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        str_format(value, size, "%.*s", (int)(end - at), at);
        return true;
    }
    return false;
}

/* One HTTP/1.1 request over a connection of its own. Plain http:// only: what is asked is on this machine. */
#include <string.h>
#include <strings.h>

#include "net/answer.h"
#include "net/connection.h"
#include "net/net.h"
#include "net/url.h"

typedef struct reader {
    connection *connection;
    uint64_t deadline_ns;
    size_t max_bytes;
    str_buf *body;
} reader;

static accel_status too_long(const reader *r, accel_error *err) {
    return error_set(err, ACCEL_LIMIT, "%s answered more than the %zu bytes that are read",
                     r->connection->name, r->max_bytes);
}

/* Moves `length` bytes from the connection to the body, as they come. */
static accel_status read_bytes(reader *r, uint64_t length, accel_error *err) {
    if (length > r->max_bytes - r->body->length)
        return too_long(r, err);
    while (length > 0) {
        if (connection_length(r->connection) == 0)
            ACCEL_TRY(connection_fill(r->connection, r->deadline_ns, err));
        size_t n = connection_length(r->connection);
        n = n < length ? n : (size_t)length;
        str_append_bytes(r->body, connection_bytes(r->connection), n);
        connection_take(r->connection, n);
        length -= n;
    }
    return r->body->failed ? error_no_memory(err, "an answer", r->body->length) : ACCEL_OK;
}

static accel_status read_to_end(reader *r, accel_error *err) {
    for (;;) {
        ACCEL_TRY(read_bytes(r, connection_length(r->connection), err));
        if (r->connection->ended)
            return ACCEL_OK;
        ACCEL_TRY(connection_fill(r->connection, r->deadline_ns, err));
    }
}

/* A line of the chunked form, without its end, cut when it is longer than the buffer. */
static accel_status read_line(reader *r, char *line, size_t size, accel_error *err) {
    const char *end;
    while ((end = memmem(connection_bytes(r->connection), connection_length(r->connection), "\r\n", 2)) ==
           NULL) {
        if (connection_length(r->connection) > 8192)
            return error_set(err, ACCEL_LIMIT, "%s answered a line without end", r->connection->name);
        ACCEL_TRY(connection_fill(r->connection, r->deadline_ns, err));
    }
    size_t length = (size_t)(end - connection_bytes(r->connection));
    str_format(line, size, "%.*s", (int)length, connection_bytes(r->connection));
    connection_take(r->connection, length + 2);
    return ACCEL_OK;
}

/* The hexadecimal number that a chunk's line begins with; false when there is none or it is above 2^60. */
static bool read_hex(const char *line, uint64_t *out) {
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    size_t count = 0;
    for (; line[count] != '\0' && count < 16; count++) {
        const char *digit = strchr(digits, line[count] | 0x20);
        if (!digit || line[count] < '0')
            break;
        value = 16 * value + (uint64_t)(digit - digits);
    }
    *out = value;
    return count > 0 && count < 16 && (line[count] == '\0' || line[count] == ';' || line[count] == ' ');
}

static accel_status read_chunks(reader *r, accel_error *err) {
    char line[64];
    uint64_t length;
    do {
        ACCEL_TRY(read_line(r, line, sizeof line, err));
        if (!read_hex(line, &length))
            return error_set(err, ACCEL_BAD_FILE, "%s answered a chunk without a length",
                             r->connection->name);
        ACCEL_TRY(read_bytes(r, length, err));
        if (length > 0)
            ACCEL_TRY(read_line(r, line, sizeof line, err));
    } while (length > 0);
    return ACCEL_OK; /* what may follow belongs to a connection that ends here */
}

static accel_status read_body(reader *r, const answer *a, const char *method, accel_error *err) {
    char value[64];
    int64_t length;
    if (str_equal(method, "HEAD") || a->status == 204 || a->status == 304)
        return ACCEL_OK;
    if (answer_header(a, "Transfer-Encoding", value, sizeof value) && strcasecmp(value, "identity") != 0) {
        if (strcasecmp(value, "chunked") != 0)
            return error_set(err, ACCEL_UNSUPPORTED, "%s answered in the encoding \"%s\"",
                             r->connection->name, value);
        return read_chunks(r, err);
    }
    if (!answer_header(a, "Content-Length", value, sizeof value))
        return read_to_end(r, err);
    if (!str_to_i64(value, &length) || length < 0)
        return error_set(err, ACCEL_BAD_FILE, "%s answered the length \"%s\"", r->connection->name, value);
    return read_bytes(r, (uint64_t)length, err);
}

static void write_request(str_buf *out, const net_url *url, const char *method, const char *body_type,
                          const char *body) {
    size_t length = body_type && body ? strlen(body) : 0;
    str_appendf(out, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, url->path, url->name);
    if (body_type)
        str_appendf(out, "Content-Type: %s\r\n", body_type);
    if (body_type || str_equal(method, "POST") || str_equal(method, "PUT"))
        str_appendf(out, "Content-Length: %zu\r\n", length);
    str_append(out, "\r\n");
    if (length > 0)
        str_append_bytes(out, body, length);
}

static accel_status exchange(reader *r, const str_buf *request, const char *method, int *http_status,
                             accel_error *err) {
    answer a;
    ACCEL_TRY(connection_send(r->connection, str_text(request), request->length, r->deadline_ns, err));
    accel_status status = answer_read(r->connection, r->deadline_ns, &a, err);
    if (status == ACCEL_OK)
        status = read_body(r, &a, method, err);
    *http_status = a.status;
    answer_free(&a);
    return status;
}

accel_status net_fetch(const char *method, const char *url, const char *body_type, const char *request_body,
                       double timeout_s, size_t max_bytes, int *http_status, str_buf *body,
                       accel_error *err) {
    net_url to;
    connection c;
    str_buf request = {0};
    reader r = {&c, connection_deadline(timeout_s), max_bytes, body};
    *http_status = 0;
    body->length = 0;
    ACCEL_TRY(net_url_read(url, "http", &to, err));
    write_request(&request, &to, method, body_type, request_body);
    accel_status status = request.failed ? error_no_memory(err, "a request", request.length)
                                         : connection_open(&to, r.deadline_ns, &c, err);
    if (!request.failed) {
        if (status == ACCEL_OK)
            status = exchange(&r, &request, method, http_status, err);
        connection_close(&c);
    }
    str_free(&request);
    return status;
}

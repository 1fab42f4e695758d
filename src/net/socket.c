/* A WebSocket as client (RFC 6455), blocking. Plain ws:// only, without extensions: what is spoken to is on this machine. */
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/mem.h"
#include "net/answer.h"
#include "net/connection.h"
#include "net/frame.h"
#include "net/net.h"
#include "net/url.h"

enum { KEY_BYTES = 16, KEY_TEXT_BYTES = 25, ACCEPT_TEXT_BYTES = 29 };
static const size_t most_message_bytes = (size_t)256 << 20;
static const double send_timeout_s = 30;

struct net_socket {
    connection connection;
    str_buf message; /* what has come of the message that is on its way */
    bool in_message;
    bool closed; /* not open yet, or a close frame came */
};

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static void make_key(char text[KEY_TEXT_BYTES]) {
    unsigned char key[KEY_BYTES] = {0};
    if (getrandom(key, sizeof key, 0) < 0)
        memset(key, 1, sizeof key); /* it only has to differ from what a cache may have kept */
    EVP_EncodeBlock((unsigned char *)text, key, sizeof key);
}

/* What a server that speaks WebSocket answers to a key (section 4.2.2). */
static void expected_accept(const char *key, char text[ACCEPT_TEXT_BYTES]) {
    char joined[KEY_TEXT_BYTES + 40];
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    int length = str_format(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    EVP_Digest(joined, (size_t)length, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)text, digest, 20);
}

static accel_status check_answer(const net_socket *s, const answer *a, const char *key, accel_error *err) {
    char value[64], expected[ACCEPT_TEXT_BYTES];
    if (a->status != 101)
        return error_set(err, ACCEL_RUNTIME, "%s answered %d instead of opening a WebSocket",
                         s->connection.name, a->status);
    expected_accept(key, expected);
    if (!answer_header(a, "Sec-WebSocket-Accept", value, sizeof value) || !str_equal(value, expected))
        return error_set(err, ACCEL_BAD_FILE, "what %s answered opens no WebSocket", s->connection.name);
    return ACCEL_OK;
}

static accel_status shake_hands(net_socket *s, const net_url *url, uint64_t deadline_ns, accel_error *err) {
    answer a;
    char key[KEY_TEXT_BYTES];
    str_buf request = {0};
    make_key(key);
    str_appendf(&request,
                "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                url->path, url->name, key);
    accel_status status =
        request.failed ? error_no_memory(err, "a request", request.length)
                       : connection_send(&s->connection, request.data, request.length, deadline_ns, err);
    str_free(&request);
    ACCEL_TRY(status);
    status = answer_read(&s->connection, deadline_ns, &a, err);
    if (status == ACCEL_OK)
        status = check_answer(s, &a, key, err);
    answer_free(&a);
    return status;
}

accel_status net_socket_open(const char *url, double timeout_s, net_socket **out, accel_error *err) {
    net_url to;
    uint64_t deadline_ns = connection_deadline(timeout_s);
    *out = NULL;
    ACCEL_TRY(net_url_read(url, "ws", &to, err));
    net_socket *s = mem_calloc(1, sizeof *s);
    if (!s)
        return error_no_memory(err, "a WebSocket", sizeof *s);
    s->closed = true;
    accel_status status = connection_open(&to, deadline_ns, &s->connection, err);
    if (status == ACCEL_OK)
        status = shake_hands(s, &to, deadline_ns, err);
    if (status != ACCEL_OK) {
        net_socket_close(s);
        return status;
    }
    s->closed = false;
    *out = s;
    return ACCEL_OK;
}

/* ---- sending ------------------------------------------------------------------------------------------------------------ */

static accel_status send_frame(net_socket *s, frame_kind kind, const void *payload, size_t length,
                               double timeout_s, accel_error *err) {
    str_buf bytes = {0};
    uint8_t mask[4] = {0};
    if (getrandom(mask, sizeof mask, 0) < 0)
        memset(mask, 0, sizeof mask); /* it protects proxies, and there is none on the way */
    frame_write(&bytes, kind, payload, length, mask);
    accel_status status = bytes.failed ? error_no_memory(err, "a message", length)
                                       : connection_send(&s->connection, bytes.data, bytes.length,
                                                         connection_deadline(timeout_s), err);
    str_free(&bytes);
    return status;
}

static accel_status is_closed(const net_socket *s, accel_error *err) {
    return error_set(err, ACCEL_IO, "%s closed the WebSocket", s->connection.name);
}

accel_status net_socket_send(net_socket *s, const char *text, size_t length, accel_error *err) {
    if (s->closed)
        return is_closed(s, err);
    return send_frame(s, FRAME_TEXT, text, length, send_timeout_s, err);
}

/* ---- receiving ---------------------------------------------------------------------------------------------------------- */

static accel_status broke_rules(const net_socket *s, accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE, "%s broke the rules of the WebSocket protocol", s->connection.name);
}

static accel_status too_long(const net_socket *s, accel_error *err) {
    return error_set(err, ACCEL_LIMIT, "%s sent a message of more than the %zu bytes that are read",
                     s->connection.name, most_message_bytes);
}

static accel_status take_control(net_socket *s, const frame *f, const char *payload, accel_error *err) {
    if (f->kind == FRAME_PING)
        return send_frame(s, FRAME_PONG, payload, (size_t)f->length, send_timeout_s, err);
    if (f->kind == FRAME_CLOSE) {
        s->closed = true; /* its code is given back as the answer; whether that arrives does not matter */
        (void)send_frame(s, FRAME_CLOSE, payload, f->length < 2 ? 0 : 2, 1, NULL);
        return is_closed(s, err);
    }
    return ACCEL_OK;
}

static accel_status take_data(net_socket *s, const frame *f, const char *payload, accel_error *err) {
    if ((f->kind == FRAME_MORE) != s->in_message)
        return broke_rules(s, err);
    if (f->length > most_message_bytes - s->message.length)
        return too_long(s, err);
    str_append_bytes(&s->message, payload, (size_t)f->length);
    s->in_message = !f->last;
    return s->message.failed ? error_no_memory(err, "a message", s->message.length) : ACCEL_OK;
}

/* Waits for a whole frame and takes it; *whole tells whether it ended a message. */
static accel_status take_frame(net_socket *s, uint64_t deadline_ns, bool *whole, accel_error *err) {
    frame f;
    accel_status status = ACCEL_OK;
    while (!frame_read(connection_bytes(&s->connection), connection_length(&s->connection), &f, &status))
        ACCEL_TRY(connection_fill(&s->connection, deadline_ns, err));
    if (status != ACCEL_OK)
        return broke_rules(s, err);
    if (f.length > most_message_bytes)
        return too_long(s, err);
    size_t length = f.head_length + (size_t)f.length;
    while (connection_length(&s->connection) < length)
        ACCEL_TRY(connection_fill(&s->connection, deadline_ns, err));
    const char *payload = connection_bytes(&s->connection) + f.head_length;
    bool control = f.kind >= FRAME_CLOSE;
    status = control ? take_control(s, &f, payload, err) : take_data(s, &f, payload, err);
    connection_take(&s->connection, length);
    *whole = !control && f.last;
    return status;
}

accel_status net_socket_receive(net_socket *s, double timeout_s, str_buf *out, accel_error *err) {
    uint64_t deadline_ns = connection_deadline(timeout_s);
    bool whole = false;
    str_free(out);
    if (s->closed)
        return is_closed(s, err);
    while (!whole)
        ACCEL_TRY(take_frame(s, deadline_ns, &whole, err));
    str_append_bytes(&s->message, "", 0); /* an empty message has a NUL as well */
    if (s->message.failed)
        return error_no_memory(err, "a message", 1);
    *out = s->message;
    s->message = (str_buf){0};
    return ACCEL_OK;
}

void net_socket_close(net_socket *s) {
    static const unsigned char normal[2] = {0x03, 0xe8}; /* 1000 */
    if (!s)
        return;
    if (!s->closed)
        (void)send_frame(s, FRAME_CLOSE, normal, sizeof normal, 1, NULL);
    connection_close(&s->connection);
    str_free(&s->message);
    mem_free(s);
}

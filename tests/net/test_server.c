/* The server against this room's own client and against requests that no client would send. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/net.h"
#include "support/temp_folder.h"
#include "support/test.h"

enum { FILE_BYTES = 1000003 };

static accel_error err;
static net_server *server;

/* What handlers saw, under the lock. */
static struct {
    pthread_mutex_t lock;
    char file[256];
    int opened, closed, asked;
    net_peer *peer;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int seen_count(const int *counter) {
    pthread_mutex_lock(&seen.lock);
    int count = *counter;
    pthread_mutex_unlock(&seen.lock);
    return count;
}

static void wait_for_count(const int *counter, int least) {
    for (int i = 0; i < 1000 && seen_count(counter) < least; i++)
        clock_sleep_ns(10000000);
    assert_true(seen_count(counter) >= least);
}

/* ---- handlers ------------------------------------------------------------------------------------------------------------- */

static void on_request(void *context, const net_request *request, net_response *response) {
    (void)context;
    pthread_mutex_lock(&seen.lock);
    seen.asked++;
    pthread_mutex_unlock(&seen.lock);
    response->status = 200;
    response->type = "text/plain";
    if (strcmp(request->path, "/file") == 0)
        str_append(&response->file, seen.file);
    else if (strcmp(request->path, "/missing") == 0)
        str_append(&response->file, "/nonexistent/file");
    else if (strcmp(request->path, "/nothing") == 0)
        response->status = 0;
    else if (strcmp(request->path, "/length") == 0)
        str_appendf(&response->body, "%zu", request->body_length);
    else
        str_appendf(&response->body, "%s %s?%s %.*s%s %s", request->method, request->path, request->query,
                    (int)request->body_length, request->body_length ? (const char *)request->body : "",
                    request->local ? " local" : "", request->address);
}

static bool may_open(void *context, const net_request *request) {
    (void)context;
    return strcmp(request->path, "/socket") == 0 && strcmp(request->query, "token=t") == 0;
}

static void on_open(void *context, net_peer *peer, const net_request *request) {
    (void)context;
    assert_string_equal(request->path, "/socket");
    pthread_mutex_lock(&seen.lock);
    seen.opened++;
    seen.peer = peer;
    pthread_mutex_unlock(&seen.lock);
}

/* Echoes; "flood" is answered by much, "bye" by a last message. */
static void on_message(void *context, net_peer *peer, const void *data, size_t length, bool binary) {
    static char much[1 << 20];
    (void)context;
    if (length == 5 && memcmp(data, "flood", 5) == 0) {
        memset(much, 'x', sizeof much);
        for (int i = 0; i < 400; i++) {
            if (net_peer_send(peer, much, sizeof much, false, NULL) != ACCEL_OK)
                break;
        }
        return;
    }
    (void)net_peer_send(peer, data, length, binary, NULL);
    if (length == 3 && memcmp(data, "bye", 3) == 0)
        net_peer_close(peer);
}

static void on_close(void *context, net_peer *peer) {
    (void)context;
    pthread_mutex_lock(&seen.lock);
    seen.closed++;
    if (seen.peer == peer)
        seen.peer = NULL;
    pthread_mutex_unlock(&seen.lock);
}

static const net_handlers handlers = {NULL, on_request, may_open, on_open, on_message, on_close};

/* ---- helpers -------------------------------------------------------------------------------------------------------------- */

static int start(void **state) {
    net_server_options options = {
        .max_body_bytes = 100000, .max_message_bytes = 3 << 20, .max_peers = 20, .isolated = true};
    if (temp_folder_setup(state) != 0)
        return -1;
    FILE *file = fopen(temp_path(state, "file"), "wb");
    for (int i = 0; i < FILE_BYTES; i++)
        fputc(i % 251, file);
    fclose(file);
    str_format(seen.file, sizeof seen.file, "%s", temp_path(state, "file"));
    seen.opened = seen.closed = seen.asked = 0;
    if (net_server_start(&options, &handlers, &server, &err) != ACCEL_OK)
        fail_msg("%s", err.message);
    return 0;
}

static int stop(void **state) {
    net_server_stop(server);
    return temp_folder_teardown(state);
}

static accel_status ask(const char *method, const char *path, const char *body, int *status,
                        str_buf *answer) {
    char url[512];
    str_format(url, sizeof url, "http://127.0.0.1:%d%s", net_server_port(server), path);
    return net_fetch(method, url, body ? "text/plain" : NULL, body, 10, 1 << 24, status, answer, &err);
}

static net_socket *open_socket(void) {
    net_socket *s;
    char url[128];
    str_format(url, sizeof url, "ws://127.0.0.1:%d/socket?token=t", net_server_port(server));
    assert_ok(net_socket_open(url, 10, &s, &err));
    return s;
}

static int connect_raw(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    address.sin_port = htons((uint16_t)net_server_port(server));
    int s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_return_code(connect(s, (struct sockaddr *)&address, sizeof address), 0);
    return s;
}

/* Sends bytes as they are and reads until the server closes or says nothing for 10 s. */
static void ask_raw(const char *bytes, size_t length, str_buf *answer) {
    char part[65536];
    ssize_t got;
    int s = connect_raw();
    answer->length = 0;
    assert_int_equal(send(s, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
    while ((got = recv(s, part, sizeof part, 0)) > 0)
        str_append_bytes(answer, part, (size_t)got);
    close(s);
}

/* The status that a raw request gets; 0: the connection is closed without an answer. */
static int status_of_raw(const char *request) {
    str_buf answer = {0};
    ask_raw(request, strlen(request), &answer);
    int status = answer.length > 12 && str_starts_with(answer.data, "HTTP/1.") ? atoi(answer.data + 9) : 0;
    str_free(&answer);
    return status;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------------------------ */

static void requests_are_answered(void **state) {
    str_buf answer = {0};
    int status;
    (void)state;
    assert_ok(ask("GET", "/a/b?c=d&e=f", NULL, &status, &answer));
    assert_int_equal(status, 200);
    assert_string_equal(str_text(&answer), "GET /a/b?c=d&e=f  local 127.0.0.1");
    assert_ok(ask("POST", "/x", "some body", &status, &answer));
    assert_string_equal(str_text(&answer), "POST /x? some body local 127.0.0.1");
    assert_ok(ask("PUT", "/x", "", &status, &answer));
    assert_string_equal(str_text(&answer), "PUT /x?  local 127.0.0.1");
    assert_ok(ask("DELETE", "/x", NULL, &status, &answer));
    assert_string_equal(str_text(&answer), "DELETE /x?  local 127.0.0.1");
    str_free(&answer);
}

static void what_is_not_there_is_404(void **state) {
    str_buf answer = {0};
    int status;
    (void)state;
    assert_ok(ask("GET", "/missing", NULL, &status, &answer));
    assert_int_equal(status, 404);
    assert_ok(ask("GET", "/nothing", NULL, &status, &answer));
    assert_int_equal(status, 404);
    str_free(&answer);
}

static void bodies_up_to_the_limit_are_whole(void **state) {
    str_buf answer = {0};
    int status;
    char *body = malloc(100002);
    (void)state;
    memset(body, 'b', 100001);
    body[100000] = '\0';
    assert_ok(ask("POST", "/length", body, &status, &answer));
    assert_string_equal(str_text(&answer), "100000");
    body[100000] = 'b';
    body[100001] = '\0';
    assert_ok(ask("POST", "/length", body, &status, &answer));
    assert_int_equal(status, 413);
    free(body);
    str_free(&answer);
}

static void files_arrive_whole(void **state) {
    str_buf answer = {0};
    int status;
    (void)state;
    assert_ok(ask("GET", "/file", NULL, &status, &answer));
    assert_int_equal(answer.length, FILE_BYTES);
    for (int i = 0; i < FILE_BYTES; i++)
        assert_int_equal((unsigned char)answer.data[i], i % 251);
    str_free(&answer);
}

/* Asks for /file with further headers; the whole answer. */
static void ask_file(const char *method, const char *headers, str_buf *answer) {
    str_buf request = {0};
    str_appendf(&request, "%s /file HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, headers);
    ask_raw(request.data, request.length, answer);
    str_free(&request);
}

/* The answer's body. */
static const char *body_of(const str_buf *answer, size_t *length) {
    const char *end = memmem(answer->data, answer->length, "\r\n\r\n", 4);
    assert_non_null(end);
    *length = answer->length - (size_t)(end + 4 - answer->data);
    return end + 4;
}

static void parts_of_files_are_sent(void **state) {
    str_buf answer = {0};
    size_t length;
    (void)state;
    ask_file("GET", "Range: bytes=251-260\r\n", &answer);
    assert_true(str_starts_with(answer.data, "HTTP/1.1 206 "));
    assert_non_null(strstr(answer.data, "content-range: bytes 251-260/1000003\r\n"));
    assert_non_null(strstr(answer.data, "content-length: 10\r\n"));
    assert_memory_equal(body_of(&answer, &length), "\0\1\2\3\4\5\6\7\10\11", 10);
    assert_int_equal(length, 10);
    ask_file("GET", "Range: bytes=-400000\r\n", &answer); /* more than one part */
    const char *body = body_of(&answer, &length);
    assert_int_equal(length, 400000);
    assert_int_equal((unsigned char)body[0], 600003 % 251);
    assert_int_equal((unsigned char)body[399999], 1000002 % 251);
    ask_file("GET", "Range: bytes=1000003-\r\n", &answer);
    assert_true(str_starts_with(answer.data, "HTTP/1.1 416 "));
    assert_non_null(strstr(answer.data, "content-range: bytes */1000003\r\n"));
    ask_file("GET", "Range: bytes=0-1\r\nIf-Range: \"another\"\r\n", &answer);
    assert_true(str_starts_with(answer.data, "HTTP/1.1 200 "));
    (void)body_of(&answer, &length);
    assert_int_equal(length, FILE_BYTES);
    ask_file("HEAD", "", &answer);
    assert_non_null(strstr(answer.data, "content-length: 1000003\r\n"));
    (void)body_of(&answer, &length);
    assert_int_equal(length, 0);
    str_free(&answer);
}

static void what_the_peer_has_is_not_sent_again(void **state) {
    str_buf answer = {0}, headers = {0};
    size_t length;
    (void)state;
    ask_file("HEAD", "", &answer);
    const char *etag = strstr(answer.data, "etag: ");
    assert_non_null(etag);
    str_appendf(&headers, "If-None-Match: \"x\", %.*s\r\n", (int)strcspn(etag + 6, "\r"), etag + 6);
    ask_file("GET", headers.data, &answer);
    assert_true(str_starts_with(answer.data, "HTTP/1.1 304 "));
    (void)body_of(&answer, &length);
    assert_int_equal(length, 0);
    FILE *file = fopen(seen.file, "ab"); /* another file now */
    fputc('x', file);
    fclose(file);
    ask_file("GET", headers.data, &answer);
    assert_true(str_starts_with(answer.data, "HTTP/1.1 200 "));
    str_free(&answer);
    str_free(&headers);
}

static void pages_are_isolated(void **state) {
    str_buf answer = {0};
    (void)state;
    ask_file("HEAD", "", &answer);
    assert_non_null(strstr(answer.data, "cross-origin-opener-policy: same-origin\r\n"));
    assert_non_null(strstr(answer.data, "cross-origin-embedder-policy: require-corp\r\n"));
    assert_non_null(strstr(answer.data, "cross-origin-resource-policy: same-origin\r\n"));
    assert_null(strstr(answer.data, "access-control-allow-origin"));
    str_free(&answer);
}

static void odd_requests_are_refused(void **state) {
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421},
        {"GET / HTTP/1.1\r\nHost: evil.example:80\r\nConnection: close\r\n\r\n", 421},
        {"GET / HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n", 200},
        {"GET / HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n", 200},
        {"GET /a%00b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\nhello", 400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\nhello", 400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999\r\n\r\nhello", 413},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
         411},
        {"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        {"PATCH / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 501},
        {"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 0},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 403},
        {"GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
         403},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
         403},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = status_of_raw(cases[i].request);
        if (status != cases[i].status)
            fail_msg("%d instead of %d for %s", status, cases[i].status, cases[i].request);
    }
}

/* Whatever is asked for, a handler sees a plain path or nothing. */
static void paths_are_plain(void **state) {
    static const char *const paths[] = {
        "/../etc/passwd", "/a/../../b", "/%2e%2e/x", "/a/%2E./b", "/a%2f..%2f..%2fb",
        "//a//b",         "/a/.",       "/a/./b",    "/..",       "/a/..",
        "/%2f%2fa",       "/...",       "/a..b"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        str_buf answer = {0}, request = {0};
        str_appendf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", paths[i]);
        ask_raw(request.data, request.length, &answer);
        const char *body = answer.data ? strstr(answer.data, "\r\n\r\nGET ") : NULL;
        if (body != NULL) {
            assert_null(strstr(body, "/../"));
            assert_null(strstr(body, "/..?"));
            assert_null(strstr(body, "/./"));
            assert_null(strstr(body, "//"));
            assert_int_equal(body[8], '/');
        }
        str_free(&answer);
        str_free(&request);
    }
}

/* What comes in one packet with a request is not mistaken for its body, nor answered. */
static void a_connection_is_for_one_request(void **state) {
    static const char *const requests[] = {
        "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /two HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
        "POST /one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhiPUT /two HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        "POST /one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\nGET /two HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PUT /one HTTP/1.1\r\nHost: localhost\r\n\r\nGET /two HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        str_buf answer = {0};
        seen.asked = 0;
        ask_raw(requests[i], strlen(requests[i]), &answer);
        assert_null(strstr(str_text(&answer), " /two"));
        assert_int_equal(seen_count(&seen.asked), 1);
        str_free(&answer);
    }
}

static void half_a_request_stops_nobody(void **state) {
    str_buf answer = {0};
    int status, first = connect_raw(), second = connect_raw();
    (void)state;
    assert_true(send(first, "GET / HT", 8, MSG_NOSIGNAL) == 8);
    assert_true(send(second, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf", 58,
                     MSG_NOSIGNAL) > 0);
    assert_ok(ask("GET", "/", NULL, &status, &answer));
    assert_int_equal(status, 200);
    close(first);
    close(second);
    assert_ok(ask("GET", "/", NULL, &status, &answer));
    str_free(&answer);
}

static void a_slow_reader_stops_nobody(void **state) {
    static const char request[] = "GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n";
    str_buf answer = {0};
    char part[1000];
    int status, slow = connect_raw();
    (void)state;
    assert_true(send(slow, request, sizeof request - 1, MSG_NOSIGNAL) > 0);
    assert_true(recv(slow, part, sizeof part, 0) > 0);
    assert_ok(ask("GET", "/file", NULL, &status, &answer));
    assert_int_equal(answer.length, FILE_BYTES);
    close(slow); /* in the middle of its answer */
    assert_ok(ask("GET", "/", NULL, &status, &answer));
    str_free(&answer);
}

/* More connections than there may be: those above are closed, and there is room again when some end. */
static void connections_are_bounded(void **state) {
    int sockets[30];
    int status = 0;
    str_buf answer = {0};
    (void)state;
    for (int i = 0; i < 30; i++)
        sockets[i] = connect_raw();
    char byte;
    assert_true(recv(sockets[29], &byte, 1, 0) <= 0);
    for (int i = 0; i < 30; i++)
        close(sockets[i]);
    for (int i = 0; i < 100 && ask("GET", "/", NULL, &status, &answer) != ACCEL_OK; i++)
        clock_sleep_ns(20000000);
    assert_int_equal(status, 200);
    str_free(&answer);
}

/* ---- WebSockets ------------------------------------------------------------------------------------------------------------- */

static void messages_come_back(void **state) {
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, 131072, 131073, 3 << 20};
    str_buf answer = {0};
    net_socket *s = open_socket();
    char *bytes = malloc(3 << 20);
    (void)state;
    memset(bytes, 'a', 3 << 20);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_ok(net_socket_send(s, bytes, lengths[i], &err));
        assert_ok(net_socket_receive(s, 10, &answer, &err));
        assert_int_equal(answer.length, lengths[i]);
        assert_memory_equal(str_text(&answer), bytes, lengths[i]);
    }
    net_socket_close(s);
    wait_for_count(&seen.closed, 1);
    free(bytes);
    str_free(&answer);
}

static void many_messages_keep_their_order(void **state) {
    str_buf answer = {0};
    net_socket *s = open_socket();
    char text[16];
    (void)state;
    for (int i = 0; i < 2000; i++) {
        str_format(text, sizeof text, "%d", i);
        assert_ok(net_socket_send(s, text, strlen(text), &err));
    }
    for (int i = 0; i < 2000; i++) {
        str_format(text, sizeof text, "%d", i);
        assert_ok(net_socket_receive(s, 10, &answer, &err));
        assert_string_equal(str_text(&answer), text);
    }
    net_socket_close(s);
    str_free(&answer);
}

static void a_message_above_the_limit_closes(void **state) {
    str_buf answer = {0};
    net_socket *s = open_socket();
    char *bytes = calloc(1, (3 << 20) + 1);
    (void)state;
    (void)net_socket_send(s, bytes, (3 << 20) + 1, NULL);
    assert_int_equal(net_socket_receive(s, 10, &answer, &err), ACCEL_IO);
    net_socket_close(s);
    wait_for_count(&seen.closed, 1);
    free(bytes);
    str_free(&answer);
}

static void what_is_queued_is_sent_before_closing(void **state) {
    str_buf answer = {0};
    net_socket *s = open_socket();
    (void)state;
    assert_ok(net_socket_send(s, "bye", 3, &err));
    assert_ok(net_socket_receive(s, 10, &answer, &err));
    assert_string_equal(str_text(&answer), "bye");
    assert_int_equal(net_socket_receive(s, 10, &answer, &err), ACCEL_IO);
    net_socket_close(s);
    wait_for_count(&seen.closed, 1);
    str_free(&answer);
}

static void a_peer_that_does_not_read_is_bounded_and_stops_nobody(void **state) {
    str_buf answer = {0};
    net_socket *slow = open_socket(), *other = open_socket();
    int status;
    (void)state;
    assert_ok(net_socket_send(slow, "flood", 5, &err)); /* 400 MB, of which 256 are taken */
    assert_ok(net_socket_send(other, "hello", 5, &err));
    assert_ok(net_socket_receive(other, 30, &answer, &err));
    assert_string_equal(str_text(&answer), "hello");
    assert_ok(ask("GET", "/", NULL, &status, &answer));
    net_socket_close(slow);
    net_socket_close(other);
    wait_for_count(&seen.closed, 2);
    str_free(&answer);
}

static void *send_until_closed(void *context) {
    (void)context;
    for (;;) {
        pthread_mutex_lock(
            &seen.lock); /* a peer is valid until on_close has returned, which takes this lock */
        accel_status status = seen.peer ? net_peer_send(seen.peer, "x", 1, false, NULL) : ACCEL_IO;
        pthread_mutex_unlock(&seen.lock);
        if (status != ACCEL_OK && seen_count(&seen.closed) > 0)
            return NULL;
    }
}

static void other_threads_send_while_the_peer_goes(void **state) {
    pthread_t threads[3];
    str_buf answer = {0};
    net_socket *s = open_socket();
    (void)state;
    wait_for_count(&seen.opened, 1);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, send_until_closed, NULL);
    for (int i = 0; i < 500; i++)
        assert_ok(net_socket_receive(s, 10, &answer, &err));
    net_socket_close(s);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    str_free(&answer);
}

static void stopping_closes_what_is_open(void **state) {
    net_server_options options = {0};
    net_server *another;
    net_socket *s;
    str_buf answer = {0};
    char url[128];
    (void)state;
    assert_ok(net_server_start(&options, &handlers, &another, &err));
    str_format(url, sizeof url, "ws://127.0.0.1:%d/socket?token=t", net_server_port(another));
    assert_ok(net_socket_open(url, 10, &s, &err));
    wait_for_count(&seen.opened, 1);
    net_server_stop(another);
    assert_int_equal(seen_count(&seen.closed), 1);
    assert_int_equal(net_socket_receive(s, 10, &answer, &err), ACCEL_IO);
    net_socket_close(s);
}

static void a_port_that_is_taken_is_a_sentence(void **state) {
    net_server_options options = {.port = net_server_port(server)};
    net_server *another;
    (void)state;
    assert_int_equal(net_server_start(&options, &handlers, &another, &err), ACCEL_IO);
    assert_says("is taken by another program");
    assert_null(another);
    options = (net_server_options){.host = "no address"};
    assert_int_equal(net_server_start(&options, &handlers, &another, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("\"no address\" is no address to listen on");
    options =
        (net_server_options){.certificate_path = "/nonexistent/c.pem", .key_path = "/nonexistent/k.pem"};
    assert_int_not_equal(net_server_start(&options, &handlers, &another, &err), ACCEL_OK);
    assert_says("/nonexistent/c.pem");
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SERVER(requests_are_answered),
        WITH_SERVER(what_is_not_there_is_404),
        WITH_SERVER(bodies_up_to_the_limit_are_whole),
        WITH_SERVER(files_arrive_whole),
        WITH_SERVER(parts_of_files_are_sent),
        WITH_SERVER(what_the_peer_has_is_not_sent_again),
        WITH_SERVER(pages_are_isolated),
        WITH_SERVER(odd_requests_are_refused),
        WITH_SERVER(paths_are_plain),
        WITH_SERVER(a_connection_is_for_one_request),
        WITH_SERVER(half_a_request_stops_nobody),
        WITH_SERVER(a_slow_reader_stops_nobody),
        WITH_SERVER(connections_are_bounded),
        WITH_SERVER(messages_come_back),
        WITH_SERVER(many_messages_keep_their_order),
        WITH_SERVER(a_message_above_the_limit_closes),
        WITH_SERVER(what_is_queued_is_sent_before_closing),
        WITH_SERVER(a_peer_that_does_not_read_is_bounded_and_stops_nobody),
        WITH_SERVER(other_threads_send_while_the_peer_goes),
        WITH_SERVER(stopping_closes_what_is_open),
        WITH_SERVER(a_port_that_is_taken_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

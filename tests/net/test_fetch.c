/* net_fetch against servers that answer as they like, and addresses that are none. */
#include "net/net.h"
#include "net/scripted_peer.h"

static accel_error err;

/* What net_fetch makes of this answer. */
static accel_status fetch(const char *method, const char *answer, size_t most, int *status, str_buf *body) {
    scripted_peer peer = {0};
    char url[64];
    peer_start(&peer, answer, strlen(answer));
    str_format(url, sizeof url, "http://127.0.0.1:%d/a?b=c", peer.port);
    accel_status result = net_fetch(method, url, NULL, NULL, 10, most, status, body, &err);
    peer_join(&peer);
    return result;
}

#define HEAD "HTTP/1.1 200 OK\r\n"

static void a_body_of_known_length_is_read(void **state) {
    str_buf body = {0};
    int status;
    (void)state;
    assert_ok(fetch("GET", HEAD "content-LENGTH: 5\r\n\r\nhello, and more", 100, &status, &body));
    assert_int_equal(status, 200);
    assert_string_equal(str_text(&body), "hello");
    str_free(&body);
}

static void a_chunked_body_is_joined(void **state) {
    str_buf body = {0};
    int status;
    (void)state;
    assert_ok(
        fetch("GET",
              HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, 10 bytes\r\n0\r\nT: 1\r\n\r\n",
              100, &status, &body));
    assert_string_equal(str_text(&body), "hello, 10 bytes");
    str_free(&body);
}

static void a_body_may_end_with_the_connection(void **state) {
    str_buf body = {0};
    int status;
    (void)state;
    assert_ok(fetch("GET", "HTTP/1.0 404 Nothing\r\nServer: x\r\n\r\nall of it", 100, &status, &body));
    assert_int_equal(status, 404);
    assert_string_equal(str_text(&body), "all of it");
    str_free(&body);
}

static void announcements_are_skipped(void **state) {
    str_buf body = {0};
    int status;
    (void)state;
    assert_ok(fetch("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", 100,
                    &status, &body));
    assert_int_equal(status, 201);
    assert_int_equal(body.length, 0);
    str_free(&body);
}

static void head_has_no_body(void **state) {
    str_buf body = {0};
    int status;
    (void)state;
    assert_ok(fetch("HEAD", HEAD "Content-Length: 5\r\n\r\n", 100, &status, &body));
    assert_int_equal(body.length, 0);
    str_free(&body);
}

static void odd_answers_are_sentences(void **state) {
    static const struct {
        const char *answer;
        accel_status status;
        const char *says;
    } cases[] = {
        {"", ACCEL_IO, "closed the connection"},
        {"HTTP/1.1 200 OK\r\n", ACCEL_IO, "closed the connection"},
        {"220 mail.example ESMTP\r\n\r\n", ACCEL_BAD_FILE, "is no HTTP"},
        {"HTTP/1.1 20x OK\r\n\r\n", ACCEL_BAD_FILE, "is no HTTP"},
        {HEAD "Content-Length: -1\r\n\r\n", ACCEL_BAD_FILE, "the length \"-1\""},
        {HEAD "Content-Length: 101\r\n\r\n", ACCEL_LIMIT, "more than the 100 bytes"},
        {HEAD "Content-Length: 50\r\n\r\nhalf", ACCEL_IO, "closed the connection"},
        {HEAD "Transfer-Encoding: gzip\r\n\r\n", ACCEL_UNSUPPORTED, "encoding \"gzip\""},
        {HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", ACCEL_BAD_FILE, "without a length"},
        {HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", ACCEL_BAD_FILE, "without a length"},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n65\r\n", ACCEL_LIMIT, "more than the 100 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str_buf body = {0};
        int status;
        assert_int_equal(fetch("GET", cases[i].answer, 100, &status, &body), cases[i].status);
        assert_says(cases[i].says);
        str_free(&body);
    }
}

static void a_silent_server_is_a_timeout(void **state) {
    scripted_peer peer = {.waits = true};
    char url[64];
    str_buf body = {0};
    int status;
    (void)state;
    peer_start(&peer, "HTTP/1.1 200", 12);
    str_format(url, sizeof url, "http://localhost:%d", peer.port);
    assert_int_equal(net_fetch("GET", url, NULL, NULL, 0.2, 100, &status, &body, &err), ACCEL_TIMEOUT);
    assert_says("did not answer in time");
    peer_join(&peer);
    str_free(&body);
}

static void nobody_there_is_a_sentence(void **state) {
    scripted_peer peer = {0};
    char url[64];
    str_buf body = {0};
    int status;
    (void)state;
    peer_start(&peer, "", 0);
    str_format(url, sizeof url, "http://127.0.0.1:%d/", peer.port);
    (void)net_fetch("GET", url, NULL, NULL, 10, 100, &status, &body, NULL);
    peer_join(&peer); /* its port is free now */
    assert_int_equal(net_fetch("GET", url, NULL, NULL, 10, 100, &status, &body, &err), ACCEL_IO);
    assert_says("nobody listens at 127.0.0.1:");
    str_free(&body);
}

static void the_request_carries_its_body(void **state) {
    scripted_peer peer = {0};
    char url[64];
    str_buf body = {0};
    int status;
    (void)state;
    const char *answer = HEAD "Content-Length: 2\r\n\r\n{}";
    peer_start(&peer, answer, strlen(answer));
    str_format(url, sizeof url, "http://127.0.0.1:%d/session", peer.port);
    assert_ok(net_fetch("POST", url, "application/json", "{\"a\":1}", 10, 100, &status, &body, &err));
    pthread_join(peer.thread, NULL);
    const char *heard = str_text(&peer.heard);
    assert_true(str_starts_with(heard, "POST /session HTTP/1.1\r\nHost: 127.0.0.1:"));
    assert_non_null(
        strstr(heard, "\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"));
    close(peer.listener);
    str_free(&peer.heard);
    str_free(&body);
}

static void addresses_that_are_none_are_refused(void **state) {
    static const char *const urls[] = {
        "",
        "https://127.0.0.1/",
        "http://",
        "http:///x",
        "http://[::1/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:8o/",
        "http://a:/",
        "http://a b/",
        "http://a/\r\nX: y",
        "http://user@a/",
        "http://a?b",
        "http://a/#fragment",
    };
    str_buf body = {0};
    int status;
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_int_equal(net_fetch("GET", urls[i], NULL, NULL, 1, 100, &status, &body, &err),
                         ACCEL_INVALID_ARGUMENT);
        assert_says("is no address that can be asked");
    }
    str_free(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_known_length_is_read),
        cmocka_unit_test(a_chunked_body_is_joined),
        cmocka_unit_test(a_body_may_end_with_the_connection),
        cmocka_unit_test(announcements_are_skipped),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(odd_answers_are_sentences),
        cmocka_unit_test(a_silent_server_is_a_timeout),
        cmocka_unit_test(nobody_there_is_a_sentence),
        cmocka_unit_test(the_request_carries_its_body),
        cmocka_unit_test(addresses_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The WebSocket client against a peer that sends frames as it likes. */
#include "net/net.h"
#include "net/scripted_peer.h"

static accel_error err;

static net_socket *open_to(scripted_peer *peer, const char *frames, size_t length) {
    net_socket *s = NULL;
    char url[64];
    peer->opens_socket = true;
    peer_start(peer, frames, length);
    str_format(url, sizeof url, "ws://127.0.0.1:%d/session", peer->port);
    assert_ok(net_socket_open(url, 10, &s, &err));
    return s;
}

/* A literal with its length, NULs included. */
#define BYTES(text) (text), sizeof(text) - 1

static void messages_in_parts_are_joined_and_pings_answered(void **state) {
    scripted_peer peer = {0};
    str_buf message = {0};
    (void)state;
    net_socket *s = open_to(&peer, BYTES("\x01\x03one\x89\x02hi\x00\x00\x80\x04 two\x81\x00"));
    assert_ok(net_socket_receive(s, 10, &message, &err));
    assert_string_equal(str_text(&message), "one two");
    assert_ok(net_socket_receive(s, 10, &message, &err));
    assert_int_equal(message.length, 0);
    assert_string_equal(message.data, "");
    net_socket_close(s);
    pthread_join(peer.thread, NULL);
    const char *frames = strstr(peer.heard.data, "\r\n\r\n") + 4;
    assert_int_equal((unsigned char)frames[0], 0x8a); /* a pong, masked, with what the ping said */
    assert_int_equal((unsigned char)frames[1], 0x82);
    assert_int_equal(frames[6] ^ frames[2], 'h');
    assert_int_equal(frames[7] ^ frames[3], 'i');
    assert_int_equal((unsigned char)frames[8], 0x88); /* and a close frame */
    close(peer.listener);
    str_free(&peer.heard);
    str_free(&message);
}

static void long_messages_have_long_lengths(void **state) {
    scripted_peer peer = {0};
    str_buf frames = {0}, message = {0};
    (void)state;
    str_append_bytes(&frames, BYTES("\x81\x7e\x01\x00"));
    for (int i = 0; i < 256; i++)
        str_append_char(&frames, 'a');
    str_append_bytes(&frames, BYTES("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"));
    for (int i = 0; i < 65536; i++)
        str_append_char(&frames, 'b');
    net_socket *s = open_to(&peer, frames.data, frames.length);
    assert_ok(net_socket_receive(s, 10, &message, &err));
    assert_int_equal(message.length, 256);
    assert_ok(net_socket_receive(s, 60, &message, &err));
    assert_int_equal(message.length, 65536);
    assert_int_equal(message.data[65535], 'b');
    net_socket_close(s);
    peer_join(&peer);
    str_free(&frames);
    str_free(&message);
}

static void a_timeout_loses_nothing(void **state) {
    scripted_peer peer = {.waits = true};
    str_buf message = {0};
    (void)state;
    net_socket *s = open_to(&peer, BYTES("\x81\x02hi\x81\x05hal"));
    assert_ok(net_socket_receive(s, 10, &message, &err));
    assert_int_equal(net_socket_receive(s, 0.1, &message, &err), ACCEL_TIMEOUT);
    assert_int_equal(net_socket_receive(s, 0, &message, &err), ACCEL_TIMEOUT);
    net_socket_close(s);
    peer_join(&peer);
    str_free(&message);
}

static void what_breaks_the_rules_is_a_sentence(void **state) {
    static const struct {
        const char *frames;
        size_t length;
        accel_status status;
        const char *says;
    } cases[] = {
        {BYTES("\x81\x82"), ACCEL_BAD_FILE, "broke the rules"},         /* masked */
        {BYTES("\xc1\x00"), ACCEL_BAD_FILE, "broke the rules"},         /* reserved bit */
        {BYTES("\x83\x00"), ACCEL_BAD_FILE, "broke the rules"},         /* reserved kind */
        {BYTES("\x09\x00"), ACCEL_BAD_FILE, "broke the rules"},         /* half a ping */
        {BYTES("\x89\x7e"), ACCEL_BAD_FILE, "broke the rules"},         /* a long ping */
        {BYTES("\x80\x00"), ACCEL_BAD_FILE, "broke the rules"},         /* goes on with nothing */
        {BYTES("\x01\x00\x81\x00"), ACCEL_BAD_FILE, "broke the rules"}, /* begins in a message */
        {BYTES("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), ACCEL_LIMIT, "a message of more than"}, /* 2^64 */
        {BYTES("\x88\x02\x03\xe8"), ACCEL_IO, "closed the WebSocket"},
        {BYTES("\x81\x05hal"), ACCEL_IO, "closed the connection"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scripted_peer peer = {0};
        str_buf message = {0};
        net_socket *s = open_to(&peer, cases[i].frames, cases[i].length);
        assert_int_equal(net_socket_receive(s, 10, &message, &err), cases[i].status);
        assert_says(cases[i].says);
        net_socket_close(s);
        peer_join(&peer);
        str_free(&message);
    }
}

static void after_a_close_nothing_is_sent(void **state) {
    scripted_peer peer = {0};
    str_buf message = {0};
    (void)state;
    net_socket *s = open_to(&peer, BYTES("\x88\x00"));
    assert_int_equal(net_socket_receive(s, 10, &message, &err), ACCEL_IO);
    assert_int_equal(net_socket_receive(s, 10, &message, &err), ACCEL_IO);
    assert_int_equal(net_socket_send(s, "x", 1, &err), ACCEL_IO);
    assert_says("closed the WebSocket");
    net_socket_close(s);
    peer_join(&peer);
}

static void a_server_without_sockets_is_a_sentence(void **state) {
    static const char *const answers[] = {"HTTP/1.1 404 Nothing\r\n\r\n",
                                          "HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"};
    static const char *const says[] = {"answered 404", "opens no WebSocket"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        scripted_peer peer = {0};
        net_socket *s;
        char url[64];
        peer_start(&peer, answers[i], strlen(answers[i]));
        str_format(url, sizeof url, "ws://127.0.0.1:%d/", peer.port);
        assert_int_not_equal(net_socket_open(url, 10, &s, &err), ACCEL_OK);
        assert_says(says[i]);
        assert_null(s);
        peer_join(&peer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_in_parts_are_joined_and_pings_answered),
        cmocka_unit_test(long_messages_have_long_lengths),
        cmocka_unit_test(a_timeout_loses_nothing),
        cmocka_unit_test(what_breaks_the_rules_is_a_sentence),
        cmocka_unit_test(after_a_close_nothing_is_sent),
        cmocka_unit_test(a_server_without_sockets_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

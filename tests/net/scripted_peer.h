/* A server for one connection that answers what a test says, whatever it is asked. */
#ifndef ACCEL_TESTS_NET_SCRIPTED_PEER_H
#define ACCEL_TESTS_NET_SCRIPTED_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "support/test.h"

typedef struct scripted_peer {
    int listener, port;
    bool opens_socket;  /* answers the handshake of a WebSocket before the rest */
    bool waits;         /* does not close until the other side does */
    const char *answer; /* sent one byte at a time, so that nothing may rely on what comes together */
    size_t length;
    str_buf heard; /* all that the other side sent */
    pthread_t thread;
} scripted_peer;

static void peer_shake_hands(int connection, const char *request) {
    char joined[128];
    unsigned char digest[EVP_MAX_MD_SIZE], accept[64];
    str_buf head = {0};
    const char *key = strstr(request, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    int length = str_format(joined, sizeof joined, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    EVP_Digest(joined, (size_t)length, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock(accept, digest, 20);
    str_appendf(&head, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nsec-websocket-accept:  %s \r\n\r\n",
                accept);
    (void)!send(connection, head.data, head.length, MSG_NOSIGNAL);
    str_free(&head);
}

static void *peer_main(void *context) {
    scripted_peer *p = context;
    char part[4096];
    ssize_t got;
    int connection = accept(p->listener, NULL, NULL);
    while (!p->heard.data || !strstr(p->heard.data, "\r\n\r\n")) {
        if ((got = recv(connection, part, sizeof part, 0)) <= 0)
            break;
        str_append_bytes(&p->heard, part, (size_t)got);
    }
    if (p->opens_socket)
        peer_shake_hands(connection, str_text(&p->heard));
    for (size_t i = 0; i < p->length; i++)
        (void)!send(connection, p->answer + i, 1, MSG_NOSIGNAL);
    if (!p->waits)
        shutdown(connection, SHUT_WR);
    while ((got = recv(connection, part, sizeof part, 0)) > 0)
        str_append_bytes(&p->heard, part, (size_t)got);
    close(connection);
    return NULL;
}

static void peer_start(scripted_peer *p, const char *answer, size_t length) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    p->answer = answer;
    p->length = length;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(p->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_return_code(listen(p->listener, 1), 0);
    getsockname(p->listener, (struct sockaddr *)&address, &size);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

static void peer_join(scripted_peer *p) {
    pthread_join(p->thread, NULL);
    close(p->listener);
    str_free(&p->heard);
}

#endif

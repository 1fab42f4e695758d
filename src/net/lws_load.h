/* libwebsockets, loaded when the first server is started: few commands serve anything. */
#ifndef ACCEL_NET_LWS_LOAD_H
#define ACCEL_NET_LWS_LOAD_H

#include <libwebsockets.h>

#include "base/error.h"

#define LWS_FUNCTIONS(X)                                                                                     \
    X(create_context)                                                                                        \
    X(create_vhost)                                                                                          \
    X(context_destroy)                                                                                       \
    X(context_user)                                                                                          \
    X(get_context)                                                                                           \
    X(get_socket_fd)                                                                                         \
    X(get_vhost_listen_port)                                                                                 \
    X(set_log_level)                                                                                         \
    X(service)                                                                                               \
    X(cancel_service)                                                                                        \
    X(set_timeout)                                                                                           \
    X(callback_on_writable)                                                                                  \
    X(write)                                                                                                 \
    X(close_reason)                                                                                          \
    X(is_final_fragment)                                                                                     \
    X(remaining_packet_payload)                                                                              \
    X(frame_is_binary)                                                                                       \
    X(hdr_total_length)                                                                                      \
    X(hdr_copy)                                                                                              \
    X(hdr_fragment_length)                                                                                   \
    X(hdr_copy_fragment)                                                                                     \
    X(add_http_header_status)                                                                                \
    X(add_http_header_by_name)                                                                               \
    X(add_http_header_content_length)                                                                        \
    X(finalize_http_header)

typedef struct lws_functions {
#define LWS_MEMBER(name) __typeof__(&lws_##name) name;
    LWS_FUNCTIONS(LWS_MEMBER)
#undef LWS_MEMBER
} lws_functions;

/* Once; every later call gives the first one's answer. ACCEL_ABSENT: it cannot be loaded, or is another generation than the headers that accel was
 * built with; err says what to install. */
accel_status lws_load(const lws_functions **out, accel_error *err);

#endif

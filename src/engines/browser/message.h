/* The messages that agents send (docs/agent-protocol.md): untrusted bytes to a message that keeps to the rules, or a sentence. */
#ifndef ACCEL_ENGINES_BROWSER_MESSAGE_H
#define ACCEL_ENGINES_BROWSER_MESSAGE_H

#include "base/error.h"
#include "base/json.h"

typedef enum agent_message_kind {
    AGENT_HELLO,
    AGENT_ALIVE,
    AGENT_DONE,
    AGENT_FAILED,
    AGENT_PROGRESS
} agent_message_kind;

enum {
    AGENT_PROTOCOL = 1,
    AGENT_NAME_BYTES = 65, /* with the NUL */
    AGENT_PHASE_BYTES = 33,
    AGENT_MOST_BYTES = 16 << 20, /* of a message: a million samples */
    AGENT_MOST_PLATFORMS = 16,
    AGENT_MOST_DEVICES = 64 /* of a platform */
};

/* Members that the kind does not have are zero. Texts that are copied here have blanks in place of control characters, so that they can be printed. */
typedef struct agent_message {
    agent_message_kind kind;
    int64_t id;                   /* done, failed, progress: of the job, at least 1 */
    char agent[AGENT_NAME_BYTES]; /* hello: letters, digits, '-', '_' and '.' */
    yyjson_val *capabilities;     /* hello: an object, in the document */
    bool hidden;                  /* alive: the page is not seen, and may be throttled */
    bool busy;                    /* alive */
    yyjson_val *result;           /* done: an object, in the document; its members are not looked at */
    accel_status status;          /* failed: never ACCEL_OK */
    char error[ACCEL_ERROR_MESSAGE_BYTES]; /* failed */
    char phase[AGENT_PHASE_BYTES];         /* progress */
    double loaded, total;                  /* progress: bytes; total 0: not known */
} agent_message;

/* Reads a message of at most AGENT_MOST_BYTES. *doc is the caller's (yyjson_doc_free) and NULL on failure: ACCEL_BAD_FILE names the member that breaks
 * the rules, ACCEL_UNSUPPORTED another protocol, ACCEL_LIMIT what is too long. In the capabilities of a hello, texts are at most 1,024 bytes without
 * control characters but line ends and tabs, numbers are finite, there are at most AGENT_MOST_PLATFORMS platforms of AGENT_MOST_DEVICES devices, and
 * 64 KiB in all. */
accel_status agent_message_read(const void *bytes, size_t length, yyjson_doc **doc, agent_message *out,
                                accel_error *err);

#endif

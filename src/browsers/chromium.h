/* Chromium's side of a conversation, for the files of its driver. Private to browsers/. */
#ifndef ACCEL_BROWSERS_CHROMIUM_H
#define ACCEL_BROWSERS_CHROMIUM_H

#include "browsers/talk.h"

enum { CHROMIUM_ID_BYTES = 128 };

typedef struct chromium {
    talk talk;
    int line;         /* our end */
    str_buf incoming; /* from `taken` on not handed out yet; no NUL before `searched` */
    size_t taken, searched;
    bool too_long;                                              /* until the next NUL all is thrown away */
    char target[CHROMIUM_ID_BYTES], session[CHROMIUM_ID_BYTES]; /* of the first tab */
    int64_t gpu_pid;                                            /* 0: none seen */
} chromium;

/* A line from `descriptor`, our end of a socket, as the talk of b; b->own is c. It is closed with c. */
void chromium_open_line(browser *b, chromium *c, int descriptor);

/* What a page threw: "Error: words", without the list of calls. details: exceptionDetails of the protocol. */
void chromium_append_exception(str_buf *out, yyjson_val *details);

/* talk.on_event and talk.on_aside (which takes SystemInfo.getProcessInfo). */
void chromium_on_event(browser *b, const char *method, yyjson_val *params, const char *session);
void chromium_on_aside(browser *b, yyjson_val *result);

/* A text of an object; fallback where there is none. */
const char *chromium_text(yyjson_val *object, const char *key, const char *fallback);

#endif

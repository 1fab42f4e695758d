/* accel's web files (the package and the agent page), as a server gives them out. */
#ifndef ACCEL_ENGINES_BROWSER_WEB_FILES_H
#define ACCEL_ENGINES_BROWSER_WEB_FILES_H

#include "base/str.h"
#include "engines/engine.h"
#include "net/net.h"

/* The folder that holds agent/ and package/: $ACCEL_WEB, beside the program, or share/accel/web of its installation. ACCEL_ABSENT names them. */
accel_status web_files_find(const engine_context *context, str_buf *folder, accel_error *err);
/* Answers a GET or HEAD of a path below /agent/, /package/ or /example/; false: the path is none of these. */
bool web_files_answer(const char *folder, const net_request *request, net_response *response);

#endif

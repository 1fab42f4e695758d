/* In place of src/engines/browser for tests of the arm64 build, whose libwebsockets is not here: the table's row, without devices. */
#include "base/error.h"
#include "engines/engine.h"

static accel_status probe(const engine_context *context, arena *a, engine_report *out, accel_error *err) {
    (void)context;
    (void)a;
    (void)err;
    *out = (engine_report){.reason = "this build is without browsers"};
    return ACCEL_OK;
}

extern const engine_def engine_browser;
const engine_def engine_browser = {.name = "browser", .summary = "not in this build", .probe = probe};

/* What shows that results were made up: flags, implementation types, and words such as "Using mock" in what a test printed. */
#ifndef ACCEL_IMPORT_SIMULATED_H
#define ACCEL_IMPORT_SIMULATED_H

#include "import/shape.h"

/* A sentence that names the first evidence below v, or NULL. With a platform, what belongs to another platform is passed over: members whose
 * name begins with it, and objects that say it is theirs. */
const char *simulated_evidence(const import_context *c, yyjson_val *v, const char *platform);
/* Evidence that holds for everything in the object: its own flags, and those of what describes it there (metadata, platform_support, …). */
const char *simulated_around(const import_context *c, yyjson_val *object);
/* Sets the two members of a row; NULL: it was not simulated. */
#define SIMULATED_MARK(row, reason)                                                                          \
    do {                                                                                                     \
        const char *reason_ = (reason);                                                                      \
        (row)->is_simulated = reason_ != NULL;                                                               \
        (row)->simulation_reason = reason_;                                                                  \
    } while (0)

#endif

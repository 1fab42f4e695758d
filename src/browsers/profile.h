/* Temporary profile folders, "accel-browser-XXXXXX" below TMPDIR or /tmp. Private to browsers/.
 *
 * Each holds a file "owner" that the process which made it keeps locked: a folder whose owner is not locked is a dead one's. */
#ifndef ACCEL_BROWSERS_PROFILE_H
#define ACCEL_BROWSERS_PROFILE_H

#include "base/error.h"
#include "base/str.h"

enum { PROFILE_VARIABLES = 10 };

typedef struct profile {
    str_buf path; /* its last part is the mark of the browser's processes */
    int owner;    /* the lock's descriptor */
    int folder;   /* the folder's, when its path is too long for sockets in it; else -1 */
    str_buf home, temporary, authority;
    const char *variables[PROFILE_VARIABLES +
                          1]; /* for a browser's environment: all that it writes for itself lies in here */
} profile;

/* Makes one, after removing those of dead processes, with what still runs of their browsers. */
accel_status profile_make(profile *out, accel_error *err);
const char *profile_mark(const profile *p);
void profile_remove(profile *p); /* leaves it zero; accepts a zero one */

#endif

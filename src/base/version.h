/* What this build is: part of every record. */
#ifndef ACCEL_BASE_VERSION_H
#define ACCEL_BASE_VERSION_H

const char *accel_version_text(void); /* "0.1.0" */
const char *accel_git_commit(
    void); /* of the sources, with "-dirty" when they were changed; "unknown" outside a checkout */

#endif

#include "base/version.h"

#include "accel_git_commit.h" /* written by the build into its own folder */

const char *accel_version_text(void) {
    return ACCEL_VERSION;
}

const char *accel_git_commit(void) {
    return ACCEL_GIT_COMMIT;
}

/* What becomes of a file whose content is in the database. */
#ifndef ACCEL_IMPORT_PUT_AWAY_H
#define ACCEL_IMPORT_PUT_AWAY_H

#include "base/error.h"

/* Moves path below folder, under the name that it has below root (NULL: its own name alone). Another file that is there already stays: the new one
 * gets the hash in its name. Across file systems it is copied, synced, and then removed. */
accel_status put_away_move(const char *path, const char *root, const char *folder, const char *hash,
                           accel_error *err);

#endif

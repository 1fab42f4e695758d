/* What backups and restoring share. Private to the store. */
#ifndef ACCEL_STORE_BACKUP_H
#define ACCEL_STORE_BACKUP_H

#include "store/maintain.h"
#include "store/packed_file.h"

/* Unpacks a backup to `plain`, compares it with the SHA-256 beside it (where there is one), and reads all of it. On failure nothing is left
 * at `plain`. expected: what must come out, or NULL. */
accel_status backup_unpack(store_backup *b, const char *plain, const packed_sums *expected, accel_error *err);

/* Makes the folder's entries durable. */
accel_status folder_sync(const char *folder, accel_error *err);

#endif

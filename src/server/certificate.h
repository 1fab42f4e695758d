/* accel's own certificate for https: made once, kept with its key, signed by nobody else. */
#ifndef ACCEL_SERVER_CERTIFICATE_H
#define ACCEL_SERVER_CERTIFICATE_H

#include "base/str.h"

typedef struct certificate {
    str_buf certificate_path, key_path; /* PEM; certificate_free */
    char fingerprint[96];               /* SHA-256 of the certificate, as browsers show it: "AB:CD:…" */
} certificate;

/* Finds the certificate in `folder` (accel's data folder), or makes one where there is none, where it ends within a day, or where it does not name
 * `address`, the one that is served on, as numbers. certificate_free it in each case. */
accel_status certificate_find(const char *folder, const char *address, certificate *out, accel_error *err);
void certificate_free(certificate *c);

#endif

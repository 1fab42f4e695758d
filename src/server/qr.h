/* A QR code for a terminal. */
#ifndef ACCEL_SERVER_QR_H
#define ACCEL_SERVER_QR_H

#include "base/str.h"

/* Appends the code of a text, two rows of it a line in half blocks, white on black whatever the terminal's colours are. ACCEL_ABSENT without
 * libqrencode, which is loaded at the first call. */
accel_status qr_draw(const char *text, str_buf *out, accel_error *err);

#endif

/* Shared by the decoders. */
#ifndef ACCEL_MEDIA_FILES_INTERNAL_H
#define ACCEL_MEDIA_FILES_INTERNAL_H

#include <stdint.h>

#include "media/files/files.h"

/* What a decoder reads: bytes from `next` on. */
typedef struct media_bytes {
    const uint8_t *bytes;
    size_t length, next;
    const char *name;
} media_bytes;

accel_status png_decode(media_bytes *in, media_image *out, accel_error *err);
accel_status jpeg_decode(media_bytes *in, media_image *out, accel_error *err);

#endif

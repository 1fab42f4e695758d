/* A file of a picture is refused, or every byte of what it gives is there and can be resized. */
#include <stdlib.h>

#include "media/files/files.h"

enum { MAX_PIXELS = 1 << 20, EDGE = 16 }; /* larger ones would only take time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    media_image image, small;
    if (media_image_decode(data, size, "fuzz", &image, NULL) != ACCEL_OK)
        return 0;
    if (image.height < 1 || image.width < 1 || !image.pixels)
        abort();
    if (image.height * image.width <= MAX_PIXELS &&
        media_image_resize(&image, EDGE, EDGE, MEDIA_BICUBIC, &small, NULL) == ACCEL_OK)
        media_image_free(&small);
    media_image_free(&image);
    return 0;
}

/* A file of a picture is refused, or every byte of what it gives is there and goes through a processor. */
#include <stdlib.h>

#include "media/files/files.h"
#include "media/image_processing.h"

enum { MAX_PIXELS = 1 << 20 }; /* larger ones would only take time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    media_image image;
    media_image_processing p;
    media_tensors out;
    if (media_image_decode(data, size, "fuzz", &image, NULL) != ACCEL_OK)
        return 0;
    if (image.height < 1 || image.width < 1 || !image.pixels)
        abort();
    if (image.height * image.width <= MAX_PIXELS &&
        media_image_processing_default("clip", &p, NULL) == ACCEL_OK) {
        media_image_batch batch = {.images = &image, .count = 1};
        if (media_image_process(&p, &batch, &out, NULL) == ACCEL_OK)
            media_tensors_free(&out);
    }
    media_image_free(&image);
    return 0;
}

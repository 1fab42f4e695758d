#include <string.h>

#include "base/file.h"
#include "media/files/files_internal.h"

static const struct format {
    const char *start;
    size_t length;
    accel_status (*decode)(media_bytes *in, media_image *out, accel_error *err);
} formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, png_decode},
    {"\xff\xd8\xff", 3, jpeg_decode},
};

accel_status media_image_decode(const void *bytes, size_t length, const char *name, media_image *out,
                                accel_error *err) {
    media_bytes in = {.bytes = bytes, .length = length, .name = name};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (length >= formats[i].length && memcmp(bytes, formats[i].start, formats[i].length) == 0)
            return formats[i].decode(&in, out, err);
    return error_set(err, ACCEL_UNSUPPORTED,
                     "%s is neither a PNG nor a JPEG picture; convert it to one of them", name);
}

accel_status media_image_read(const char *path, media_image *out, accel_error *err) {
    file_map map;
    ACCEL_TRY(file_map_open(path, &map, err));
    accel_status status = media_image_decode(map.bytes, map.size_bytes, path, out, err);
    file_map_close(&map);
    return status;
}

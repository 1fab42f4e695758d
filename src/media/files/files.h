/* Files of pictures and sounds: untrusted bytes in, a media_image or media_sound or one sentence out. The only part of the room
 * that needs a C library and others' decoders; the rest of it does not include this. */
#ifndef ACCEL_MEDIA_FILES_FILES_H
#define ACCEL_MEDIA_FILES_FILES_H

#include <stddef.h>

#include "base/error.h"
#include "media/audio.h"
#include "media/image.h"

/* A PNG or JPEG picture, told apart by its first bytes, with the pixels that Pillow's Image.open(path).convert("RGB") gives:
 * alpha is dropped, palettes are looked up, of 16 bits the upper 8 are taken (of a grey picture all, and values above 255 are
 * 255), CMYK is as Adobe writes it, and an EXIF orientation is left alone. Other formats are ACCEL_UNSUPPORTED; a file that is cut
 * off or broken is ACCEL_BAD_FILE, one above the limits of media/image.h ACCEL_LIMIT. `name` stands for the file. */
accel_status media_image_read(const char *path, media_image *out, accel_error *err);
accel_status media_image_decode(const void *bytes, size_t length, const char *name, media_image *out,
                                accel_error *err);

/* A sound in any format that libsndfile knows (WAV, FLAC, Ogg, AIFF, … and MP3 since 1.1), all channels at the file's rate;
 * whole numbers become -1 … 1. Of a WAV file that is cut off what is there. libsndfile is loaded at the first call:
 * ACCEL_ABSENT says so when it is not installed. */
accel_status media_sound_read(const char *path, media_sound *out, accel_error *err);
accel_status media_sound_decode(const void *bytes, size_t length, const char *name, media_sound *out,
                                accel_error *err);

#endif

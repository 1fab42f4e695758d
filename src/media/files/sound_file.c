/* Sounds by libsndfile, from memory. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "media/files/files_internal.h"
#include "media/files/sndfile_load.h"

enum { CHUNK_FRAMES = 1 << 16 };

/* ---- libsndfile's view of the bytes -------------------------------------------------------------------- */

static sf_count_t on_length(void *user) {
    return (sf_count_t)((media_bytes *)user)->length;
}

static sf_count_t on_seek(sf_count_t offset, int whence, void *user) {
    media_bytes *in = user;
    sf_count_t base = whence == SEEK_SET   ? 0
                      : whence == SEEK_CUR ? (sf_count_t)in->next
                                           : (sf_count_t)in->length;
    sf_count_t at;
    if (__builtin_add_overflow(base, offset, &at) || at < 0 || at > (sf_count_t)in->length)
        return -1;
    in->next = (size_t)at;
    return at;
}

static sf_count_t on_read(void *to, sf_count_t count, void *user) {
    media_bytes *in = user;
    size_t left = in->length - in->next, taken = (size_t)count < left ? (size_t)count : left;
    memcpy(to, in->bytes + in->next, taken);
    in->next += taken;
    return (sf_count_t)taken;
}

static sf_count_t on_write(const void *from, sf_count_t count, void *user) {
    (void)from;
    (void)count;
    (void)user;
    return 0;
}

static sf_count_t on_tell(void *user) {
    return (sf_count_t)((media_bytes *)user)->next;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* Reads until there is no more: what a header says of the length is not believed. */
static accel_status read_samples(const sndfile_functions *sf, SNDFILE *file, const SF_INFO *info,
                                 const char *name, float **samples, int64_t *frames, accel_error *err) {
    size_t channels = (size_t)info->channels, capacity = 0;
    for (*frames = 0;;) {
        size_t needed = ((size_t)*frames + CHUNK_FRAMES) * channels;
        if ((size_t)*frames * channels > MEDIA_MAX_SAMPLES)
            return error_set(err, ACCEL_LIMIT, "%s: a sound of more than %d samples is above the limit", name,
                             MEDIA_MAX_SAMPLES);
        if (!mem_grow((void **)samples, &capacity, needed, sizeof **samples))
            return error_no_memory(err, name, needed * sizeof **samples);
        sf_count_t got = sf->readf_float(file, *samples + (size_t)*frames * channels, CHUNK_FRAMES);
        if (got <= 0)
            return ACCEL_OK;
        *frames += got;
    }
}

static accel_status check(const SF_INFO *info, int64_t frames, const char *name, accel_error *err) {
    if (frames < 1)
        return error_set(err, ACCEL_BAD_FILE, "%s holds no sound", name);
    if (info->samplerate < MEDIA_MIN_RATE || info->samplerate > MEDIA_MAX_RATE ||
        info->channels > MEDIA_MAX_CHANNELS)
        return error_set(err, ACCEL_LIMIT,
                         "%s: %d channels at %d Hz are outside the limits of %d channels and %d to %d Hz",
                         name, info->channels, info->samplerate, MEDIA_MAX_CHANNELS, MEDIA_MIN_RATE,
                         MEDIA_MAX_RATE);
    return ACCEL_OK;
}

/* Floats can be anything in a file of floats; features of an infinity are none. */
static accel_status check_finite(const media_sound *s, const char *name, accel_error *err) {
    for (int64_t i = 0; i < s->frames * s->channels; i++)
        if (!(s->samples[i] - s->samples[i] == 0))
            return error_set(err, ACCEL_BAD_FILE, "%s: sample %lld is not a finite number", name,
                             (long long)i);
    return ACCEL_OK;
}

static accel_status read_open(const sndfile_functions *sf, SNDFILE *file, const SF_INFO *info,
                              const char *name, media_sound *out, accel_error *err) {
    float *samples = NULL;
    int64_t frames = 0;
    accel_status status = check(info, 1, name, err);
    if (status == ACCEL_OK)
        status = read_samples(sf, file, info, name, &samples, &frames, err);
    if (status == ACCEL_OK)
        status = check(info, frames, name, err);
    media_sound made = {frames, info->channels, info->samplerate, samples};
    if (status == ACCEL_OK)
        status = check_finite(&made, name, err);
    if (status == ACCEL_OK)
        *out = made;
    else
        mem_free(samples);
    return status;
}

accel_status media_sound_decode(const void *bytes, size_t length, const char *name, media_sound *out,
                                accel_error *err) {
    const sndfile_functions *sf;
    accel_status status = sndfile_load(&sf, err);
    if (status != ACCEL_OK)
        return error_prefix(err, status, "%s", name);
    media_bytes in = {.bytes = bytes, .length = length, .name = name};
    SF_VIRTUAL_IO io = {on_length, on_seek, on_read, on_write, on_tell};
    SF_INFO info = {0};
    SNDFILE *file = sf->open_virtual(&io, SFM_READ, &info, &in);
    if (!file)
        return error_set(err, ACCEL_BAD_FILE, "%s is no sound that can be read (WAV, FLAC, Ogg …): %s", name,
                         sf->strerror(NULL));
    status = info.channels < 1 ? error_set(err, ACCEL_BAD_FILE, "%s holds no sound", name)
                               : read_open(sf, file, &info, name, out, err);
    sf->close(file);
    return status;
}

accel_status media_sound_read(const char *path, media_sound *out, accel_error *err) {
    file_map map;
    ACCEL_TRY(file_map_open(path, &map, err));
    accel_status status = media_sound_decode(map.bytes, map.size_bytes, path, out, err);
    file_map_close(&map);
    return status;
}

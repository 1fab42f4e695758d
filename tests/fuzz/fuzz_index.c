/* A model.safetensors.index.json beside two shards is refused, or every tensor that it accepts is one of theirs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/formats.h"

static char folder[64], path[128];

static void write_file(const char *name, const void *bytes, size_t size) {
    char file[128];
    snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *f = fopen(file, "wb");
    if (f == NULL || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        abort();
}

/* One tensor of two floats, called by the shard's letter. */
static void write_shard(const char *name, char letter) {
    char header[128], file[256] = {0};
    int length = snprintf(header, sizeof header,
                          "{\"%c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", letter);
    file[0] = (char)length;
    memcpy(file + 8, header, (size_t)length);
    write_file(name, file, 8 + (size_t)length + 8);
}

static void clean_up(void) {
    static const char *const names[] = {"a.safetensors", "b.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        (void)unlink(file);
    }
    (void)rmdir(folder);
}

static void set_up(void) {
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/accel-index-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL || atexit(clean_up) != 0)
        abort();
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    write_shard("a.safetensors", 'a');
    write_shard("b.safetensors", 'b');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    safetensors *s;
    if (*folder == '\0')
        set_up();
    write_file("model.safetensors.index.json", data, size);
    if (safetensors_open(path, &s, NULL) != ACCEL_OK)
        return 0;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const safetensors_entry *e = safetensors_at(s, i);
        bool ours = strcmp(e->name, "a") == 0 || strcmp(e->name, "b") == 0;
        if (!ours || e->size_bytes != 8 || safetensors_find(s, e->name) != e)
            abort();
    }
    safetensors_close(s);
    return 0;
}

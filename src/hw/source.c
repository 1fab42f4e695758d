/* Reading, and remembering what was read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"
#include "hw/source_internal.h"

/* ---- what is remembered ------------------------------------------------------------------------------------------------- */

hw_source *source_create(hw_source_kind kind) {
    hw_source *s = mem_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->kind = kind;
    s->root_descriptor = -1;
    s->arena = arena_create();
    if (!s->arena) {
        mem_free(s);
        return NULL;
    }
    return s;
}

void hw_source_close(hw_source *s) {
    if (!s)
        return;
    if (s->root_descriptor >= 0)
        close(s->root_descriptor);
    arena_destroy(s->arena);
    mem_free(s->entries);
    mem_free(s->slots);
    mem_free(s);
}

hw_source_kind hw_source_kind_of(const hw_source *s) {
    return s->kind;
}

const char *hw_source_root(const hw_source *s) {
    return s->root;
}

static uint32_t hash_of(entry_kind kind, const char *key) { /* FNV-1a */
    uint32_t h = 2166136261u ^ (uint32_t)kind;
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * 16777619u;
    return h ^ h >> 15;
}

/* Where the entry is, or the free slot where it would be. */
static size_t slot_of(const hw_source *s, entry_kind kind, const char *key) {
    size_t at = hash_of(kind, key) & (s->slot_count - 1);
    for (; s->slots[at] != 0; at = (at + 1) & (s->slot_count - 1)) {
        const source_entry *e = &s->entries[s->slots[at] - 1];
        if (e->kind == kind && strcmp(e->key, key) == 0)
            break;
    }
    return at;
}

const source_entry *source_find(const hw_source *s, entry_kind kind, const char *key) {
    if (s->slot_count == 0)
        return NULL;
    uint32_t place = s->slots[slot_of(s, kind, key)];
    return place != 0 ? &s->entries[place - 1] : NULL;
}

/* Keeps the table at most half full. */
static bool grow_slots(hw_source *s) {
    size_t wanted = s->slot_count == 0 ? 1024 : s->slot_count * 2;
    if (s->count * 2 < s->slot_count)
        return true;
    uint32_t *slots = mem_calloc(wanted, sizeof *slots);
    if (!slots)
        return false;
    mem_free(s->slots);
    s->slots = slots;
    s->slot_count = wanted;
    for (size_t i = 0; i < s->count; i++)
        s->slots[slot_of(s, s->entries[i].kind, s->entries[i].key)] = (uint32_t)i + 1;
    return true;
}

static bool copy_names(arena *a, const source_entry *e, source_entry *out) {
    const char **names = ARENA_ARRAY(a, const char *, e->name_count + 1);
    for (size_t i = 0; names && i < e->name_count; i++)
        if (!(names[i] = arena_strdup(a, e->names[i])))
            return false;
    out->names = names;
    return names != NULL;
}

const source_entry *source_add(hw_source *s, const source_entry *e) {
    source_entry copy = *e;
    if (s->count >= HW_CAPTURE_ENTRIES || !grow_slots(s) ||
        !mem_grow((void **)&s->entries, &s->capacity, s->count + 1, sizeof *s->entries))
        return NULL;
    copy.key = arena_strdup(s->arena, e->key);
    copy.value = arena_strdup(s->arena, e->value);
    if (!copy.key || (e->value && !copy.value) || (e->names && !copy_names(s->arena, e, &copy)))
        return NULL;
    size_t slot = slot_of(s, copy.kind, copy.key);
    if (s->slots[slot] != 0) { /* said again: the last word holds */
        s->entries[s->slots[slot] - 1] = copy;
        return &s->entries[s->slots[slot] - 1];
    }
    s->entries[s->count++] = copy;
    s->slots[slot] = (uint32_t)s->count;
    return &s->entries[s->count - 1];
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

accel_status hw_source_open(const char *root, hw_source **out, accel_error *err) {
    hw_source *s = source_create(root ? HW_SOURCE_ROOT : HW_SOURCE_LIVE);
    if (!s)
        return error_no_memory(err, "what the machine shows", sizeof *s);
    if (root) {
        s->root_descriptor = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        s->root = arena_strdup(s->arena, root);
        if (s->root_descriptor < 0 || !s->root) {
            error_set(err, ACCEL_IO, "%s: cannot open this folder of a machine's files: %s", root,
                      strerror(errno));
            hw_source_close(s);
            return ACCEL_IO;
        }
        if (hw_exists(s, "/hwloc-cpuid-info"))
            s->kind = HW_SOURCE_CPUID;
    }
    *out = s;
    return ACCEL_OK;
}

/* Below a root folder links are followed as in a chroot: one to /etc/passwd is the folder's own etc/passwd. */
static int open_path(const hw_source *s, const char *path, int flags) {
    return s->root ? io_open_in_root(s->root_descriptor, path, flags) : io_open(AT_FDCWD, path, flags, 0);
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */

static bool is_text(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' && !strchr("\t\n\r\f", text[i]))
            return false;
    return memchr(text, 0, length) == NULL && str_utf8_valid(text, length);
}

/* Cuts what a reader of text does not want: the NUL that ends strings of a device tree, blanks, newlines, a line that was cut by the
 * limit. Gives 0 where nothing of use remains. */
static size_t tidy(const char *text, size_t length) {
    if (length == HW_FILE_BYTES)
        while (length > 0 && text[length - 1] != '\n')
            length--;
    while (length > 0 && strchr(" \t\n\r", text[length - 1])) /* also finds the NUL */
        length--;
    return is_text(text, length) ? length : 0;
}

/* All that a descriptor gives, up to the limit: files of /proc and /sys do not tell their size. */
static size_t read_descriptor(int descriptor, char *text) {
    size_t length = 0;
    while (length < HW_FILE_BYTES) {
        ssize_t n = io_read(descriptor, text + length, HW_FILE_BYTES - length);
        if (n <= 0)
            return n < 0 ? 0 : length; /* a file that fails half-way is no file */
        length += (size_t)n;
    }
    return length;
}

/* A regular file's text in fresh memory, or NULL. */
static char *read_file(const hw_source *s, const char *path) {
    struct stat facts;
    int descriptor = open_path(s, path, O_RDONLY | O_NONBLOCK | O_NOCTTY); /* a pipe must not block */
    if (descriptor < 0)
        return NULL;
    char *text =
        io_fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) ? mem_alloc(HW_FILE_BYTES + 1) : NULL;
    if (text) {
        size_t length = tidy(text, read_descriptor(descriptor, text));
        text[length] = '\0';
    }
    io_close(descriptor);
    return text;
}

static void keep_lines(char *text, const char *word) {
    char *out = text;
    for (char *line = text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (!strstr(line, word))
            continue;
        memmove(out, line, length);
        out += length;
        *out++ = '\n';
    }
    *out = '\0';
    while (out > text && out[-1] == '\n')
        *--out = '\0';
}

const char *hw_read_lines(hw_source *s, const char *path, const char *word) {
    const source_entry *e = source_find(s, ENTRY_FILE, path);
    if (!e && s->kind != HW_SOURCE_CAPTURE) {
        char *text = read_file(s, path);
        if (text && word)
            keep_lines(text, word);
        e = source_add(s, &(source_entry){ENTRY_FILE, path, text && *text ? text : NULL, NULL, 0});
        mem_free(text);
    }
    return e ? e->value : NULL;
}

const char *hw_read(hw_source *s, const char *path) {
    return hw_read_lines(s, path, NULL);
}

int64_t hw_read_number(hw_source *s, const char *path) {
    const char *text = hw_read(s, path);
    if (!text)
        return HW_UNKNOWN;
    char *end = NULL;
    errno = 0;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    long long value = strtoll(text, &end, hexadecimal ? 16 : 10);
    return end == text || errno != 0 || value < 0 ? HW_UNKNOWN : (int64_t)value;
}

/* ---- folders, links, variables ---------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of an open folder, sorted, in an arena of their own. */
static size_t read_names(DIR *folder, arena *a, const char ***out) {
    const char **names = NULL;
    size_t count = 0, capacity = 0;
    for (struct dirent *d; count < HW_FOLDER_NAMES && (d = io_next_entry(folder));) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
            !is_text(d->d_name, strlen(d->d_name)))
            continue;
        char *name = arena_strdup(a, d->d_name);
        if (!name || !mem_grow((void **)&names, &capacity, count + 1, sizeof *names))
            break;
        names[count++] = name;
    }
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    *out = names;
    return count;
}

static const source_entry *remember_folder(hw_source *s, const char *path) {
    static const char *const nothing[] = {NULL};
    source_entry e = {.kind = ENTRY_FOLDER, .key = path};
    int descriptor = open_path(s, path, O_RDONLY | O_DIRECTORY);
    DIR *folder = descriptor >= 0 ? io_open_folder(descriptor) : NULL;
    arena *a = folder ? arena_create() : NULL;
    const char **names = NULL;
    if (a) {
        e.name_count = read_names(folder, a, &names);
        e.names = names ? names : nothing;
    }
    const source_entry *kept = source_add(s, &e);
    if (folder)
        closedir(folder);
    mem_free((void *)names);
    arena_destroy(a);
    return kept;
}

const char *const *hw_list(hw_source *s, const char *folder) {
    const source_entry *e = source_find(s, ENTRY_FOLDER, folder);
    if (!e && s->kind != HW_SOURCE_CAPTURE)
        e = remember_folder(s, folder);
    return e ? e->names : NULL;
}

const char *hw_link(hw_source *s, const char *path) {
    const source_entry *e = source_find(s, ENTRY_LINK, path);
    if (!e && s->kind != HW_SOURCE_CAPTURE) {
        char target[4096];
        int descriptor = open_path(s, path, O_PATH | O_NOFOLLOW);
        ssize_t length = descriptor >= 0 ? readlinkat(descriptor, "", target, sizeof target - 1) : -1;
        if (descriptor >= 0)
            io_close(descriptor);
        target[length > 0 ? length : 0] = '\0';
        const char *name = file_base_name(target);
        bool good = *name && is_text(name, strlen(name));
        e = source_add(s, &(source_entry){ENTRY_LINK, path, good ? name : NULL, NULL, 0});
    }
    return e ? e->value : NULL;
}

bool hw_exists(hw_source *s, const char *path) {
    const source_entry *e = source_find(s, ENTRY_EXISTS, path);
    if (!e && s->kind != HW_SOURCE_CAPTURE) {
        int descriptor = open_path(s, path, O_PATH);
        if (descriptor >= 0)
            io_close(descriptor);
        e = source_add(s, &(source_entry){ENTRY_EXISTS, path, descriptor >= 0 ? "1" : NULL, NULL, 0});
    }
    return e && e->value;
}

const char *hw_variable_value(hw_source *s, const char *name) {
    const source_entry *e = source_find(s, ENTRY_VARIABLE, name);
    if (!e && s->kind == HW_SOURCE_LIVE) {
        const char *value = getenv(name);
        bool good = value && is_text(value, strlen(value));
        e = source_add(s, &(source_entry){ENTRY_VARIABLE, name, good ? value : NULL, NULL, 0});
    }
    return e ? e->value : NULL;
}

const char *hw_answer(const hw_source *s, const char *name) {
    const source_entry *e = source_find(s, ENTRY_ANSWER, name);
    return e ? e->value : NULL;
}

accel_status hw_answer_remember(hw_source *s, const char *name, const char *text, accel_error *err) {
    const source_entry *e = source_add(s, &(source_entry){ENTRY_ANSWER, name, text, NULL, 0});
    return e ? ACCEL_OK : error_no_memory(err, "an answer", strlen(text));
}

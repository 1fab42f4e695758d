#include "hw/vendor.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* ---- where a library lies ----------------------------------------------------------------------------------------------- */

static const char *in_folder(hw_source *s, hw_report *r, const char *folder, size_t length,
                             const char *name) {
    while (length > 1 && folder[length - 1] == '/')
        length--;
    const char *path =
        length > 0 && folder[0] == '/' ? arena_printf(r->arena, "%.*s/%s", (int)length, folder, name) : NULL;
    return path && hw_exists(s, path) ? path : NULL;
}

/* Folders divided by `separators`. */
static const char *in_list(hw_source *s, hw_report *r, const char *list, const char *separators,
                           const char *name) {
    const char *path = NULL;
    while (list && *list && !path) {
        size_t length = strcspn(list, separators);
        path = in_folder(s, r, list, length, name);
        list += length + (list[length] != '\0');
    }
    return path;
}

static const char *in_loader_configuration(hw_source *s, hw_report *r, const char *name) {
    const char *const *files = hw_list(s, "/etc/ld.so.conf.d");
    const char *path = NULL;
    for (size_t i = 0; files && files[i] && !path; i++) {
        const char *file = arena_printf(r->arena, "/etc/ld.so.conf.d/%s", files[i]);
        path = file && str_ends_with(file, ".conf") ? in_list(s, r, hw_read(s, file), " \t\r\n", name) : NULL;
    }
    return path;
}

static const char *find_named(hw_source *s, hw_report *r, const char *name) {
    static const char usual[] = "/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
                                "/lib/aarch64-linux-gnu:/usr/lib64:/lib64:/usr/lib:/lib:/usr/local/lib:"
                                "/opt/rocm/lib:/usr/lib/wsl/lib:/vendor/lib64";
    if (name[0] == '/')
        return hw_exists(s, name) ? name : NULL;
    const char *path = in_list(s, r, hw_variable_value(s, "LD_LIBRARY_PATH"), ":", name);
    path = path ? path : in_loader_configuration(s, r, name);
    return path ? path : in_list(s, r, usual, ":", name);
}

const char *vendor_find_library(hw_source *s, hw_report *r, const char *const *names, size_t *which) {
    const char *path = NULL;
    for (*which = 0; names[*which] && !(path = find_named(s, r, names[*which]));)
        ++*which;
    return path;
}

static bool is_asked_now(hw_source *s, const hw_options *options) {
    return options && options->all && hw_source_kind_of(s) == HW_SOURCE_LIVE;
}

/* The names after the first, for the sentence; "" when there is one only. */
static const char *other_names(arena *a, const char *const *names) {
    const char *text = names[0] && names[1] ? "; also tried: " : "";
    for (size_t i = 1; names[0] && names[i] && text; i++)
        text = arena_printf(a, "%s%s%s", text, i > 1 ? ", " : "", names[i]);
    return text ? text : "";
}

accel_status vendor_note_library(hw_source *s, const hw_options *options, hw_report *r, const char *probe,
                                 const char *const *names, bool *found) {
    size_t i = 0;
    const char *path = vendor_find_library(s, r, names, &i);
    *found = path != NULL;
    if (!path && is_asked_now(s, options))
        return ACCEL_OK; /* what the loader itself says follows */
    if (!path)
        return hw_report_evidence(
            r, probe, false, names[0],
            "absent from LD_LIBRARY_PATH, the folders of /etc/ld.so.conf.d and the usual ones%s",
            other_names(r->arena, names));
    return hw_report_evidence(r, probe, true, names[i], "%s%s", path,
                              options && options->all ? "" : ": present, not probed (--all asks it)");
}

accel_status vendor_note_path(hw_source *s, hw_report *r, const char *probe, const char *path,
                              const char *absent, bool *found) {
    *found = hw_exists(s, path);
    return hw_report_evidence(r, probe, *found, path, "%s", *found ? "present" : absent);
}

/* ---- states ------------------------------------------------------------------------------------------------------------- */

void vendor_set_state(hw_device *d, hw_state state, const char *reason, const char *remedy) {
    d->state = state;
    d->reason = reason;
    d->remedy = remedy;
    d->awaits = false;
}

void vendor_judge_others(hw_report *r, const char *probe, hw_state state, const char *reason,
                         const char *remedy) {
    for (size_t i = 0; i < r->device_count; i++)
        if (r->devices[i].awaits && str_equal(r->devices[i].probe, probe))
            vendor_set_state(&r->devices[i], state, reason, remedy);
}

const char *vendor_left_out(arena *a, const char *variable, const char *value) {
    return arena_printf(a, "%s=%s leaves it out", variable, value);
}

static const char *remedy_of(arena *a, const char *variable) {
    return arena_printf(a, "unset %s or name this device in it", variable);
}

void vendor_hide(hw_report *r, hw_device *d, const char *variable, const char *value) {
    vendor_set_state(d, HW_HIDDEN, vendor_left_out(r->arena, variable, value), remedy_of(r->arena, variable));
}

bool vendor_hide_others(hw_report *r, const char *probe, const char *variable) {
    const char *value = vendor_variable(r->arena, variable);
    if (value)
        vendor_judge_others(r, probe, HW_HIDDEN, vendor_left_out(r->arena, variable, value),
                            remedy_of(r->arena, variable));
    return value != NULL;
}

accel_status vendor_note_offer(hw_report *r, const char *probe, const char *name, const char *version,
                               int count, const char *missing) {
    return hw_report_evidence(r, probe, count > 0, name, "%s, %d device%s for this process%s%s", version,
                              count, count == 1 ? "" : "s", missing ? "; an old library without " : "",
                              missing ? missing : "");
}

void vendor_await(hw_report *r, hw_device *d, const char *who) {
    vendor_set_state(d, HW_NOT_PROBED, arena_printf(r->arena, "%s was not asked", who), "accel detect --all");
    d->awaits = true;
}

/* ---- texts of lines ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What follows `key` at the start of a line; NULL. */
static const char *after_key(const char *text, const char *key) {
    size_t length = strlen(key);
    for (const char *line = text; line && *line;) {
        if (strncmp(line, key, length) == 0 && (line[length] == ':' || is_blank(line[length])))
            return line + length;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

const char *vendor_line_value(arena *a, const char *text, const char *key) {
    const char *value = after_key(text, key);
    if (!value)
        return NULL;
    size_t length = strcspn(value, "\n");
    while (length > 0 && (value[0] == ':' || is_blank(value[0]))) {
        value++;
        length--;
    }
    return vendor_text(a, value, length);
}

/* A run of decimal digits, at most 18 so that it fits; HW_UNKNOWN. */
static int64_t digits(const char *text) {
    size_t length = strspn(text, "0123456789");
    int64_t value = 0;
    for (size_t i = 0; i < length && i < 18; i++)
        value = value * 10 + (text[i] - '0');
    return length > 0 && length <= 18 ? value : HW_UNKNOWN;
}

int64_t vendor_line_number(const char *text, const char *key) {
    const char *value = after_key(text, key);
    while (value && (*value == ':' || *value == ' ' || *value == '\t'))
        value++;
    return value ? digits(value) : HW_UNKNOWN;
}

uint64_t vendor_line_unsigned(const char *text, const char *key) {
    const char *value = after_key(text, key);
    return value ? strtoull(value, NULL, 10) : 0; /* skips blanks; UINT64_MAX where it does not fit */
}

const char *vendor_version_in(arena *a, const char *text) {
    while (text && *text) {
        size_t length = strcspn(text, " \t\r\n"), numeric = strspn(text, "0123456789.");
        if (length >= 3 && numeric == length && memchr(text, '.', length) && text[0] != '.')
            return arena_strndup(a, text, length);
        text += length;
        text += strspn(text, " \t\r\n");
    }
    return NULL;
}

/* ---- a library, loaded ------------------------------------------------------------------------------------------------------ */

/* The loader says "NAME: cannot open shared object file" of the library itself or of one that it needs. */
static bool is_absent(const char *words, const char *name) {
    return str_starts_with(words, name) && strstr(words, "No such file") != NULL;
}

/* Libraries of vendors start threads and must not be unloaded: what a process opened stays, and can be found by leak checkers. */
static library *opened[32];
static size_t opened_count;

static void keep(library *l) {
    if (opened_count < sizeof opened / sizeof opened[0])
        opened[opened_count++] = l;
}

accel_status vendor_open(hw_report *r, const char *probe, const char *const *names, library **out,
                         const char **name) {
    *out = NULL;
    for (size_t i = 0; names[i]; i++) {
        accel_error failure = {0};
        accel_status status = library_open(names[i], out, &failure);
        if (status == ACCEL_OK) {
            *name = names[i];
            keep(*out);
            return ACCEL_OK;
        }
        if (status == ACCEL_OUT_OF_MEMORY)
            return status;
        if (!is_absent(failure.message, names[i]))
            return hw_report_evidence(r, probe, false, names[i], "there, but it cannot be loaded: %s",
                                      failure.message);
    }
    return hw_report_evidence(r, probe, false, names[0],
                              "absent: the system's loader does not find it (LD_LIBRARY_PATH, ldconfig)%s",
                              other_names(r->arena, names));
}

const char *vendor_bind(const library *l, const vendor_symbol *symbols, size_t count, void *functions,
                        arena *a) {
    const char *missing = NULL;
    for (size_t i = 0; i < count; i++) {
        char *place = (char *)functions + symbols[i].offset;
        if (library_find(l, symbols[i].name, place) ||
            (symbols[i].older && library_find(l, symbols[i].older, place)))
            continue;
        missing = missing ? arena_printf(a, "%s, %s", missing, symbols[i].name) : symbols[i].name;
    }
    return missing;
}

/* ---- what it wrote ------------------------------------------------------------------------------------------------------------ */

const char *vendor_text(arena *a, const char *bytes, size_t size) {
    size_t length = 0;
    while (length < size && bytes[length])
        length++;
    while (length > 0 && is_blank(bytes[length - 1]))
        length--;
    while (length > 0 && is_blank(bytes[0])) {
        bytes++;
        length--;
    }
    char *text = length > 0 ? arena_strndup(a, bytes, length) : NULL;
    bool valid = text && str_utf8_valid(text, length);
    for (size_t i = 0; text && i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !valid))
            text[i] = '?';
    }
    return text;
}

const char *vendor_pci(arena *a, uint64_t domain, uint64_t bus, uint64_t device, uint64_t function) {
    return arena_printf(a, "%04x:%02x:%02x.%x", (unsigned)domain, (unsigned)(bus & 0xff),
                        (unsigned)(device & 0x1f), (unsigned)(function & 7));
}

const char *vendor_variable(arena *a, const char *name) {
    enum { SHOWN = 256 };
    const char *value = getenv(name), *text = value ? vendor_text(a, value, SHOWN) : NULL;
    return value && !text ? "" : text;
}

const char *vendor_uuid(arena *a, const char *prefix, const uint8_t bytes[16]) {
    str_buf text = {0};
    bool any = false;
    str_append(&text, prefix);
    for (size_t i = 0; i < 16; i++) {
        any |= bytes[i] != 0;
        str_appendf(&text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    }
    const char *copy = any && !text.failed ? arena_strdup(a, str_text(&text)) : NULL;
    str_free(&text);
    return copy;
}

void vendor_set_text(const char **field, const char *value) {
    if (!*field && value && value[0])
        *field = value;
}

void vendor_set_figure(int64_t *field, int64_t value) {
    if (*field == HW_UNKNOWN && value >= 0)
        *field = value;
}

#include "hw/class.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { MOST_DEVICES = 1024 }; /* names of a class; a capture may claim any number */

/* "card0" of the class "card", not its outputs "card0-DP-1". */
static bool is_numbered(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && name[length] &&
           name[length + strspn(name + length, "0123456789")] == '\0';
}

static bool is_pci(const char *name) { /* "0000:03:00.0" */
    return name && strlen(name) >= 12 && strspn(name, "0123456789abcdefABCDEF:.") == strlen(name) &&
           strchr(name, ':') && strchr(name, '.');
}

static bool is_among(const char *name, const char *const *names) {
    for (size_t i = 0; name && names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A GPU's card is for displays; programs compute through its render node. */
static const char *render_node(hw_source *s, hw_report *r, const char *folder) {
    const char *path = arena_printf(r->arena, "%s/drm", folder);
    const char *const *names = path ? hw_list(s, path) : NULL;
    for (size_t i = 0; names && names[i]; i++)
        if (is_numbered(names[i], "renderD"))
            return arena_printf(r->arena, "/dev/dri/%s", names[i]);
    return NULL;
}

/* Fills *c when one of the drivers holds the device. */
static bool read_device(hw_source *s, hw_report *r, const char *class, const char *name,
                        const char *const *drivers, class_device *c) {
    c->name = name;
    c->folder = arena_printf(r->arena, "/sys/class/%s/%s/device", class, name);
    const char *driver_link = c->folder ? arena_printf(r->arena, "%s/driver", c->folder) : NULL;
    c->driver = driver_link ? arena_strdup(r->arena, hw_link(s, driver_link)) : NULL;
    if (!is_among(c->driver, drivers))
        return false;
    const char *target = hw_link(s, c->folder);
    c->pci = is_pci(target) ? arena_strdup(r->arena, target) : NULL;
    c->node = strcmp(class, "drm") == 0 ? render_node(s, r, c->folder)
                                        : arena_printf(r->arena, "/dev/accel/%s", name);
    c->node_here = c->node && hw_exists(s, c->node);
    return true;
}

static accel_status read_class(hw_source *s, hw_report *r, const char *class, const char *prefix,
                               const char *const *drivers, class_device **out, size_t *count) {
    const char *path = arena_printf(r->arena, "/sys/class/%s", class);
    const char *const *names = path ? hw_list(s, path) : NULL;
    size_t all = 0;
    while (names && names[all] && all < MOST_DEVICES)
        all++;
    *count = 0;
    *out = ARENA_ARRAY(r->arena, class_device, all);
    if (!*out)
        return ACCEL_OUT_OF_MEMORY;
    for (size_t i = 0; i < all; i++)
        if (is_numbered(names[i], prefix) && read_device(s, r, class, names[i], drivers, &(*out)[*count]))
            ++*count;
    return ACCEL_OK;
}

accel_status class_drm(hw_source *s, hw_report *r, const char *const *drivers, class_device **out,
                       size_t *count) {
    return read_class(s, r, "drm", "card", drivers, out, count);
}

accel_status class_accel(hw_source *s, hw_report *r, const char *const *drivers, class_device **out,
                         size_t *count) {
    return read_class(s, r, "accel", "accel", drivers, out, count);
}

/* ---- files of a device ----------------------------------------------------------------------------------------------------- */

const char *class_text(hw_source *s, hw_report *r, const class_device *c, const char *file) {
    const char *path = arena_printf(r->arena, "%s/%s", c->folder, file);
    return path ? arena_strdup(r->arena, hw_read(s, path)) : NULL;
}

int64_t class_number(hw_source *s, hw_report *r, const class_device *c, const char *file) {
    const char *path = arena_printf(r->arena, "%s/%s", c->folder, file);
    return path ? hw_read_number(s, path) : HW_UNKNOWN;
}

int64_t class_highest_mhz(hw_source *s, hw_report *r, const class_device *c, const char *file) {
    int64_t highest = HW_UNKNOWN;
    for (const char *line = class_text(s, r, c, file); line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *colon = strchr(line, ':');
        long long mhz = colon ? strtoll(colon + 1, NULL, 10) : 0;
        if (mhz > 0 && mhz > highest)
            highest = mhz;
    }
    return highest;
}

int64_t class_power_mw(hw_source *s, hw_report *r, const class_device *c, const char *const *files) {
    const char *path = arena_printf(r->arena, "%s/hwmon", c->folder);
    const char *const *names = path ? hw_list(s, path) : NULL;
    for (size_t i = 0; names && names[i]; i++) {
        for (size_t f = 0; files[f]; f++) {
            const char *file = arena_printf(r->arena, "%s/%s/%s", path, names[i], files[f]);
            int64_t microwatts = file ? hw_read_number(s, file) : HW_UNKNOWN;
            if (microwatts > 0)
                return microwatts / 1000;
        }
    }
    return HW_UNKNOWN;
}

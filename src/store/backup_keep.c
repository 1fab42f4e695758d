/* Which backups there are, and which may go. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/posix/io.h"
#include "store/backup.h"

enum { MOST_BACKUPS = 100000 };

/* "2026-11-23T02-11-00.123456Z" as microseconds since 1970. */
static bool parse_time(const char *text, size_t length, int64_t *out) {
    static const char form[] = "0000-00-00T00-00-00.000000Z";
    int64_t n[7] = {0};
    if (length != sizeof form - 1)
        return false;
    for (size_t i = 0, part = 0; i < length; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == '0' ? !digit : text[i] != form[i])
            return false;
        if (digit)
            n[part] = 10 * n[part] + (text[i] - '0');
        else
            part++;
    }
    if (n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 || n[5] > 60)
        return false;
    /* Days from civil (Hinnant): a year begins in March, so that the leap day is its last. */
    int64_t y = n[0] - (n[1] <= 2), era = y / 400, year = y - 400 * era;
    int64_t day = (153 * (n[1] + (n[1] > 2 ? -3 : 9)) + 2) / 5 + n[2] - 1;
    int64_t days = era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
    *out = (((days * 24 + n[3]) * 60 + n[4]) * 60 + n[5]) * 1000000 + n[6];
    return true;
}

typedef struct listing {
    arena *arena;
    const char *folder, *base; /* base: of the database's name */
    store_backup *items;
    size_t count;
} listing;

static accel_status visit(void *context, const char *name, accel_error *err) {
    listing *l = context;
    size_t base = strlen(l->base), length = strlen(name);
    int64_t made_us;
    struct stat info;
    if (!str_starts_with(name, l->base) || name[base] != '.' || !str_ends_with(name, ".zst") ||
        !parse_time(name + base + 1, length - base - 5, &made_us))
        return ACCEL_OK; /* somebody else's */
    if (l->count == MOST_BACKUPS)
        return error_set(err, ACCEL_LIMIT, "%s holds more than %d backups", l->folder, MOST_BACKUPS);
    str_buf path = {0};
    file_join(&path, l->folder, name);
    store_backup *b = &l->items[l->count];
    *b = (store_backup){
        .path = arena_strdup(l->arena, str_text(&path)), .made_us = made_us, .rows = RECORD_NONE};
    bool failed = path.failed || b->path == NULL;
    str_free(&path);
    if (failed)
        return error_no_memory(err, "a path", length);
    if (io_stat(b->path, &info) == 0 && S_ISREG(info.st_mode)) {
        b->bytes = (uint64_t)info.st_size;
        l->count++;
    }
    return ACCEL_OK;
}

static int newer_first(const void *a, const void *b) {
    int64_t x = ((const store_backup *)a)->made_us, y = ((const store_backup *)b)->made_us;
    return (x < y) - (x > y);
}

accel_status store_backup_list(const char *path, const char *folder, arena *a, store_backup **out,
                               size_t *count, accel_error *err) {
    listing l = {.arena = a, .folder = folder, .base = file_base_name(path)};
    *count = 0;
    *out = l.items = ARENA_ARRAY(a, store_backup, MOST_BACKUPS);
    if (l.items == NULL)
        return error_no_memory(err, "a list of backups", MOST_BACKUPS * sizeof *l.items);
    if (!file_is_folder(folder))
        return ACCEL_OK;
    ACCEL_TRY(file_list(folder, visit, &l, err));
    qsort(l.items, l.count, sizeof *l.items, newer_first);
    *count = l.count;
    return ACCEL_OK;
}

/* ---- retention ------------------------------------------------------------------------------------------------------------ */

bool store_parse_age(const char *text, double *seconds) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    char *unit;
    double value = strtod(text, &unit);
    for (size_t i = 0; unit != text && i < sizeof units / sizeof *units; i++) {
        if (str_equal(unit, units[i].name) && value >= 0 && value < 1e9) {
            *seconds = value * units[i].seconds;
            return true;
        }
    }
    return false;
}

/* The newest that verifies; count when none does. */
static accel_status find_good(store_backup *items, size_t count, size_t *out, accel_error *err) {
    for (*out = 0; *out < count; ++*out) {
        accel_error why = {0};
        accel_status status = store_backup_verify(&items[*out], &why);
        if (status == ACCEL_OK)
            return ACCEL_OK;
        if (status != ACCEL_BAD_FILE) /* a full disk says nothing of the backup */
            return error_set(err, status, "%s", why.message);
        log_warning("%s", why.message);
    }
    return ACCEL_OK;
}

static bool may_go(const store_retention *rules, const store_backup *b, size_t index, int64_t now_us) {
    bool beyond = rules->keep < 0 || index >= (uint64_t)rules->keep;
    bool old = rules->older_than_s < 0 || (double)(now_us - b->made_us) / 1e6 > rules->older_than_s;
    return beyond && old;
}

static accel_status delete_backup(const store_backup *b, accel_error *err) {
    str_buf sum = {0};
    str_appendf(&sum, "%s.sha256", b->path);
    accel_status status = sum.failed ? error_no_memory(err, "a path", sum.length) : file_remove(b->path, err);
    if (status == ACCEL_OK)
        status = file_remove(sum.data, err);
    str_free(&sum);
    return status;
}

accel_status store_backup_purge(const char *path, const char *folder, const store_retention *rules, arena *a,
                                size_t *deleted, const char **kept_good, accel_error *err) {
    store_backup *items;
    size_t count, good;
    int64_t now_us = clock_utc_us();
    *deleted = 0;
    if (kept_good != NULL)
        *kept_good = NULL;
    if (rules->keep < 0 && rules->older_than_s < 0)
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "say which backups may go: all but the newest (--keep) or the old ones (--older-than)");
    ACCEL_TRY(store_backup_list(path, folder, a, &items, &count, err));
    if (count == 0)
        return ACCEL_OK;
    ACCEL_TRY(find_good(items, count, &good, err));
    if (good == count)
        return error_set(err, ACCEL_BAD_FILE, "none of the %zu backups in %s verifies; none was deleted",
                         count, folder);
    if (kept_good != NULL)
        *kept_good = items[good].path;
    for (size_t i = count; i > 0; i--) {
        if (i - 1 == good || !may_go(rules, &items[i - 1], i - 1, now_us))
            continue;
        ACCEL_TRY(delete_backup(&items[i - 1], err));
        ++*deleted;
    }
    return ACCEL_OK;
}

#include "import/times.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "import/value.h"

enum { FIRST_YEAR = 2000, LAST_YEAR = 2099, MOST_DEPTH = 6, MOST_ENTRIES = 4096 };

typedef struct time_parts {
    int64_t year, month, day, hour, minute, second, microsecond, offset_s;
} time_parts;

static bool digits(const char **at, int count, int64_t *out) {
    *out = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool one(const char **at, const char *of) {
    if (**at == '\0' || strchr(of, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

/* Days since 1970-01-01 (H. Hinnant, chrono-compatible low-level date algorithms). */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_day(const time_parts *t) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t->year < FIRST_YEAR || t->year > LAST_YEAR || t->month < 1 || t->month > 12 || t->day < 1)
        return false;
    return t->day <= lengths[t->month - 1] + (t->month == 2 && t->year % 4 == 0);
}

static const char *utc_of(arena *a, const time_parts *t) {
    char text[CLOCK_UTC_TEXT_BYTES];
    if (!is_day(t) || t->hour > 23 || t->minute > 59 || t->second > 60)
        return NULL;
    int64_t seconds = days_of(t->year, t->month, t->day) * 86400 + t->hour * 3600 + t->minute * 60 +
                      t->second - t->offset_s;
    return arena_strdup(a, clock_utc_text(seconds * 1000000 + t->microsecond, text));
}

static void fraction(const char **at, int64_t *microsecond) {
    int64_t unit = 100000;
    *microsecond = 0;
    if (!one(at, ".,"))
        return;
    for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        *microsecond += unit * (**at - '0');
}

static bool zone(const char **at, int64_t *offset_s) {
    int64_t hours = 0, minutes = 0;
    *offset_s = 0;
    *at += strspn(*at, " ");
    if (one(at, "Zz") || **at == '\0')
        return true;
    if (str_equal(*at, "UTC") || str_equal(*at, "GMT")) {
        *at += 3;
        return true;
    }
    int64_t sign = **at == '-' ? -1 : 1;
    if (!one(at, "+-") || !digits(at, 2, &hours))
        return false;
    (void)one(at, ":");
    if (**at != '\0' && !digits(at, 2, &minutes))
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

/* 2025-03-01T12:00:00.123456+01:00, with a blank for the T, or the date alone. */
static bool read_iso(const char *at, time_parts *t) {
    if (!digits(&at, 4, &t->year) || !one(&at, "-/") || !digits(&at, 2, &t->month) || !one(&at, "-/") ||
        !digits(&at, 2, &t->day))
        return false;
    if (*at == '\0')
        return true;
    if (!one(&at, "T t_") || !digits(&at, 2, &t->hour) || !one(&at, ":") || !digits(&at, 2, &t->minute))
        return false;
    if (one(&at, ":")) {
        if (!digits(&at, 2, &t->second))
            return false;
        fraction(&at, &t->microsecond);
    }
    return zone(&at, &t->offset_s) && *at == '\0';
}

/* 20250301_180458; `after` receives what follows. */
static bool read_packed(const char *at, time_parts *t, const char **after) {
    if (!digits(&at, 4, &t->year) || !digits(&at, 2, &t->month) || !digits(&at, 2, &t->day) ||
        !one(&at, "_-T") || !digits(&at, 2, &t->hour) || !digits(&at, 2, &t->minute) ||
        !digits(&at, 2, &t->second))
        return false;
    *after = at;
    return *at < '0' || *at > '9';
}

static const char *utc_of_number(arena *a, double number) {
    char text[CLOCK_UTC_TEXT_BYTES];
    const double first = 946684800.0, last = 4102444800.0; /* 2000 and 2100 */
    if (number >= first * 1000 && number < last * 1000)
        number /= 1000; /* milliseconds, as JavaScript counts them */
    if (!(number >= first && number < last))
        return NULL;
    return arena_strdup(a, clock_utc_text((int64_t)llround(number * 1e6), text));
}

const char *times_utc(const import_context *c, yyjson_val *v) {
    time_parts t = {0};
    double number;
    const char *rest, *text = json_text(v);
    if (text != NULL && read_iso(text, &t))
        return utc_of(c->arena, &t);
    t = (time_parts){0};
    if (text != NULL && read_packed(text, &t, &rest) && *rest == '\0')
        return utc_of(c->arena, &t);
    return value_number(v, &number) ? utc_of_number(c->arena, number) : NULL;
}

#define TIME_KEYS                                                                                            \
    "timestamp|test_timestamp|started_at|start_time|run_timestamp|test_time|date|datetime|created_at|generated_at|detected_at|time"

bool times_is_key(const char *key) {
    const char *at = TIME_KEYS;
    size_t length = strlen(key);
    for (; *at != '\0'; at += strcspn(at, "|"), at += *at == '|')
        if (strncmp(at, key, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
    return false;
}

const char *times_of(const import_context *c, yyjson_val *object) {
    const char *names = TIME_KEYS, *name;
    size_t length;
    while (yyjson_is_obj(object) && (name = value_next_name(&names, &length)) != NULL) {
        yyjson_val *v = yyjson_obj_getn(object, name, length);
        const char *utc = v != NULL ? times_utc(c, v) : NULL;
        if (utc != NULL)
            return utc;
    }
    return NULL;
}

/* The earliest time below v: results that say when, in a file that does not. */
static void earliest(const import_context *c, yyjson_val *v, int depth, size_t *left, const char **found) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH || !yyjson_is_ctn(v) || *left == 0)
        return;
    (*left)--;
    const char *own = times_of(c, v);
    if (own != NULL && (*found == NULL || strcmp(own, *found) < 0))
        *found = own;
    if (yyjson_is_obj(v)) {
        yyjson_obj_foreach(v, i, count, key, value) earliest(c, value, depth + 1, left, found);
    } else if (yyjson_is_ctn(yyjson_arr_get_first(v))) {
        yyjson_arr_foreach(v, i, count, value) earliest(c, value, depth + 1, left, found);
    }
}

static const char *own_time(const import_context *c) {
    static const char *const places[] = {"metadata", "system_info", "summary", "run_info", "system"};
    const char *found = times_of(c, c->root);
    for (size_t i = 0; found == NULL && i < sizeof places / sizeof *places; i++)
        found = times_of(c, yyjson_is_obj(c->root) ? yyjson_obj_get(c->root, places[i]) : NULL);
    size_t left = MOST_ENTRIES;
    if (found == NULL)
        earliest(c, c->root, 0, &left, &found);
    return found;
}

/* The last YYYYMMDD_HHMMSS of the path: the file's name before its folder's. */
static const char *time_in_path(const import_context *c) {
    const char *found = NULL, *rest;
    for (const char *at = c->path; *at != '\0'; at++) {
        time_parts t = {0};
        if ((at == c->path || at[-1] < '0' || at[-1] > '9') && read_packed(at, &t, &rest)) {
            const char *utc = utc_of(c->arena, &t);
            found = utc != NULL ? utc : found;
        }
    }
    return found;
}

accel_status times_of_run(import_context *c, int64_t mtime_us, accel_error *err) {
    char text[CLOCK_UTC_TEXT_BYTES];
    c->time_from = IMPORT_TIME_CONTENT;
    c->started_at = own_time(c);
    if (c->started_at == NULL) {
        c->time_from = IMPORT_TIME_NAME;
        c->started_at = time_in_path(c);
    }
    if (c->started_at == NULL) {
        c->time_from = IMPORT_TIME_MTIME;
        c->started_at = arena_strdup(c->arena, clock_utc_text(mtime_us, text));
    }
    return c->started_at != NULL ? ACCEL_OK : error_no_memory(err, "a time", sizeof text);
}

#include "report/chart_scale.h"

#include <math.h>

#include "base/clock.h"

bool scale_has(chart_scale kind, double value) {
    return isfinite(value) && (kind != CHART_LOG || value > 0);
}

double scale_place(const scale *s, double value) {
    double part = s->kind == CHART_LOG ? (log10(value) - log10(s->low)) / (log10(s->high) - log10(s->low))
                                       : (value - s->low) / (s->high - s->low);
    return s->from + fmin(fmax(part, 0), 1) * s->size;
}

const char *scale_value_text(char *text, size_t size, double value) {
    static const struct {
        double factor;
        const char *letter;
    } parts[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e4, NULL}};
    double magnitude = fabs(value);
    if (magnitude >= 1e15 || (magnitude > 0 && magnitude < 1e-4)) {
        str_format(text, size, "%.3g", value);
        return text;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (magnitude < parts[i].factor)
            continue;
        if (parts[i].letter != NULL)
            str_format(text, size, "%.4g%s", value / parts[i].factor, parts[i].letter);
        else
            str_format(text, size, "%.0f", value);
        return text;
    }
    str_format(text, size, "%.4g", value);
    return text;
}

static void add_tick(scale *s, double value, const char *label) {
    if (s->tick_count == SCALE_MOST_TICKS)
        return;
    scale_tick *t = &s->ticks[s->tick_count++];
    t->value = value;
    str_format(t->label, sizeof t->label, "%s", label);
}

/* ---- linear ---------------------------------------------------------------------------------------------------------- */

/* The step of 1, 2 or 5 times a power of ten that gives at most `wanted` of them. */
static double nice_step(double range, size_t wanted) {
    double rough = range / (double)wanted;
    double power = pow(10, floor(log10(rough)));
    double part = rough / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* All ticks of an axis have as many decimals, and one unit for large values. */
static void linear_label(char label[SCALE_LABEL_BYTES], double value, double step, double most) {
    double factor = most >= 1e15 ? 0 : most >= 1e12 ? 1e12 : most >= 1e9 ? 1e9 : most >= 1e6 ? 1e6 : 1;
    if (factor == 0 || step < 1e-6) {
        str_format(label, SCALE_LABEL_BYTES, "%.4g", value);
        return;
    }
    const char *letter = factor == 1e12 ? " T" : factor == 1e9 ? " G" : factor == 1e6 ? " M" : "";
    int decimals = (int)fmax(0, -floor(log10(step / factor) + 1e-9));
    if (decimals > 9) /* a narrow range far from 0 */
        decimals = 9;
    str_format(label, SCALE_LABEL_BYTES, "%.*f%s", decimals, value / factor, value == 0 ? "" : letter);
}

static void make_linear(scale *s, double low, double high, bool from_zero, size_t wanted) {
    if (from_zero) {
        low = fmin(low, 0);
        high = fmax(high, 0);
    }
    double magnitude = fmax(fabs(low), fabs(high));
    if (high - low <= magnitude * 1e-9) { /* one value: room around it */
        double room = magnitude > 0 ? magnitude * 0.1 : 1;
        low -= low == 0 && from_zero ? 0 : room;
        high += room;
    }
    double step = nice_step(high - low, wanted);
    double first = floor(low / step + 1e-9), last = ceil(high / step - 1e-9);
    s->low = first * step;
    s->high = last * step;
    for (double i = first; i <= last; i++) {
        char label[SCALE_LABEL_BYTES];
        double value = i * step;
        linear_label(label, value, step, fmax(fabs(s->low), fabs(s->high)));
        add_tick(s, value, label);
    }
}

/* ---- logarithmic -------------------------------------------------------------------------------------------------------- */

static void make_log(scale *s, double low, double high, size_t wanted) {
    static const double within[] = {1, 2, 5};
    int first = (int)floor(log10(low) + 1e-9), last = (int)ceil(log10(high) - 1e-9);
    if (last <= first)
        last = first + 1;
    int decades = last - first;
    int stride = (int)ceil((double)decades / (double)wanted);
    bool finer = decades * 3 <= (int)wanted + 1;
    s->low = pow(10, first);
    s->high = pow(10, last);
    if (decades <= 2) { /* not a whole decade of nothing at either end */
        s->low *= low >= 5 * s->low ? 5 : low >= 2 * s->low ? 2 : 1;
        s->high *= high <= 0.2 * s->high ? 0.2 : high <= 0.5 * s->high ? 0.5 : 1;
        if (s->high <= s->low * 1.5)
            s->high = s->low * 10;
    }
    for (int d = first; d <= last; d += stride) {
        for (size_t k = 0; k < (finer ? 3 : 1); k++) {
            char label[SCALE_LABEL_BYTES];
            double value = within[k] * pow(10, d);
            if (value < s->low * 0.999 || value > s->high * 1.001)
                continue;
            add_tick(s, value, scale_value_text(label, sizeof label, value));
        }
    }
}

/* ---- time ------------------------------------------------------------------------------------------------------------------ */

typedef struct date {
    int year, month, day, hour, minute, second;
} date;

static date date_of(double seconds) {
    char text[CLOCK_UTC_TEXT_BYTES];
    int64_t values[6] = {0};
    static const int starts[] = {0, 5, 8, 11, 14, 17}, lengths[] = {4, 2, 2, 2, 2, 2};
    clock_utc_text((int64_t)(floor(seconds) * 1e6), text);
    for (int i = 0; i < 6; i++) {
        char part[8] = {0};
        str_format(part, sizeof part, "%.*s", lengths[i], text + starts[i]);
        (void)str_to_i64(part, &values[i]);
    }
    return (date){(int)values[0], (int)values[1], (int)values[2],
                  (int)values[3], (int)values[4], (int)values[5]};
}

/* Days since 1970 of the first of a month; month may lie outside 1 to 12. Howard Hinnant's days_from_civil. */
static double month_start(int year, int month) {
    int months = year * 12 + month - 1;
    int y = months / 12, m = months % 12 + 1;
    y -= m <= 2;
    int era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5;
    int days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return days * 86400.0;
}

double chart_time(const char *utc) {
    static const char form[] = "0000-00-00T00:00:00";
    int values[6] = {0};
    size_t i = 0, part = 0;
    for (; form[i] != '\0' && utc[i] != '\0' && utc[i] != 'Z'; i++) {
        bool digit = utc[i] >= '0' && utc[i] <= '9';
        if (form[i] == '0' ? !digit : utc[i] != form[i] && !(form[i] == 'T' && utc[i] == ' '))
            return NAN;
        if (digit)
            values[part] = values[part] * 10 + (utc[i] - '0');
        else
            part++;
    }
    if (i != 10 && i != 16 && i != 19)
        return NAN;
    return month_start(values[0], values[1]) + (values[2] - 1) * 86400.0 + values[3] * 3600.0 +
           values[4] * 60.0 + values[5];
}

static const char *month_name(date d) {
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return months[d.month >= 1 && d.month <= 12 ? d.month - 1 : 0];
}

static void time_label(char label[SCALE_LABEL_BYTES], double value, double step) {
    date d = date_of(value);
    if (step < 60 && d.second != 0)
        str_format(label, SCALE_LABEL_BYTES, "%02d:%02d:%02d", d.hour, d.minute, d.second);
    else if (step < 86400 && (d.hour != 0 || d.minute != 0))
        str_format(label, SCALE_LABEL_BYTES, "%02d:%02d", d.hour, d.minute);
    else
        str_format(label, SCALE_LABEL_BYTES, "%d %s %d", d.day, month_name(d), d.year);
}

/* Hours of a day that no label names: the first one does. */
static void name_the_day(scale *s, double step) {
    for (size_t i = 0; i < s->tick_count; i++)
        if (fmod(s->ticks[i].value, 86400) == 0)
            return;
    if (s->tick_count == 0 || step < 60)
        return;
    date d = date_of(s->ticks[0].value);
    str_format(s->ticks[0].label, SCALE_LABEL_BYTES, "%d %s %d %02d:%02d", d.day, month_name(d), d.year,
               d.hour, d.minute);
}

/* Steps of months: calendar months are not all as long. */
static void month_ticks(scale *s, int step) {
    date first = date_of(s->low);
    int start = first.year * 12 + first.month - 1;
    start -= start % step;
    for (int m = start;; m += step) {
        char label[SCALE_LABEL_BYTES];
        double value = month_start(m / 12, m % 12 + 1);
        if (value > s->high || s->tick_count == SCALE_MOST_TICKS)
            break;
        if (value < s->low)
            continue;
        if (step % 12 == 0)
            str_format(label, sizeof label, "%d", m / 12);
        else
            str_format(label, sizeof label, "%d-%02d", m / 12, m % 12 + 1);
        add_tick(s, value, label);
    }
}

static void make_time(scale *s, double low, double high, size_t wanted) {
    static const double steps[] = {1,     2,     5,      10,     15,     30,     60,    120,
                                   300,   600,   900,    1800,   3600,   7200,   10800, 21600,
                                   43200, 86400, 172800, 432000, 864000, 1209600};
    enum { MONTH = 2629746, MOST_MONTHS = 12000 };
    low = fmin(fmax(low, -6e10), 2e11); /* the years 69 to 8307 */
    high = fmin(fmax(high, -6e10), 2e11);
    double room = fmax(0.02 * (high - low), high - low < 1 ? 1800 : 0);
    s->low = low - room;
    s->high = high + room;
    double rough = (s->high - s->low) / (double)wanted;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i] < rough)
            continue;
        for (double v = ceil(s->low / steps[i]) * steps[i]; v <= s->high; v += steps[i]) {
            char label[SCALE_LABEL_BYTES];
            time_label(label, v, steps[i]);
            add_tick(s, v, label);
        }
        name_the_day(s, steps[i]);
        return;
    }
    static const int months[] = {1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, MOST_MONTHS};
    size_t i = 0;
    while (months[i] < MOST_MONTHS && (double)months[i] * MONTH < rough)
        i++;
    month_ticks(s, months[i]);
}

void scale_make(chart_scale kind, double low, double high, bool from_zero, size_t wanted, scale *out) {
    *out = (scale){.kind = kind};
    if (low > high) {
        low = kind == CHART_LOG ? 1 : 0;
        high = kind == CHART_LOG ? 10 : 1;
    }
    low = fmin(fmax(low, -1e300), 1e300);
    high = fmin(fmax(high, -1e300), 1e300);
    if (kind == CHART_LOG)
        make_log(out, fmax(low, 1e-300), fmax(high, 1e-300), wanted);
    else if (kind == CHART_TIME)
        make_time(out, low, high, wanted);
    else
        make_linear(out, low, high, from_zero, wanted);
}

/* Charts: what is drawn stands where it can be read, for every kind of data. Pictures go to ACCEL_CHART_FOLDER when it is set. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "report/chart_marks.h"
#include "report/chart_scale.h"
#include "support/temp_folder.h"

static const double none = (double)NAN;

/* ---- descriptions ------------------------------------------------------------------------------------------------------- */

static arena *memory;

static int in_arena(void **state) {
    (void)state;
    memory = arena_create();
    return memory != NULL ? 0 : -1;
}

static int end_arena(void **state) {
    (void)state;
    arena_destroy(memory);
    return 0;
}

/* A series of latencies, one a day; value(i) says which. */
static chart_series days(const char *name, size_t count, double (*value)(size_t), double half) {
    chart_point *points = ARENA_ARRAY(memory, chart_point, count + 1);
    for (size_t i = 0; i < count; i++) {
        double y = value(i);
        points[i] =
            (chart_point){.x = 1767225600.0 + 86400.0 * (double)i, .y = y, .low = y - half, .high = y + half};
    }
    return (chart_series){name, points, count};
}

static chart trend(const chart_series *series, size_t count) {
    return (chart){.title = "Latency of bert-base-uncased on a made-up CPU",
                   .subtitle = "fp32, batch 1, sequence 128, 2 threads",
                   .form = CHART_LINES,
                   .x = {.title = "start of the run", .scale = CHART_TIME},
                   .y = {.title = "mean latency", .unit = "ms"},
                   .series = series,
                   .series_count = count};
}

static double wave(size_t i) {
    return 12 + sin((double)i / 5) + (i > 60 ? 2 : 0);
}
static double slow_wave(size_t i) {
    return 25 + 2 * sin((double)i / 9);
}
static double constant(size_t i) {
    (void)i;
    return 3.25;
}
static double huge(size_t i) {
    return pow(10, (double)i * 7 - 40);
}
static double holes(size_t i) {
    return i % 7 == 3 ? none : i % 11 == 5 ? (double)INFINITY : wave(i);
}
static double nothing(size_t i) {
    (void)i;
    return none;
}

static const char *const models[] = {
    "bert-base-uncased", "vit-base-patch16-224", "whisper-tiny",
    "an-organisation/a-model-with-a-very-long-name-that-goes-on-and-on-v2-instruct-q4_k_m.gguf"};
static chart bars(size_t series_count, size_t categories) {
    static const char *const engines[] = {"native", "onnxruntime", "openvino", "webgpu, chromium", "vulkan"};
    chart_series *series = ARENA_ARRAY(memory, chart_series, series_count);
    const char **names = ARENA_ARRAY(memory, const char *, categories);
    for (size_t c = 0; c < categories; c++)
        names[c] = c < 4 ? models[c] : arena_printf(memory, "model %zu", c);
    for (size_t s = 0; s < series_count; s++) {
        chart_point *points = ARENA_ARRAY(memory, chart_point, categories);
        for (size_t c = 0; c < categories; c++) {
            double y = c == 2 && s == 1 ? none : 10.0 * (double)(c + 1) / (1 + (double)s * 0.7);
            points[c] = (chart_point){.y = y,
                                      .low = y * 0.96,
                                      .high = y * 1.04,
                                      .not_measured = s == 2,
                                      .marked = s + 1 == series_count};
        }
        series[s] = (chart_series){engines[s % 5], points, categories};
    }
    return (chart){.title = "Latency by model",
                   .subtitle = "newest result of each series",
                   .form = CHART_BARS,
                   .y = {.title = "mean latency", .unit = "ms"},
                   .categories = names,
                   .category_count = categories,
                   .series = series,
                   .series_count = series_count};
}

/* ---- what holds of every chart ------------------------------------------------------------------------------------------------ */

typedef struct box {
    double left, top, right, bottom;
} box;

static box box_of(const mark *m) {
    double wide = text_width(m->text, m->size, m->bold);
    double start = m->anchor == ANCHOR_START ? 0 : m->anchor == ANCHOR_MIDDLE ? -wide / 2 : -wide;
    if (m->upwards)
        return (box){m->x - m->size * 0.8, m->y - start - wide, m->x + m->size * 0.25, m->y - start};
    return (box){m->x + start, m->y - m->size * 0.8, m->x + start + wide, m->y + m->size * 0.25};
}

static void check_mark(const picture *p, const mark *m) {
    double values[] = {m->x, m->y, m->x2, m->y2};
    for (size_t i = 0; i < 4; i++)
        assert_true(isfinite(values[i]));
    for (size_t i = 0; i < 2 * m->xy_count; i++)
        assert_true(m->xy[i] >= 0 && m->xy[i] <= (i % 2 ? p->height : p->width));
    if (m->kind != MARK_TEXT)
        assert_true(m->x >= -0.5 && m->y >= -0.5 && m->x <= p->width + 0.5 && m->y <= p->height + 0.5);
    if (m->kind == MARK_RECT)
        assert_true(m->x + m->x2 <= p->width && m->y + m->y2 <= p->height);
}

/* Lays it out, and all texts stand inside the picture and on none of the others. Gives the number of texts. */
static size_t check_layout(const chart *c) {
    picture p;
    accel_error err = {0};
    size_t texts = 0;
    assert_ok(chart_layout(c, &p, &err));
    for (size_t i = 0; i < p.count; i++) {
        check_mark(&p, &p.marks[i]);
        if (p.marks[i].kind != MARK_TEXT || *p.marks[i].text == '\0')
            continue;
        texts++;
        box a = box_of(&p.marks[i]);
        if (a.left < -0.5 || a.top < -0.5 || a.right > p.width + 0.5 || a.bottom > p.height + 0.5)
            fail_msg("'%s' stands beyond the picture: %g %g %g %g", p.marks[i].text, a.left, a.top, a.right,
                     a.bottom);
        for (size_t k = 0; k < i; k++) {
            if (p.marks[k].kind != MARK_TEXT || *p.marks[k].text == '\0')
                continue;
            box b = box_of(&p.marks[k]);
            if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
                fail_msg("'%s' is drawn over '%s'", p.marks[i].text, p.marks[k].text);
        }
    }
    picture_free(&p);
    return texts;
}

static uint32_t big_endian(const char *bytes) {
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

/* Draws it in every form; name is the picture's file. */
static void check(const chart *c, const char *name) {
    accel_error err = {0};
    str_buf png = {0}, svg = {0}, page = {0};
    assert_true(check_layout(c) > 0);
    assert_ok(chart_svg(c, &svg, &err));
    assert_ok(chart_svg_inline(c, &page, &err));
    assert_non_null(strstr(svg.data, "xmlns=\"http://www.w3.org/2000/svg\""));
    assert_null(strstr(page.data, "http"));
    const char *bad[] = {"nan", "inf", "NaN", "Inf"};
    for (size_t i = 0; i < 4; i++) /* in numbers; words may hold these letters */
        for (const char *at = svg.data; (at = strstr(at, bad[i])) != NULL; at++)
            assert_null(strchr("0123456789 \"=MLHVhv", at[-1]));
    assert_ok(chart_png(c, &png, &err));
    assert_memory_equal(png.data, "\x89PNG\r\n\x1a\n", 8);
    assert_true(big_endian(png.data + 16) >= 640 && big_endian(png.data + 20) >= 300);
    const char *folder = getenv("ACCEL_CHART_FOLDER");
    if (folder != NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.png", folder, name);
        assert_ok(file_replace(path, png.data, png.length, &err));
        snprintf(path, sizeof path, "%s/%s.svg", folder, name);
        assert_ok(file_replace(path, svg.data, svg.length, &err));
    }
    str_free(&png);
    str_free(&svg);
    str_free(&page);
}

/* ---- lines ----------------------------------------------------------------------------------------------------------------------- */

static void a_trend_of_two_series(void **state) {
    (void)state;
    chart_series series[] = {days("native 0.1.0", 90, wave, 0.3),
                             days("onnxruntime 1.32.0", 90, slow_wave, 0.5)};
    chart_point *points = ARENA_ARRAY(memory, chart_point, 90);
    memcpy(points, series[0].points, 90 * sizeof *points);
    points[61].marked = true;
    for (size_t i = 75; i < 90; i++)
        points[i].not_measured = true;
    series[0].points = points;
    chart c = trend(series, 2);
    check(&c, "trend");
}

static void numbers_of_points_from_none_to_thousands(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 10, 365, 1000, 20000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char name[32];
        chart_series s = days("native", counts[i], wave, 0.2);
        chart c = trend(&s, 1);
        snprintf(name, sizeof name, "points_%zu", counts[i]);
        check(&c, name);
    }
    chart empty = trend(NULL, 0);
    check(&empty, "no_series");
}

static void values_that_are_none_leave_gaps(void **state) {
    (void)state;
    chart_series series[] = {days("with holes", 40, holes, 0.2), days("empty", 40, nothing, 0)};
    chart c = trend(series, 2);
    check(&c, "holes");
    str_buf svg = {0};
    accel_error err = {0};
    assert_ok(chart_svg(&c, &svg, &err));
    size_t placed = 0;
    for (size_t i = 0; i < 40; i++)
        placed += isfinite(holes(i)) ? 1 : 0;
    assert_int_equal(count_of(svg.data, "<title>"), placed);
    str_free(&svg);
    chart_series alone = days("empty", 40, nothing, 0);
    c = trend(&alone, 1);
    check(&c, "no_value");
}

static void ranges_of_every_size(void **state) {
    (void)state;
    chart_series s = days("constant", 30, constant, 0);
    chart c = trend(&s, 1);
    check(&c, "constant");
    s = days("huge", 40, huge, 0);
    c = trend(&s, 1);
    check(&c, "huge_linear");
    c.y.scale = CHART_LOG;
    check(&c, "huge_log");
    chart_point two[] = {{.x = 0, .y = -1.7e308, .low = none, .high = none},
                         {.x = 2e11, .y = 1.7e308, .low = none, .high = none}};
    s = (chart_series){"extremes", two, 2};
    c = trend(&s, 1);
    check(&c, "extremes");
    chart_point close[] = {{.x = 1767225600.25, .y = 1e6, .low = none, .high = none},
                           {.x = 1767225600.5, .y = 1e6 + 1e-4, .low = none, .high = none}};
    s = (chart_series){"close together", close, 2};
    c = trend(&s, 1);
    check(&c, "close");
    s = days("zero", 5, nothing, 0);
    chart_point zeros[] = {{.x = 1, .y = 0}, {.x = 2, .y = 0}};
    s = (chart_series){"zero", zeros, 2};
    c = trend(&s, 1);
    check(&c, "zero");
    c.y.scale = CHART_LOG;
    check(&c, "zero_log");
}

static void texts_that_are_long_or_strange(void **state) {
    (void)state;
    char longest[2000];
    memset(longest, 'W', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    chart_series series[40];
    for (size_t i = 0; i < 40; i++) {
        series[i] = days(arena_printf(memory, "series %zu of an engine with a long name", i), 5, wave, 0);
        chart_point *points = ARENA_ARRAY(memory, chart_point, 5);
        for (size_t k = 0; k < 5; k++)
            points[k] = (chart_point){.x = 1767225600.0 + 86400.0 * (double)k, .y = (double)(i + k)};
        series[i].points = points;
    }
    series[3].name = longest;
    series[4].name = "<b>\"&'\xff\xfe\x01";
    chart c = trend(series, 40);
    c.title = longest;
    c.subtitle = longest;
    c.note =
        "A sentence under the chart, which goes on for so long that it does not fit into one line of the picture and has to be "
        "broken somewhere, preferably between two words and not in the middle of one; it ends here.";
    c.y.title = longest;
    check(&c, "long");
    str_buf page = {0};
    accel_error err = {0};
    assert_ok(chart_svg_inline(&c, &page, &err));
    assert_non_null(strstr(page.data, "&lt;b&gt;&quot;&amp;"));
    assert_null(strstr(page.data, "<b>"));
    assert_true(str_utf8_valid(page.data, page.length));
    assert_non_null(strstr(page.data, "and 16 more"));
    str_free(&page);
}

/* ---- bars ---------------------------------------------------------------------------------------------------------------------------- */

static void bars_in_groups(void **state) {
    (void)state;
    chart c = bars(3, 4);
    check(&c, "bars");
    c = bars(1, 4);
    check(&c, "bars_one_series");
    c = bars(5, 12);
    check(&c, "bars_many");
    c.y.scale = CHART_LOG;
    check(&c, "bars_log");
    c = bars(1, 1);
    check(&c, "bars_one");
    c = bars(2, 1000);
    check(&c, "bars_1000");
    c = bars(1, 4);
    c.width = 400;
    check(&c, "bars_narrow");
}

static void bars_of_strange_values(void **state) {
    (void)state;
    static const char *const names[] = {"negative", "positive", "none", "tiny", "zero"};
    static const chart_point points[] = {{.y = -12, .low = -13, .high = -11},
                                         {.y = 30, .low = 25, .high = 50},
                                         {.y = (double)NAN},
                                         {.y = 1e-9},
                                         {.y = 0}};
    chart_series s = {"values", points, 5};
    chart c = {.title = "Strange values",
               .form = CHART_BARS,
               .categories = names,
               .category_count = 5,
               .series = &s,
               .series_count = 1};
    check(&c, "bars_strange");
    c.category_count = 0;
    s.point_count = 0;
    check(&c, "bars_none");
}

static void pale_marks_are_explained(void **state) {
    (void)state;
    chart c = bars(3, 3);
    str_buf page = {0};
    accel_error err = {0};
    assert_ok(chart_svg_inline(&c, &page, &err));
    assert_non_null(strstr(page.data, "Pale and dashed: not measured."));
    assert_int_equal(count_of(page.data, "stroke-dasharray"), 3);
    assert_non_null(strstr(page.data, "openvino: 4.167 ms (4 to 4.333), not measured</title>"));
    assert_non_null(strstr(page.data, "native: 10 ms (9.6 to 10.4)</title>"));
    str_free(&page);
    c = bars(2, 3);
    assert_ok(chart_svg_inline(&c, &page, &err));
    assert_null(strstr(page.data, "not measured"));
    str_free(&page);
}

static void every_bar_is_as_long_as_its_value(void **state) {
    (void)state;
    chart c = bars(1, 4);
    picture p;
    accel_error err = {0};
    double first = 0;
    size_t n = 0;
    assert_ok(chart_layout(&c, &p, &err));
    for (size_t i = 0; i < p.count; i++) {
        if (p.marks[i].kind != MARK_RECT)
            continue;
        first = n == 0 ? p.marks[i].x2 : first;
        assert_true(fabs(p.marks[i].x2 - first * (double)(++n)) < 0.01);
    }
    assert_int_equal(n, 4);
    picture_free(&p);
}

/* ---- ticks --------------------------------------------------------------------------------------------------------------------------- */

static void assert_ticks(chart_scale kind, double low, double high, size_t wanted, const char *expected) {
    scale s;
    str_buf all = {0};
    scale_make(kind, low, high, false, wanted, &s);
    for (size_t i = 0; i < s.tick_count; i++)
        str_appendf(&all, "%s%s", i > 0 ? " | " : "", s.ticks[i].label);
    if (strcmp(str_text(&all), expected) != 0)
        fail_msg("%g to %g: %s, not %s", low, high, str_text(&all), expected);
    str_free(&all);
}

static void ticks_are_round_numbers(void **state) {
    (void)state;
    assert_ticks(CHART_LINEAR, 0, 97, 5, "0 | 20 | 40 | 60 | 80 | 100");
    assert_ticks(CHART_LINEAR, 12.2, 12.9, 4, "12.2 | 12.4 | 12.6 | 12.8 | 13.0");
    assert_ticks(CHART_LINEAR, -3, 4, 4, "-4 | -2 | 0 | 2 | 4");
    assert_ticks(CHART_LINEAR, 0, 3.1e6, 4, "0 | 1 M | 2 M | 3 M | 4 M");
    assert_ticks(CHART_LINEAR, 0, 2.4e9, 3, "0 | 1 G | 2 G | 3 G");
    assert_ticks(CHART_LINEAR, 0, 0.004, 4, "0.000 | 0.001 | 0.002 | 0.003 | 0.004");
    assert_ticks(CHART_LOG, 1, 5000, 6, "1 | 10 | 100 | 1000 | 10000");
    assert_ticks(CHART_LOG, 3, 40, 6, "2 | 5 | 10 | 20 | 50");
    assert_ticks(CHART_LINEAR, (double)INFINITY, -(double)INFINITY, 2, "0.0 | 0.5 | 1.0");
}

static void ticks_of_time_are_round_times(void **state) {
    (void)state;
    const double day = 86400, start = 1767225600; /* 2026-01-01 */
    assert_ticks(CHART_TIME, start, start + 10, 6,
                 "1 Jan 2026 | 00:00:02 | 00:00:04 | 00:00:06 | 00:00:08 | 00:00:10");
    assert_ticks(CHART_TIME, start - 3 * 3600, start + 3 * 3600, 3, "21:00 | 1 Jan 2026 | 03:00");
    assert_ticks(CHART_TIME, start, start + 4 * day, 5,
                 "1 Jan 2026 | 2 Jan 2026 | 3 Jan 2026 | 4 Jan 2026 | 5 Jan 2026");
    assert_ticks(CHART_TIME, start, start + 150 * day, 6,
                 "2026-01 | 2026-02 | 2026-03 | 2026-04 | 2026-05 | 2026-06");
    assert_ticks(CHART_TIME, start, start + 6 * 365 * day, 4, "2026 | 2028 | 2030 | 2032");
    assert_ticks(CHART_TIME, start + 36000, start + 36000 + 7200, 3, "1 Jan 2026 10:00 | 11:00 | 12:00");
    assert_ticks(CHART_TIME, -4 * 365 * day, 4 * 365 * day, 3, "1970");
}

static void values_keep_the_digits_that_tell_them_apart(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},         {12.3456, "12.35"},   {1234.5, "1234"}, {23456, "23456"},
                 {3.4e6, "3.4 M"}, {1.25e10, "12.5 G"},  {2e13, "20 T"},   {1e300, "1e+300"},
                 {-12.5, "-12.5"}, {0.00012, "0.00012"}, {1e-5, "1e-05"},  {999.96, "1000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        assert_string_equal(scale_value_text(text, sizeof text, cases[i].value), cases[i].text);
    }
}

static void names_keep_their_ends(void **state) {
    (void)state;
    picture p = {.arena = arena_create()};
    const char *cut = text_fitted(&p, "accel-a-very-long-name-of-a-model-v2", 12, false, 120);
    assert_true(str_starts_with(cut, "accel-") && str_ends_with(cut, "-v2") && strstr(cut, "…") != NULL);
    assert_true(text_width(cut, 12, false) <= 120);
    cut = text_fitted(&p, "模型模型模型模型模型模型模型模型", 12, false, 80);
    assert_true(str_utf8_valid(cut, strlen(cut)) && text_width(cut, 12, false) <= 80);
    picture_free(&p);
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------------ */

static void the_ending_decides_the_form(void **state) {
    chart c = bars(1, 2);
    accel_error err = {0};
    char *text = NULL;
    size_t length = 0;
    const char *png = temp_path(state, "a.png"), *svg = temp_path(state, "a.svg");
    assert_ok(chart_write(&c, png, &err));
    assert_ok(chart_write(&c, svg, &err));
    assert_ok(file_read(svg, 1 << 20, &text, &length, &err));
    assert_true(str_starts_with(text, "<?xml"));
    str_buf b = {.data = text};
    str_free(&b);
    assert_int_equal(chart_write(&c, temp_path(state, "a.jpg"), &err), ACCEL_INVALID_ARGUMENT);
    assert_says(".png or .svg");
    assert_false(file_exists(temp_path(state, "a.jpg")));
    assert_int_equal(chart_write(&c, temp_path(state, "absent/a.png"), &err), ACCEL_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trend_of_two_series),
        cmocka_unit_test(numbers_of_points_from_none_to_thousands),
        cmocka_unit_test(values_that_are_none_leave_gaps),
        cmocka_unit_test(ranges_of_every_size),
        cmocka_unit_test(texts_that_are_long_or_strange),
        cmocka_unit_test(bars_in_groups),
        cmocka_unit_test(bars_of_strange_values),
        cmocka_unit_test(pale_marks_are_explained),
        cmocka_unit_test(every_bar_is_as_long_as_its_value),
        cmocka_unit_test(ticks_are_round_numbers),
        cmocka_unit_test(ticks_of_time_are_round_times),
        cmocka_unit_test(values_keep_the_digits_that_tell_them_apart),
        cmocka_unit_test(names_keep_their_ends),
        cmocka_unit_test_setup_teardown(the_ending_decides_the_form, temp_folder_setup, temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, in_arena, end_arena);
}

/* The comparison chart of a group: horizontal bars, the shorter the better. */
#include <math.h>
#include <string.h>

#include "report/html.h"

/* Geometry in SVG units: names on the left, bars, the figure at the end of the bar. */
enum { WIDTH = 1000, ROW = 34, BAR = 18, LEFT = 200, RIGHT = 300, TOP = 8, NAME_MAX_CHARACTERS = 24 };

/* One colour an engine, the same on every chart; the stylesheet defines them for light and dark pages. */
static const char *engine_class(const char *engine) {
    static const char *const known[] = {"native", "onnxruntime", "openvino", "webgpu", "browser"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_equal(engine, known[i]))
            return known[i];
    }
    return "other";
}

static double largest_figure(const record_groups *g, size_t group) {
    double most = 0;
    for (size_t i = g->starts[group]; i < g->starts[group + 1]; i++) {
        const record *r = g->rows[i];
        double top = record_figure_ms(r) + record_interval_ms(r);
        if (top > most)
            most = top;
    }
    return most;
}

static void whisker(str_buf *out, const record *r, double scale, double x, int y) {
    double half = record_interval_ms(r) * scale;
    if (half < 0.75)
        return;
    int middle = y + BAR / 2;
    str_appendf(out, "<path class=\"whisker\" d=\"M%.1f %d H%.1f M%.1f %d V%d M%.1f %d V%d\"/>", x - half,
                middle, x + half, x - half, middle - 4, middle + 4, x + half, middle - 4, middle + 4);
}

static void figure_text(str_buf *out, const record *r, double best_ms) {
    double ms = record_figure_ms(r);
    str_appendf(out, "%.*f ms", record_decimals(ms), ms);
    if (str_equal(r->scenario, "offline"))
        str_append(out, " an item");
    if (best_ms > 0 && ms > best_ms * 1.005)
        str_appendf(out, " · %.2f×", ms / best_ms);
    if (r->verified == 0)
        str_append(out, " · WRONG");
    if (r->verified == RECORD_UNKNOWN_BOOL)
        str_append(out, " · not verified");
    if (!record_is_measured(r)) {
        str_append(out, " · ");
        html_text(out, r->provenance != NULL ? r->provenance : "unknown provenance");
    }
}

/* A name longer than its room keeps its beginning; the bar's tooltip has it whole. */
static void name_text(str_buf *out, const char *name) {
    size_t characters = 0, length = 0;
    while (name[length] != 0) {
        characters += ((unsigned char)name[length] & 0xC0U) != 0x80U;
        if (characters > NAME_MAX_CHARACTERS)
            break;
        length++;
    }
    html_textf(out, "%.*s%s", (int)length, name, name[length] != 0 ? "…" : "");
}

static void bar(str_buf *out, const record *r, int y, double scale, double best_ms, bool best) {
    char runner[96];
    double ms = record_figure_ms(r);
    double width = ms * scale;
    record_runner(r, runner, sizeof runner);
    str_appendf(out, "<text class=\"name\" x=\"%d\" y=\"%d\">", LEFT - 10, y + 14);
    name_text(out, runner);
    str_appendf(
        out,
        "</text><rect class=\"bar %s%s%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\"><title>",
        engine_class(r->engine_name), r->verified == 0 ? " wrong" : "",
        record_is_measured(r) ? "" : " estimate", LEFT, y, fmax(width, 1), BAR);
    html_textf(out, "%s: %.4f ms, %zu runs, %s", runner, ms, r->samples_ns_count,
               r->provenance != NULL ? r->provenance : "unknown provenance");
    str_append(out, "</title></rect>");
    whisker(out, r, scale, (double)LEFT + width, y);
    double end = width + record_interval_ms(r) * scale;
    str_appendf(out, "<text class=\"figure%s\" x=\"%.1f\" y=\"%d\">", best ? " best" : "",
                (double)LEFT + end + 8, y + 14);
    figure_text(out, r, best_ms);
    str_append(out, "</text>\n");
}

static void failures(str_buf *out, const record_groups *g, size_t group) {
    char runner[96];
    bool any = false;
    for (size_t i = g->starts[group]; i < g->starts[group + 1]; i++) {
        const record *r = g->rows[i];
        if (record_is_ok(r))
            continue;
        if (!any)
            str_append(out, "<ul class=\"failures\">\n");
        any = true;
        str_append(out, "<li><b>");
        html_text(out, record_runner(r, runner, sizeof runner));
        str_append(out, "</b> <span class=\"status\">");
        html_text(out, r->status);
        str_append(out, "</span> ");
        html_text(out, r->error);
        str_append(out, "</li>\n");
    }
    if (any)
        str_append(out, "</ul>\n");
}

void chart_group(str_buf *out, const record_groups *groups, size_t group) {
    double most = largest_figure(groups, group);
    const record *best = record_groups_best(groups, group);
    int rows = 0;
    for (size_t i = groups->starts[group]; i < groups->starts[group + 1]; i++)
        rows += record_is_ok(groups->rows[i]);
    if (rows > 0 && most > 0) {
        double scale = (WIDTH - LEFT - RIGHT) / most;
        int y = TOP;
        str_appendf(
            out,
            "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"median latency, shorter is better\">\n",
            WIDTH, TOP + rows * ROW);
        str_appendf(out, "<line class=\"axis\" x1=\"%d\" y1=\"0\" x2=\"%d\" y2=\"%d\"/>\n", LEFT, LEFT,
                    TOP + rows * ROW - 6);
        for (size_t i = groups->starts[group]; i < groups->starts[group + 1]; i++) {
            const record *r = groups->rows[i];
            if (!record_is_ok(r))
                continue;
            bar(out, r, y, scale, best != NULL ? record_figure_ms(best) : 0, r == best);
            y += ROW;
        }
        str_append(out, "</svg>\n");
    }
    failures(out, groups, group);
}

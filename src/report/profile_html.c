/* The profile as part of a page: a frame graph (time from left to right, the scopes of the nodes' names from top to bottom) and tables. */
#include <math.h>
#include <string.h>

#include "report/html.h"
#include "report/profile_view.h"

/* Geometry in SVG units, which are about pixels on a wide page. */
enum { WIDTH = 1000, FRAME = 22, GAP = 2, MARGIN = 4, COLOURS = 7, MOST_LEVELS = 12 };
static const double character_width = 7.0;

typedef struct frame_graph {
    const case_profile *p;
    const profile_kind *kinds;
    size_t kind_count;
    double *begin_ns; /* of each row, and of the end of the last */
    double scale;     /* units a nanosecond */
    char separator;   /* between the scopes of a name */
    int levels;       /* found so far, below that of the whole run */
    str_buf *out;     /* NULL: only levels are counted */
} frame_graph;

/* ---- colours ------------------------------------------------------------------------------------------------------------ */

/* The kinds that take longest have a colour each, the rest share one. */
static int colour_of(const profile_kind *kinds, size_t count, const char *op_type) {
    for (size_t k = 0; k < count && k < COLOURS; k++) {
        if (str_equal(kinds[k].op_type, op_type))
            return (int)k;
    }
    return COLOURS;
}

/* ---- frames --------------------------------------------------------------------------------------------------------------- */

/* As much of the text as the frame has room for: whole, its beginning, or nothing. */
static void frame_text(str_buf *out, const char *text, size_t length, double x, double width, int y) {
    size_t room =
        width > (double)(2 * MARGIN) ? (size_t)((width - (double)(2 * MARGIN)) / character_width) : 0;
    size_t characters = 0, fit = 0;
    for (size_t i = 0; i < length; i++) {
        bool begins = ((unsigned char)text[i] & 0xC0U) != 0x80U;
        if (begins && ++characters + 1 == room)
            fit = i; /* with "…" behind it */
    }
    bool whole = characters <= room;
    if (!whole && room < 4)
        return;
    str_appendf(out, "<text x=\"%.1f\" y=\"%d\">", x + (double)MARGIN, y + 15);
    html_textf(out, "%.*s%s", (int)(whole ? length : fit), text, whole ? "" : "…");
    str_append(out, "</text>");
}

static void open_frame(const frame_graph *g, const char *style, double begin_ns, double end_ns, int level) {
    double width = (end_ns - begin_ns) * g->scale;
    str_appendf(g->out, "<rect class=\"frame %s\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\"><title>",
                style, begin_ns * g->scale, level * (FRAME + GAP), fmax(width - 0.5, 0.3), FRAME);
}

static void close_frame(const frame_graph *g, const char *text, size_t length, double begin_ns, double end_ns,
                        int level) {
    str_append(g->out, "</title></rect>");
    frame_text(g->out, text, length, begin_ns * g->scale, (end_ns - begin_ns) * g->scale,
               level * (FRAME + GAP));
    str_append(g->out, "\n");
}

static void tooltip_rates(const frame_graph *g, const engine_profile_row *row) {
    profile_rate rate;
    profile_rate_of(g->p, row->op_type, (double)row->time_ns, row->flops, row->bytes, &rate);
    if (!isnan(rate.gflops))
        html_textf(g->out, ", %.1f GFLOP/s", rate.gflops);
    if (!isnan(rate.of_peak))
        html_textf(g->out, " (%.0f %% of peak)", rate.of_peak * 100.0);
    if (!isnan(rate.gb_per_s))
        html_textf(g->out, ", %.1f GB/s", rate.gb_per_s);
    if (!isnan(rate.of_bandwidth))
        html_textf(g->out, " (%.0f %% of DRAM)", rate.of_bandwidth * 100.0);
}

/* text: the part of the name that the frames above do not say already. */
static void row_frame(frame_graph *g, size_t r, const char *text, int level) {
    const engine_profile_row *row = &g->p->rows[r];
    char style[8], name[512], label[256]; /* "Conv n17": names that do not tell the operator are given it */
    if (level > g->levels)
        g->levels = level;
    if (g->out == NULL)
        return;
    str_format(style, sizeof style, "k%d", colour_of(g->kinds, g->kind_count, row->op_type));
    str_format(label, sizeof label, "%s%s%s", strstr(text, row->op_type) != NULL ? "" : row->op_type,
               strstr(text, row->op_type) != NULL ? "" : " ", text);
    open_frame(g, style, g->begin_ns[r], g->begin_ns[r + 1], level);
    html_textf(g->out, "%s: %s, %.4f ms (%.1f %%)", profile_row_name(row, name, sizeof name), row->op_type,
               (double)row->time_ns * 1e-6, profile_share(g->p, (double)row->time_ns) * 100.0);
    tooltip_rates(g, row);
    html_textf(g->out, ", kernel: %s", row->kernel);
    close_frame(g, label, strlen(label), g->begin_ns[r], g->begin_ns[r + 1], level);
}

static void scope_frame(frame_graph *g, size_t begin, size_t end, const char *text, size_t length,
                        int level) {
    double ns = g->begin_ns[end] - g->begin_ns[begin];
    if (level > g->levels)
        g->levels = level;
    if (g->out == NULL)
        return;
    open_frame(g, "scope", g->begin_ns[begin], g->begin_ns[end], level);
    html_textf(g->out, "%.*s: %zu steps, %.4f ms (%.1f %%)", (int)length, text, end - begin, ns * 1e-6,
               profile_share(g->p, ns) * 100.0);
    close_frame(g, text, length, g->begin_ns[begin], g->begin_ns[end], level);
}

/* ---- scopes of names ------------------------------------------------------------------------------------------------------ */

/* The length of the scope that begins at text, its separator included; 0 when the rest is the node's own name. */
static size_t scope_length(const frame_graph *g, const char *text) {
    const char *end = text[0] != 0 ? strchr(text + 1, g->separator) : NULL;
    return end != NULL && end[1] != 0 ? (size_t)(end + 1 - text) : 0;
}

/* Rows from `begin` on that stand in the same scope as it, `skip` bytes into their names. */
static size_t scope_end(const frame_graph *g, size_t begin, size_t end, size_t skip, size_t length) {
    const char *first = g->p->rows[begin].node + skip;
    size_t r = begin + 1;
    while (r < end && strncmp(g->p->rows[r].node + skip, first, length) == 0)
        r++;
    return r;
}

/* Draws the rows [begin, end), whose names have their first `skip` bytes in common. A scope around a single scope is drawn as one. */
static void draw_rows(frame_graph *g, size_t begin, size_t end, size_t skip, int level) {
    for (size_t r = begin; r < end;) {
        const char *text = g->p->rows[r].node + skip;
        size_t length = level < MOST_LEVELS ? scope_length(g, text) : 0;
        size_t last = length > 0 ? scope_end(g, r, end, skip, length) : r + 1;
        if (last == r + 1) {
            row_frame(g, r++, text, level);
            continue;
        }
        for (size_t more; (more = scope_length(g, text + length)) > 0 &&
                          scope_end(g, r, last, skip + length, more) == last;)
            length += more;
        scope_frame(g, r, last, text, length - 1, level);
        draw_rows(g, r, last, skip + length, level + 1);
        r = last;
    }
}

/* Exporters write "/layer.0/attention/MatMul", others "layer.0.attention.MatMul". */
static char separator_of(const case_profile *p) {
    for (size_t r = 0; r < p->row_count; r++) {
        if (strchr(p->rows[r].node, '/') != NULL)
            return '/';
    }
    return '.';
}

static accel_status frames(const profiled_case *c, const profile_kind *kinds, size_t kind_count, arena *a,
                           str_buf *out, accel_error *err) {
    const case_profile *p = c->profile;
    double *begin_ns = ARENA_ARRAY(a, double, p->row_count + 1);
    if (begin_ns == NULL)
        return error_no_memory(err, "a profile", p->row_count * sizeof *begin_ns);
    for (size_t r = 0; r < p->row_count; r++)
        begin_ns[r + 1] = begin_ns[r] + (double)p->rows[r].time_ns;
    double whole_ns = fmax(p->run_ms * 1e6, begin_ns[p->row_count]);
    if (!(whole_ns > 0.0))
        return ACCEL_OK;
    frame_graph g = {p, kinds, kind_count, begin_ns, (double)WIDTH / whole_ns, separator_of(p), 0, NULL};
    draw_rows(&g, 0, p->row_count, 0, 1);
    g.out = out;
    str_appendf(out,
                "<div class=\"scroll\"><svg class=\"frames\" viewBox=\"0 0 %d %d\" role=\"img\" "
                "aria-label=\"time of the nodes of one run, in order\">\n",
                WIDTH, (g.levels + 1) * (FRAME + GAP));
    char text[96];
    str_format(text, sizeof text, "one run, %.*f ms", record_decimals(whole_ns * 1e-6), whole_ns * 1e-6);
    open_frame(&g, "scope", 0, whole_ns, 0);
    html_textf(out, "%s; %.4f ms more than the sum of its steps", text,
               fmax(whole_ns - begin_ns[p->row_count], 0.0) * 1e-6);
    close_frame(&g, text, strlen(text), 0, whole_ns, 0);
    draw_rows(&g, 0, p->row_count, 0, 1);
    str_append(out, "</svg></div>\n");
    return ACCEL_OK;
}

/* ---- tables --------------------------------------------------------------------------------------------------------------- */

static void number_cell(str_buf *out, double value, int decimals, const char *unit) {
    if (isnan(value)) {
        str_append(out, "<td class=\"n\">–</td>");
    } else {
        str_appendf(out, "<td class=\"n\">%.*f%s</td>", decimals, value, unit);
    }
}

static void rate_cells(str_buf *out, const case_profile *p, const profile_kind *k) {
    profile_rate rate;
    profile_rate_of(p, k->op_type, k->costed_ns, k->flops, k->bytes, &rate);
    number_cell(out, k->time_ns * 1e-6, 3, "");
    number_cell(out, profile_share(p, k->time_ns) * 100.0, 1, "&nbsp;%");
    number_cell(out, rate.gflops, 1, "");
    number_cell(out, rate.of_peak * 100.0, 0, "&nbsp;%");
    number_cell(out, rate.gb_per_s, 1, "");
    number_cell(out, rate.of_bandwidth * 100.0, 0, "&nbsp;%");
}

static const char rate_heads[] =
    "<th class=\"n\">ms</th><th class=\"n\">share</th><th class=\"n\">GFLOP/s</th>"
    "<th class=\"n\">of peak</th><th class=\"n\">GB/s</th><th class=\"n\">of DRAM</th>";

static void kinds_table(const case_profile *p, const profile_kind *kinds, size_t count, str_buf *out) {
    str_append(out, "<div class=\"scroll\"><table><thead><tr><th>operator</th><th class=\"n\">steps</th>");
    str_appendf(out, "%s</tr></thead><tbody>\n", rate_heads);
    for (size_t k = 0; k < count; k++) {
        str_appendf(out, "<tr><td><span class=\"swatch k%d\"></span>", k < COLOURS ? (int)k : COLOURS);
        html_text(out, kinds[k].op_type);
        str_appendf(out, "</td><td class=\"n\">%zu</td>", kinds[k].rows);
        rate_cells(out, p, &kinds[k]);
        str_append(out, "</tr>\n");
    }
    str_append(out, "</tbody></table></div>\n");
}

static accel_status rows_table(const case_profile *p, size_t most, arena *a, str_buf *out, accel_error *err) {
    size_t count = 0;
    const size_t *longest = profile_longest(p, most, a, &count);
    if (longest == NULL)
        return error_no_memory(err, "a profile", p->row_count);
    if (count == 0)
        return ACCEL_OK;
    str_appendf(out, "<h4>The %zu longest of %zu steps</h4>\n", count, p->row_count);
    str_append(out, "<div class=\"scroll\"><table><thead><tr><th>node</th><th>operator</th>");
    str_appendf(out, "%s<th>kernel</th></tr></thead><tbody>\n", rate_heads);
    for (size_t i = 0; i < count; i++) {
        const engine_profile_row *row = &p->rows[longest[i]];
        const profile_kind alone = profile_kind_of(row);
        char name[512];
        str_append(out, "<tr><td class=\"reason\">");
        html_text(out, profile_row_name(row, name, sizeof name));
        str_append(out, "</td><td>");
        html_text(out, row->op_type);
        str_append(out, "</td>");
        rate_cells(out, p, &alone);
        str_append(out, "<td>");
        html_text(out, row->kernel);
        str_append(out, "</td></tr>\n");
    }
    str_append(out, "</tbody></table></div>\n");
    return ACCEL_OK;
}

/* ---- sections --------------------------------------------------------------------------------------------------------------- */

static void sentences(const profiled_case *c, str_buf *out) {
    str_buf sums = {0}, roof = {0};
    profile_sums_text(c, &sums);
    profile_roof_text(c->profile, &roof);
    str_append(out, "<p class=\"soft\">");
    html_text(out, str_text(&sums));
    if (roof.length > 0) {
        str_append(out, ".<br>This machine: ");
        html_text(out, str_text(&roof));
    }
    str_append(out, ".</p>\n");
    out->failed = out->failed || sums.failed || roof.failed;
    str_free(&sums);
    str_free(&roof);
}

static void remarks(const profiled_case *c, str_buf *out) {
    str_buf text = {0};
    profile_remarks(c->profile, &text);
    if (text.length > 0) {
        str_append(out, "<p class=\"soft\">");
        html_text(out, str_text(&text));
        str_append(out, "</p>\n");
    }
    out->failed = out->failed || text.failed;
    str_free(&text);
}

static accel_status section(const profiled_case *c, size_t rows, arena *a, str_buf *out, accel_error *err) {
    profile_kind *kinds = NULL;
    size_t count = 0;
    if (c->profile->why_not != NULL) {
        str_append(out, "<p>No profile: ");
        html_text(out, c->profile->why_not);
        str_append(out, ".</p>\n");
        return ACCEL_OK;
    }
    ACCEL_TRY(profile_kinds(c->profile, a, &kinds, &count, err));
    sentences(c, out);
    ACCEL_TRY(frames(c, kinds, count, a, out, err));
    kinds_table(c->profile, kinds, count, out);
    ACCEL_TRY(rows_table(c->profile, rows, a, out, err));
    remarks(c, out);
    return ACCEL_OK;
}

accel_status profile_view_html(const profiled_case *cases, size_t count, size_t rows, str_buf *out,
                               accel_error *err) {
    arena *a = count > 0 ? arena_create() : NULL;
    accel_status status = ACCEL_OK;
    if (count == 0)
        return ACCEL_OK;
    if (a == NULL)
        return error_no_memory(err, "a profile", 0);
    str_append(
        out,
        "<h2>Where the time goes</h2>\n<p class=\"soft\">Frames: one run from left to right, the scopes of the nodes' "
        "names from top to bottom; a pointer on a frame shows its figures. Shares are of the machine's roofline as "
        "measured here.</p>\n");
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        char subject[256], runner[96];
        arena_reset(a);
        str_append(out, "<section class=\"card\"><h3>");
        html_textf(out, "%s: %s", record_subject(cases[i].record, subject, sizeof subject),
                   record_runner(cases[i].record, runner, sizeof runner));
        str_append(out, "</h3>\n");
        status = section(&cases[i], rows, a, out, err);
        str_append(out, "</section>\n");
    }
    arena_destroy(a);
    return status != ACCEL_OK ? status
           : out->failed      ? error_no_memory(err, "a profile", out->length)
                              : ACCEL_OK;
}

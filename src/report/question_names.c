#include "report/question_names.h"

#include "report/result_table.h"

static const struct {
    const char *key;
    const char *before, *after; /* how its value is said */
} names[NAME_COUNT] = {
    [NAME_MODEL] = {"model", "", ""},
    [NAME_WEIGHTS] = {"weights", "", " weights"},
    [NAME_PLATFORM] = {"platform", "", ""},
    [NAME_ENGINE] = {"engine", "", ""},
    [NAME_DEVICE] = {"device", "", ""},
    [NAME_VERSION] = {"engine_version", "version ", ""},
    [NAME_PRECISION] = {"precision", "", ""},
    [NAME_BATCH] = {"batch", "batch ", ""},
    [NAME_SEQUENCE] = {"sequence", "sequence ", ""},
    [NAME_SHAPES] = {"shapes", "", ""},
    [NAME_THREADS] = {"threads", "", " threads"},
    [NAME_MODE] = {"mode", "", ""},
    [NAME_SCENARIO] = {"scenario", "", ""},
    [NAME_PROVENANCE] = {"provenance", "", ""},
};

const store_cell *answer_cell_of(const store_result *answer, size_t row, size_t column) {
    static const store_cell none = {.type = STORE_NULL};
    return column == SIZE_MAX ? &none : &answer->cells[row * answer->column_count + column];
}

void answer_names_of(const store_result *answer, answer_names *out) {
    *out = (answer_names){.answer = answer};
    for (size_t c = 0; c < NAME_COUNT; c++) {
        out->columns[c] = result_column(answer, names[c].key);
        for (size_t row = 1; row < answer->row_count; row++) {
            if (!str_equal(answer_cell_of(answer, row, out->columns[c])->text,
                           answer_cell_of(answer, 0, out->columns[c])->text)) {
                out->varying |= NAME_BIT(c);
                break;
            }
        }
    }
}

void append_names(const answer_names *n, size_t row, unsigned columns, str_buf *out) {
    size_t before = out->length;
    for (size_t c = 0; c < NAME_COUNT; c++) {
        const store_cell *cell = answer_cell_of(n->answer, row, n->columns[c]);
        bool said = c == NAME_ENGINE && (columns & NAME_BIT(NAME_PLATFORM)) && /* "openvino" once */
                    str_equal(cell->text, answer_cell_of(n->answer, row, n->columns[NAME_PLATFORM])->text);
        if (!(columns & NAME_BIT(c)) || cell->type == STORE_NULL || said)
            continue;
        bool runner = c == NAME_ENGINE && (columns & NAME_BIT(NAME_PLATFORM));
        str_append(out, out->length == before ? "" : runner ? " " : ", ");
        str_appendf(out, "%s%s%s", names[c].before, cell->text, names[c].after);
    }
}

/*   {"accel_answers": 1, "answers": [{"question", "key", "asked_at", "answer"}]}
 * with the answer as the child wrote it. It holds as long as its key is the same. */
#include "hw/answers.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/posix/io.h"
#include "base/version.h"
#include "hw/ask.h"
#include "hw/report.h"
#include "hw/vendor.h"

enum { ANSWERS_VERSION = 1, ANSWERS_BYTES = 16 << 20 };

/* ---- the file ----------------------------------------------------------------------------------------------------------- */

void answers_open(answer_book *book, const char *path) {
    *book = (answer_book){.path = path};
    if (path && json_read(path, ANSWERS_BYTES, &book->doc, NULL) != ACCEL_OK)
        book->doc = NULL;
    yyjson_val *root = book->doc ? yyjson_doc_get_root(book->doc) : NULL;
    if (root && yyjson_get_int(yyjson_obj_get(root, "accel_answers")) != ANSWERS_VERSION) {
        yyjson_doc_free(book->doc);
        book->doc = NULL;
    }
}

void answers_close(answer_book *book, bool whole) {
    str_buf folder = {0};
    if (whole && book->fresh.length > 0) {
        str_append(&book->fresh, "]}\n");
        file_dir_name(&folder, book->path);
        if (!book->fresh.failed && !folder.failed && file_make_folders(folder.data, NULL) == ACCEL_OK)
            (void)file_replace(book->path, book->fresh.data, book->fresh.length, NULL);
    }
    str_free(&folder);
    str_free(&book->fresh);
    yyjson_doc_free(book->doc);
}

/* ---- keys --------------------------------------------------------------------------------------------------------------- */

static void append_line(str_buf *out, const char *name, const char *text) {
    str_appendf(out, "%s %s\n", name, text ? text : "-");
}

/* Whether evidence is of one of the libraries: it reads otherwise where they are asked. */
static bool is_library(const hw_probe *probe, const char *subject) {
    for (size_t i = 0; probe->questions[i]; i++)
        for (size_t k = 0; probe->questions[i]->libraries && probe->questions[i]->libraries[k]; k++)
            if (str_equal(subject, probe->questions[i]->libraries[k]))
                return true;
    return false;
}

const char *answers_base(hw_source *s, hw_report *r, const hw_probe *probe) {
    str_buf out = {0};
    append_line(&out, "program", accel_git_commit());
    append_line(&out, "kernel", r->kernel);
    append_line(&out, "LD_LIBRARY_PATH", hw_variable_value(s, "LD_LIBRARY_PATH"));
    for (size_t i = 0; i < r->variable_count; i++)
        append_line(&out, r->variables[i].name, r->variables[i].value);
    for (size_t i = 0; i < r->device_count; i++) {
        const hw_device *d = &r->devices[i];
        if (d->kind != HW_BROWSER)
            str_appendf(&out, "device %s %lld %s %s %s %s\n", d->pci ? d->pci : "-", (long long)d->partition,
                        hw_state_name(d->state), d->driver ? d->driver : "-",
                        d->driver_version ? d->driver_version : "-", d->reason ? d->reason : "-");
    }
    for (size_t i = 0; i < r->evidence_count; i++) { /* of the system's files */
        const hw_evidence *e = &r->evidence[i];
        if (str_equal(e->probe, probe->name) && e->subject[0] == '/' && !is_library(probe, e->subject))
            append_line(&out, e->subject, e->finding);
    }
    const char *text = out.failed ? NULL : arena_strdup(r->arena, str_text(&out));
    str_free(&out);
    return text;
}

/* Path, size and time of each of the question's libraries that is there. */
static size_t append_libraries(hw_source *s, hw_report *r, const hw_question *question, str_buf *out) {
    struct stat facts;
    size_t which = 0, found = 0;
    const char *const *names = question->libraries;
    for (; names && names[0]; names += names[which] ? which + 1 : which) {
        const char *path = vendor_find_library(s, r, names, &which);
        if (!path || io_stat(path, &facts) != 0)
            continue;
        str_appendf(out, "%s %lld %lld.%09ld\n", path, (long long)facts.st_size,
                    (long long)facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
        found++;
    }
    return found;
}

/* The base and the libraries up to that of question `index`, to which the answers before were told. False: its own is not there. */
static bool append_key(hw_source *s, hw_report *r, const hw_probe *probe, size_t index, const char *base,
                       str_buf *out) {
    size_t found = 0;
    str_append(out, base);
    for (size_t i = 0; i <= index; i++)
        found = append_libraries(s, r, probe->questions[i], out);
    return found > 0 && !out->failed;
}

/* ---- keeping and recalling ------------------------------------------------------------------------------------------------ */

static void keep(answer_book *book, const char *question, const char *key, const char *answer) {
    char now[CLOCK_UTC_TEXT_BYTES];
    if (book->fresh.length == 0)
        str_appendf(&book->fresh, "{\"accel_answers\":%d,\"answers\":[", ANSWERS_VERSION);
    else
        str_append_char(&book->fresh, ',');
    str_append(&book->fresh, "\n{\"question\":");
    json_append_text(&book->fresh, question);
    str_append(&book->fresh, ",\"key\":");
    json_append_text(&book->fresh, key);
    str_append(&book->fresh, ",\"asked_at\":");
    json_append_text(&book->fresh, clock_utc_text(clock_utc_us(), now));
    str_append(&book->fresh, ",\"answer\":");
    json_append_text(&book->fresh, answer);
    str_append_char(&book->fresh, '}');
}

void answers_keep(answer_book *book, hw_source *s, hw_report *r, const hw_probe *probe, const char *base) {
    char name[64];
    for (size_t i = 0; book->path && base && probe->questions[i]; i++) {
        str_buf key = {0};
        const char *answer = hw_answer(s, question_answer_name(probe->questions[i], name));
        if (answer && !probe->questions[i]->measures && append_key(s, r, probe, i, base, &key))
            keep(book, probe->questions[i]->name, key.data, answer);
        str_free(&key);
    }
}

static accel_status recall(const answer_book *book, hw_report *r, const char *question, const char *key,
                           accel_error *err) {
    yyjson_arr_iter all = yyjson_arr_iter_with(yyjson_obj_get(yyjson_doc_get_root(book->doc), "answers"));
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&all));) {
        const char *answer = json_text(yyjson_obj_get(one, "answer")),
                   *asked_at = json_text(yyjson_obj_get(one, "asked_at"));
        if (!answer || !asked_at || !str_equal(json_text(yyjson_obj_get(one, "question")), question) ||
            !str_equal(json_text(yyjson_obj_get(one, "key")), key))
            continue;
        accel_status status = report_merge_remembered(r, answer, strlen(answer), asked_at, err);
        return status == ACCEL_OUT_OF_MEMORY ? status : ACCEL_OK; /* a damaged one is as none */
    }
    return ACCEL_OK;
}

accel_status answers_recall(const answer_book *book, hw_source *s, hw_report *r, const hw_probe *probe,
                            const char *base, accel_error *err) {
    accel_status status = ACCEL_OK;
    for (size_t i = 0; book->doc && base && probe->questions[i] && status == ACCEL_OK; i++) {
        str_buf key = {0};
        if (append_key(s, r, probe, i, base, &key))
            status = recall(book, r, probe->questions[i]->name, key.data, err);
        str_free(&key);
    }
    return status;
}

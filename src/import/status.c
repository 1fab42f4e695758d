#include "import/status.h"

#include <string.h>

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool begins_with(const char *text, const char *word) {
    while (*word != '\0' && lower(*text) == *word) {
        text++;
        word++;
    }
    return *word == '\0' && !(lower(*text) >= 'a' && lower(*text) <= 'z');
}

static bool holds(const char *text, const char *words) {
    size_t length = strlen(words);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && lower(text[i]) == words[i])
            i++;
        if (i == length)
            return true;
    }
    return false;
}

old_status status_of_text(const char *text) {
    static const struct {
        const char *word;
        old_status status;
    } words[] = {
        {"success", STATUS_PASS},
        {"successful", STATUS_PASS},
        {"succeeded", STATUS_PASS},
        {"completed", STATUS_PASS},
        {"complete", STATUS_PASS},
        {"ok", STATUS_PASS},
        {"pass", STATUS_PASS},
        {"passed", STATUS_PASS},
        {"real", STATUS_PASS},
        {"mock", STATUS_PASS},
        {"ready", STATUS_PASS},
        {"done", STATUS_PASS},
        {"failed", STATUS_FAIL},
        {"fail", STATUS_FAIL},
        {"failure", STATUS_FAIL},
        {"error", STATUS_ERROR},
        {"errored", STATUS_ERROR},
        {"exception", STATUS_ERROR},
        {"crashed", STATUS_ERROR},
        {"timeout", STATUS_TIMEOUT},
        {"timed out", STATUS_TIMEOUT},
        {"timed_out", STATUS_TIMEOUT},
        {"skip", STATUS_SKIP},
        {"skipped", STATUS_SKIP},
        {"not tested", STATUS_SKIP},
        {"not run", STATUS_SKIP},
        {"unsupported", STATUS_UNSUPPORTED},
        {"not supported", STATUS_UNSUPPORTED},
        {"incompatible", STATUS_UNSUPPORTED},
        {"not available", STATUS_ABSENT},
        {"unavailable", STATUS_ABSENT},
        {"missing", STATUS_ABSENT},
        {"not found", STATUS_ABSENT},
        {"not_available", STATUS_ABSENT},
        {"simulated", STATUS_PASS},
        {"simulation", STATUS_PASS},
    };
    if (text == NULL)
        return STATUS_NONE;
    text += strspn(text, " \t([");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (begins_with(text, words[i].word))
            return words[i].status;
    /* "Apple Silicon not available": short sentences that end so */
    size_t length = strlen(text);
    if (length > 80)
        return STATUS_NONE;
    const char *const absent[] = {"not available", "not installed", "not found", "unavailable"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (holds(text, absent[i]))
            return STATUS_ABSENT;
    return holds(text, "not supported") || holds(text, "unsupported") ? STATUS_UNSUPPORTED
           : holds(text, "not tested")                                ? STATUS_SKIP
                                                                      : STATUS_NONE;
}

old_status status_of(yyjson_val *object) {
    int flag;
    double code;
    yyjson_val *v = value_any(object, "status|test_status|state|outcome|result");
    old_status s =
        yyjson_is_bool(v) ? (yyjson_get_bool(v) ? STATUS_PASS : STATUS_FAIL) : status_of_text(json_text(v));
    if (s == STATUS_NONE && value_flag(value_any(object, "success|passed|is_success|ok"), &flag))
        s = flag ? STATUS_PASS : STATUS_FAIL;
    if (s == STATUS_NONE && value_number(value_any(object, "return_code|exit_code|returncode"), &code))
        s = code == 0 ? STATUS_PASS : STATUS_FAIL;
    return s;
}

const char *status_for_integration(old_status s) {
    static const char *const names[] = {
        [STATUS_NONE] = NULL,          [STATUS_PASS] = "pass",  [STATUS_FAIL] = "fail",
        [STATUS_ERROR] = "error",      [STATUS_SKIP] = "skip",  [STATUS_TIMEOUT] = "error",
        [STATUS_UNSUPPORTED] = "skip", [STATUS_ABSENT] = "skip"};
    return names[s];
}

case_status status_for_record(old_status s, const char *error) {
    if (s == STATUS_PASS)
        return CASE_OK;
    if (error != NULL && (holds(error, "out of memory") || holds(error, "outofmemory")))
        return CASE_OUT_OF_MEMORY;
    return s == STATUS_TIMEOUT       ? CASE_TIMEOUT
           : s == STATUS_UNSUPPORTED ? CASE_UNSUPPORTED
           : s == STATUS_ABSENT      ? CASE_ABSENT
           : s == STATUS_SKIP        ? CASE_CANCELLED
                                     : CASE_ERROR;
}

const char *status_error_text(const import_context *c, yyjson_val *object) {
    yyjson_val *v = value_any(object, "error|error_message|error_msg|exception|failure_reason|errors");
    if (yyjson_is_obj(v))
        v = value_any(v, "message|error|error_message");
    if (yyjson_is_arr(v))
        v = yyjson_arr_get_first(v);
    return value_text(c, v);
}

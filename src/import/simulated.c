#include "import/simulated.h"

#include <string.h>

#include "import/remembered.h"
#include "import/value.h"

enum { MOST_DEPTH = 24, SHOWN_BYTES = 120 };

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool matches_word(const char *at, const char *word) {
    for (; *word != '\0'; at++, word++)
        if ((is_upper(*at) ? *at + 'a' - 'A' : *at) != *word)
            return false;
    return true;
}

/* Where a word begins: after no letter, or at the hump of MagicMock. */
static bool begins_word(const char *text, const char *at) {
    return at == text || !is_letter(at[-1]) || (is_upper(*at) && !is_upper(at[-1]));
}

/* The length of mock, mocked, mocking, mocks, simulated, simulation, simulating at `at`, else 0. A simulator is a device. */
static size_t evidence_length(const char *at) {
    static const char *const words[] = {"mocked",      "mocking",    "mocks",      "mock",     "simulated",
                                        "simulations", "simulation", "simulating", "simulates"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (matches_word(at, words[i]) && (!is_letter(at[length]) || is_upper(at[length])))
            return length;
    }
    return 0;
}

/* "not mocked", "no simulation", "non-simulated", "without mocks": the word before it denies it. */
static bool is_denied_before(const char *text, const char *at) {
    static const char *const denials[] = {"not", "no", "non", "without", "never", "disable", "disabled"};
    const char *end = at;
    while (end > text && (end[-1] == ' ' || end[-1] == '-' || end[-1] == '_'))
        end--;
    const char *begin = end;
    while (begin > text && is_letter(begin[-1]))
        begin--;
    for (size_t i = 0; i < sizeof denials / sizeof *denials; i++)
        if ((size_t)(end - begin) == strlen(denials[i]) && matches_word(begin, denials[i]))
            return true;
    return false;
}

/* "mocked: False", "simulation=0", and the standard library's unittest.mock in a traceback. */
static bool is_denied_after(const char *text, const char *at, const char *end) {
    if (at - text >= 9 && (matches_word(at - 9, "unittest.") || matches_word(at - 9, "unittest/") ||
                           matches_word(at - 9, "unittest\\")))
        return true;
    end += strspn(end, " \t'\"");
    if (*end != ':' && *end != '=')
        return false;
    end += strspn(end, ":= \t'\"");
    return matches_word(end, "false") || matches_word(end, "no") || matches_word(end, "none") ||
           (*end == '0' && end[1] != '.');
}

static const char *find_word(const char *text) {
    for (const char *at = text; (at = strpbrk(at, "mMsS")) != NULL; at++) {
        size_t length = begins_word(text, at) ? evidence_length(at) : 0;
        if (length > 0 && !is_denied_before(text, at) && !is_denied_after(text, at, at + length))
            return at;
    }
    return NULL;
}

/* The line around the word, cut to what fits a sentence. */
static const char *say_text(const import_context *c, const char *key, const char *text, const char *at) {
    const char *begin = at, *end = at;
    while (begin > text && begin[-1] != '\n' && at - begin < SHOWN_BYTES / 4)
        begin--;
    while ((*begin & 0xC0) == 0x80) /* not in the middle of a character */
        begin++;
    while (*end != '\0' && *end != '\n' && *end != '\r' && end - begin < SHOWN_BYTES)
        end++;
    while ((*end & 0xC0) == 0x80)
        end--;
    return arena_printf(c->arena, "%.80s says \"%.*s\"", key, (int)(end - begin), begin);
}

typedef enum key_class { KEY_PLAIN, KEY_FLAG, KEY_INPUT } key_class;

static key_class read_class(const char *key) {
    static const char *const flags[] = {
        "simulated", "is_simulated", "is_simulation", "simulation", "simulation_mode", "is_mock",
        "mock",      "mocked",       "using_mock",    "use_mock",   "mock_mode",       "transformers_mocked",
        "simulate",  "is_mocked",    "used_mock"};
    /* What the model was given or is called says nothing of how it ran. */
    static const char *const inputs[] = {"input", "inputs",     "prompt",     "prompts",
                                         "text",  "test_texts", "filename",   "file",
                                         "path",  "command",    "model_name", "model"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (str_equal(flags[i], key))
            return KEY_FLAG;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (str_equal(inputs[i], key))
            return KEY_INPUT;
    return KEY_PLAIN;
}

static key_class class_of(const char *key) {
    static _Thread_local remembered_keys keys;
    static _Thread_local key_class classes[REMEMBERED_SLOTS];
    bool fresh;
    size_t slot = remembered_slot(keys, key, &fresh);
    if (slot == REMEMBERED_SLOTS)
        return read_class(key);
    if (fresh)
        classes[slot] = read_class(key);
    return classes[slot];
}

static const char *scan_scalar(const import_context *c, const char *key, yyjson_val *v) {
    int flag = 0;
    key_class class = class_of(key);
    if (class == KEY_FLAG && value_flag(v, &flag))
        return flag ? arena_printf(c->arena, "%s is true", key) : NULL;
    const char *text = class == KEY_INPUT ? NULL : value_text(c, v),
               *at = text != NULL ? find_word(text) : NULL;
    return at != NULL ? say_text(c, key, text, at) : NULL;
}

static const char *scan(const import_context *c, const char *key, yyjson_val *v, const char *platform,
                        int depth) {
    const char *found = NULL;
    size_t i, count;
    yyjson_val *name, *value;
    if (depth > MOST_DEPTH)
        return NULL;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value) {
            if (yyjson_is_num(value))
                return NULL; /* samples: not one of them is a word */
            if ((found = scan(c, key, value, platform, depth + 1)) != NULL)
                return found;
        }
        return NULL;
    }
    if (!yyjson_is_obj(v))
        return scan_scalar(c, key, v);
    if (value_is_of_another(v, platform))
        return NULL;
    yyjson_obj_foreach(v, i, count, name, value) {
        const char *own = platform != NULL ? value_platform_prefix(yyjson_get_str(name)) : NULL;
        if (own != NULL && !str_equal(own, platform))
            continue;
        if ((found = scan(c, yyjson_get_str(name), value, platform, depth + 1)) != NULL)
            return found;
    }
    return NULL;
}

const char *simulated_evidence(const import_context *c, yyjson_val *v, const char *platform) {
    return v != NULL ? scan(c, "", v, platform, 0) : NULL;
}

static const char *scan_flat(const import_context *c, yyjson_val *object) {
    size_t i, count;
    yyjson_val *name, *value;
    const char *found = NULL;
    if (!yyjson_is_obj(object))
        return NULL;
    yyjson_obj_foreach(object, i, count, name, value) {
        const char *key = yyjson_get_str(name);
        if (yyjson_is_ctn(value) || value_platform_prefix(key) != NULL)
            continue;
        if ((found = scan_scalar(c, key, value)) != NULL)
            return found;
    }
    return NULL;
}

const char *simulated_around(const import_context *c, yyjson_val *object) {
    static const char *const places[] = {"metadata",    "platform_support", "system_info", "summary",
                                         "environment", "config",           "options"};
    const char *found = scan_flat(c, object);
    for (size_t i = 0; found == NULL && i < sizeof places / sizeof *places; i++)
        found = scan_flat(c, value_any(object, places[i]));
    return found;
}

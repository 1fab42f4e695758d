#include "engines/start.h"

#include "base/str.h"

static const struct {
    const char *name, *test_type, *member, *variable;
    bool usual;
} known[] = {
#define WEB_FEATURE_ROW(symbol, name, type, member, variable, usual) {name, type, member, variable, usual},
    WEB_FEATURE_LIST(WEB_FEATURE_ROW)
#undef WEB_FEATURE_ROW
};

const char *web_feature_name(web_feature f) {
    return known[f].name;
}

const char *web_feature_test_type(web_feature f) {
    return known[f].test_type;
}

bool web_feature_from_name(const char *name, web_feature *out) {
    for (size_t f = 0; f < WEB_FEATURE_COUNT; f++)
        if (str_equal(known[f].name, name)) {
            *out = (web_feature)f;
            return true;
        }
    return false;
}

/* 1, 0, or -1 for a word that says neither. */
static int switched(const char *word) {
    static const char *const words[2][4] = {{"0", "false", "no", "off"}, {"1", "true", "yes", "on"}};
    for (int on = 0; on < 2; on++)
        for (size_t i = 0; i < 4; i++)
            if (str_equal(words[on][i], word))
                return on;
    return -1;
}

accel_status web_features_default(char *(*environment)(const char *name), uint32_t *out, accel_error *err) {
    *out = 0;
    for (size_t f = 0; f < WEB_FEATURE_COUNT; f++) {
        const char *word = environment != NULL ? environment(known[f].variable) : NULL;
        int on = word != NULL && *word != '\0' ? switched(word) : known[f].usual;
        if (on < 0)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "%s is '%.40s'; it can be 1 or 0",
                             known[f].variable, word);
        *out |= (uint32_t)on << f;
    }
    return ACCEL_OK;
}

void web_features_append(uint32_t features, str_buf *json) {
    str_append(json, "\"features\":{");
    for (size_t f = 0; f < WEB_FEATURE_COUNT; f++)
        str_appendf(json, "%s\"%s\":%s", f > 0 ? "," : "", known[f].member,
                    (features >> f & 1) != 0 ? "true" : "false");
    str_append_char(json, '}');
}

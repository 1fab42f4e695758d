#include <string.h>

#include "zoo/class.h"

/* One line a class. */
static const zoo_class classes[] = {
    {"bert", "text", "bert.", zoo_bert_build},
};

enum { CLASS_COUNT = sizeof classes / sizeof classes[0] };

/* "BertForMaskedLM" belongs to "bert". */
static bool architecture_of(const char *architecture, const char *family) {
    for (; *family; family++, architecture++) {
        char c = *architecture;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c != *family)
            return false;
    }
    return *architecture >= 'A' && *architecture <= 'Z';
}

static accel_status unknown_class(const char *what, accel_error *err) {
    str_buf known = {0};
    for (size_t i = 0; i < CLASS_COUNT; i++)
        str_appendf(&known, "%s%s", i ? ", " : "", classes[i].family);
    accel_status status = error_set(
        err, ACCEL_UNSUPPORTED, "model class '%s' is not supported; known are: %s", what, str_text(&known));
    str_free(&known);
    return status;
}

accel_status zoo_class_find(hf_config *config, const zoo_class **out, accel_error *err) {
    const char *type = hf_config_string(config, "model_type", "");
    const char *architecture = hf_config_architecture(config);
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        *out = &classes[i];
        if (strcmp(type, classes[i].family) == 0 ||
            (!type[0] && architecture_of(architecture, classes[i].family)))
            return ACCEL_OK;
    }
    /* Some old BERT files say neither; these two fields are BERT's alone. */
    if (!type[0] && !architecture[0] && hf_config_has(config, "type_vocab_size") &&
        hf_config_has(config, "intermediate_size")) {
        *out = &classes[0];
        return ACCEL_OK;
    }
    return unknown_class(type[0] ? type : architecture, err);
}

/* Llama and Mistral. In: input_ids, attention_mask, int64 [batch, sequence]. Out: logits [batch, sequence, vocabulary]. */
#include "zoo/classes.h"
#include "zoo/llama.h"

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    bool mistral = str_starts_with(z->architecture, "Mistral");
    return zoo_llama_build(b, z, mistral ? ZOO_MISTRAL : ZOO_LLAMA, err);
}

static const zoo_model_type model_types[] = {
    {"llama", "LlamaForCausalLM"}, {"mistral", "MistralForCausalLM"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {
    {"LlamaForCausalLM", 0}, {"MistralForCausalLM", 0}, {NULL, 0}};
static const zoo_fixed fixed[] = {{"mlp_bias", "false"}, {"pretraining_tp", "1"}, {NULL, NULL}};

const zoo_class zoo_class_llama = {.family = "llama",
                                   .modality = "text",
                                   .model_types = model_types,
                                   .architectures = architectures,
                                   .fixed = fixed,
                                   .build = build};

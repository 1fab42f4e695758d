/* Qwen2 and Qwen3. In: input_ids, attention_mask, int64 [batch, sequence]. Out: logits [batch, sequence, vocabulary]. */
#include "zoo/classes.h"
#include "zoo/llama.h"

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    return zoo_llama_build(b, z, z->head == 3 ? ZOO_QWEN3 : ZOO_QWEN2, err);
}

static const zoo_model_type model_types[] = {
    {"qwen2", "Qwen2ForCausalLM"}, {"qwen3", "Qwen3ForCausalLM"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"Qwen2ForCausalLM", 2}, {"Qwen3ForCausalLM", 3}, {NULL, 0}};

const zoo_class zoo_class_qwen2 = {.family = "qwen2",
                                   .modality = "text",
                                   .model_types = model_types,
                                   .architectures = architectures,
                                   .build = build};

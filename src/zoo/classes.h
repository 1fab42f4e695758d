/* One line a class: each is in a file of its name. */
#ifndef ACCEL_ZOO_CLASSES_H
#define ACCEL_ZOO_CLASSES_H

#include "zoo/class.h"

extern const zoo_class zoo_class_bert;
extern const zoo_class zoo_class_clap;
extern const zoo_class zoo_class_clip;
extern const zoo_class zoo_class_detr;
extern const zoo_class zoo_class_gpt2;
extern const zoo_class zoo_class_llama;
extern const zoo_class zoo_class_llava;
extern const zoo_class zoo_class_llava_next;
extern const zoo_class zoo_class_llava_onevision;
extern const zoo_class zoo_class_opt;
extern const zoo_class zoo_class_qwen2;
extern const zoo_class zoo_class_qwen2_vl;
extern const zoo_class zoo_class_qwen3_vl;
extern const zoo_class zoo_class_resnet;
extern const zoo_class zoo_class_t5;
extern const zoo_class zoo_class_vit;
extern const zoo_class zoo_class_wav2vec2;
extern const zoo_class zoo_class_whisper;
extern const zoo_class zoo_class_xclip;

#endif

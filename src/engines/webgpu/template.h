/* Texts of kernels: WGSL with words that the caller replaces, and lines that stand for others.
 *     enable …;            at the text's beginning: stays there
 *     $WORD                what template_define says
 *     $read NAME: TYPE     an array in storage that is read
 *     $write NAME: TYPE    one that is written; bindings count from 1, in the order of these lines
 *     $each NAME of COUNT {  the head of main where an invocation makes one of p.COUNT things, NAME of them (gpu_run runs so many)
 *     $for i 4 … $end      the lines between four times, with 0 to 3 for $i: software adapters unroll no loops, and keep in memory what is indexed
 * Binding 0 is `p`, the uniform Parameters that the text declares. */
#ifndef ACCEL_ENGINES_WEBGPU_TEMPLATE_H
#define ACCEL_ENGINES_WEBGPU_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Puts `value` in the place of every $word. */
void template_define(str_buf *text, const char *word, const char *value);
/* Makes WGSL of it. half: bit i for the binding i + 1, whose memory holds f16 where the text says f32: what is read of it becomes f32, what is written
 * f16, by "NAME[INDEX] = VALUE;" and no other assignment. written: bit i for the binding i + 1. False: a line that is none of the above, or memory ended (text->failed). */
bool template_expand(str_buf *text, uint32_t half, uint32_t *binding_count, uint32_t *written);

#endif

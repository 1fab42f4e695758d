/* Which instruction set the kernels run in: the best one of this CPU, or the one that the environment variable ACCEL_ISA names. */
#ifndef ACCEL_ENGINES_NATIVE_ISA_H
#define ACCEL_ENGINES_NATIVE_ISA_H

#include "engines/native/kernel.h"

/* Kernel tables compiled into this program, best first. */
size_t isa_count(void);
const kernel_table *isa_at(size_t index);
bool isa_runs_here(const kernel_table *table);
/* *extensions: cpu_extensions that may be used with it. ACCEL_ISA=avx512f is the table avx512 without any. ACCEL_UNSUPPORTED when
 * ACCEL_ISA names one that is unknown or that this CPU lacks. */
accel_status isa_choose(const kernel_table **out, uint32_t *extensions, accel_error *err);
/* "avx512+vnni+bf16" */
const char *isa_text(const kernel_table *table, uint32_t extensions, char *buffer, size_t size);
/* Model name of the CPU, where it can be asked; else "CPU". The text lives as long as the program. */
const char *isa_cpu_name(void);

#endif

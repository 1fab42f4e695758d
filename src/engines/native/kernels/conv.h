/* What the families of convolutions share. */
#ifndef ACCEL_ENGINES_NATIVE_KERNELS_CONV_H
#define ACCEL_ENGINES_NATIVE_KERNELS_CONV_H

#include "engines/native/kernels/gemm.h"

#define conv_geometry ISA_NAME(conv_geometry)
/* The window of the step's convolution of input 0, or with `transposed` of its ConvTranspose, but for its strides; false where it has
 * none. */
bool conv_geometry(const kernel_call *c, const shape *weights, bool transposed, gemm_window *g);

#endif

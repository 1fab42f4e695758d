/* Energy counters: RAPL of the CPU packages, NVML of an NVIDIA device. Where there is none, the figure is absent. Private to measure/. */
#ifndef ACCEL_MEASURE_ENERGY_H
#define ACCEL_MEASURE_ENERGY_H

#include "engines/engine.h"

typedef struct energy_meter energy_meter;

/* NULL where nothing can be read (no counter, no right to read it). Both counters for a CUDA device: the CPU works too. */
energy_meter *energy_open(const engine_device *device);
double energy_since_open_j(energy_meter *m); /* grows; NAN for NULL */
void energy_close(energy_meter *m);          /* accepts NULL */

#endif

/* Private to hw/: hwloc loaded for a source, its plugins kept out. */
#ifndef ACCEL_HW_HWLOC_LOAD_H
#define ACCEL_HW_HWLOC_LOAD_H

#include <hwloc.h>

#include "hw/source.h"

/* A loaded topology with the processors that control groups withhold; NULL when hwloc cannot. hwloc_topology_destroy it. */
hwloc_topology_t hwloc_load(const hw_source *s);

#endif

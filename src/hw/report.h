/* Private to hw/: limits of a report, and the parts of its JSON that captures share. */
#ifndef ACCEL_HW_REPORT_H
#define ACCEL_HW_REPORT_H

#include "hw/hw.h"

enum { HW_MOST_DEVICES = 1024, HW_MOST_EVIDENCE = 4096, HW_MOST_FACTS = 256 };

hw_device *hw_report_find(hw_report *r, const char *pci); /* NULL: no device there */

/* Kinds, caches and NUMA nodes as members of an object, each with a comma before it; topology.c reads them back. */
void topology_write_json(const hw_cpu *cpu, str_buf *out);

void json_append_member_text(str_buf *out, const char *key, const char *text); /* ,"key":"text" or null */
void json_append_member_integer(str_buf *out, const char *key,
                                int64_t value); /* ,"key":1, null when unknown */

#endif

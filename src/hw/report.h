/* Private to hw/: limits of a report, and the parts of its JSON that captures share. */
#ifndef ACCEL_HW_REPORT_H
#define ACCEL_HW_REPORT_H

#include "hw/hw.h"

enum { HW_MOST_DEVICES = 1024, HW_MOST_EVIDENCE = 4096, HW_MOST_FACTS = 256 };

/* The device, or part of one, at an address; without an address, the one that this probe calls by this id. NULL: none. */
hw_device *report_find(hw_report *r, const char *pci, int64_t partition, const char *probe, const char *id);
const char *report_fact(const hw_device *d, const char *name); /* NULL: it has no such fact */
/* The devices that differ from those of `before` at the same place in the list (NULL: all, browsers left out) as an array, with what is private
 * to hw/; and the evidence as a member. */
void report_write_devices(const hw_report *r, const hw_report *before, str_buf *out);
void report_write_evidence(const hw_report *r, str_buf *out);
/* As hw_report_merge_json, of an answer that was given at asked_at: without figures that change by the second. */
accel_status report_merge_remembered(hw_report *r, const char *json, size_t length, const char *asked_at,
                                     accel_error *err);

/* Kinds, caches and NUMA nodes as members of an object, each with a comma before it; topology.c reads them back. */
void topology_write_json(const hw_cpu *cpu, str_buf *out);

void json_append_member_text(str_buf *out, const char *key, const char *text); /* ,"key":"text" or null */
void json_append_member_integer(str_buf *out, const char *key,
                                int64_t value); /* ,"key":1, null when unknown */

#endif

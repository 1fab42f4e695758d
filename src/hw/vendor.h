/* What the probes of vendors share: looking for a library, loading it, taking its functions, text that it wrote. Private to hw/. */
#ifndef ACCEL_HW_VENDOR_H
#define ACCEL_HW_VENDOR_H

#include "base/library.h"
#include "hw/hw.h"
#include "hw/probes.h"

/* ---- in `run`: by files ------------------------------------------------------------------------------------------------- */

/* Where the system's loader would find the first of `names` (NULL-terminated) that is there, as far as text files tell: LD_LIBRARY_PATH,
 * /etc/ld.so.conf.d, the usual folders. NULL: none. Lives as long as the report's arena. */
const char *vendor_find_library(hw_source *s, hw_report *r, const char *const *names, size_t *which);
/* A line of evidence for the first of `names` (NULL-terminated) that is found, or one that names them all; none of what is absent where `ask`
 * follows and says so better. */
accel_status vendor_note_library(hw_source *s, const hw_options *options, hw_report *r, const char *probe,
                                 const char *const *names, bool *found);
/* A line for a file or folder that only has to exist. */
accel_status vendor_note_path(hw_source *s, hw_report *r, const char *probe, const char *path,
                              const char *absent, bool *found);

/* A device awaits the word of its vendor's library, and is not probed until then. who: "NVIDIA's library". */
void vendor_await(hw_report *r, hw_device *d, const char *who);
/* What is known of it now; it awaits nothing. */
void vendor_set_state(hw_device *d, hw_state state, const char *reason, const char *remedy);
/* The devices of this probe that still await its library's word get this state. */
void vendor_judge_others(hw_report *r, const char *probe, hw_state state, const char *reason,
                         const char *remedy);
/* "X=value leaves it out". */
const char *vendor_left_out(arena *a, const char *variable, const char *value);
/* Hidden by that. */
void vendor_hide(hw_report *r, hw_device *d, const char *variable, const char *value);
/* All that still await their library's word are, where the variable is set. False: it is not. In `ask`. */
bool vendor_hide_others(hw_report *r, const char *probe, const char *variable);
/* Evidence of how many devices the library of that name offers this process; missing: functions that it lacks, or NULL. */
accel_status vendor_note_offer(hw_report *r, const char *probe, const char *name, const char *version,
                               int count, const char *missing);

/* The value of "key: value" in a text of lines; copied into the arena, blanks around it cut. NULL: no such line, or nothing in it. */
const char *vendor_line_value(arena *a, const char *text, const char *key);
/* The number after "key " in a text of lines; HW_UNKNOWN. */
int64_t vendor_line_number(const char *text, const char *key);
/* The same for identifiers of 64 bits; 0: no such line. */
uint64_t vendor_line_unsigned(const char *text, const char *key);
/* The first word that reads as a version ("550.54.14") in text; NULL. */
const char *vendor_version_in(arena *a, const char *text);

/* ---- in `ask`: by the library ------------------------------------------------------------------------------------------- */

/* Loads the first of `names` (NULL-terminated) that the loader finds, and says which. *out is NULL when none loads: then the evidence says why. */
accel_status vendor_open(hw_report *r, const char *probe, const char *const *names, library **out,
                         const char **name);

/* A function to take from a library: where its pointer lies in the caller's structure, its name, and the name it had before. */
typedef struct vendor_symbol {
    size_t offset;
    const char *name, *older;
} vendor_symbol;

/* Takes what is there; what is not stays NULL. Returns the missing names joined by ", ", or NULL when none is missing. */
const char *vendor_bind(const library *l, const vendor_symbol *symbols, size_t count, void *functions,
                        arena *a);

/* Bytes that a library wrote, which may lack the NUL: the text up to it, trimmed; NULL when nothing readable is left. */
const char *vendor_text(arena *a, const char *bytes, size_t size);
/* "0000:01:00.0"; NULL when memory ends. */
const char *vendor_pci(arena *a, uint64_t domain, uint64_t bus, uint64_t device, uint64_t function);
/* A variable of this process as printable text; NULL: not set. In `ask`, where no source is. */
const char *vendor_variable(arena *a, const char *name);
/* 8-4-4-4-12 hexadecimal digits behind a prefix; NULL when all bytes are 0. */
const char *vendor_uuid(arena *a, const char *prefix, const uint8_t bytes[16]);

/* Value when it is not empty and *field is not known yet. */
void vendor_set_text(const char **field, const char *value);
void vendor_set_figure(int64_t *field, int64_t value);

#endif

/* What vendors' libraries answered when they were last asked, so that a list of this machine need not load them. Private to hw/. */
#ifndef ACCEL_HW_ANSWERS_H
#define ACCEL_HW_ANSWERS_H

#include "base/json.h"
#include "hw/source.h"

typedef struct answer_book {
    const char *path; /* NULL: nothing is remembered */
    yyjson_doc *doc;  /* what lies there; NULL: nothing that can be read */
    str_buf fresh;    /* what is to lie there, its end left open; of a zero one nothing */
} answer_book;

/* Absent, unreadable and foreign files are as empty ones. */
void answers_open(answer_book *book, const char *path);
/* Where all questions were put (whole), writes what was kept in place of what lay there; nothing where none was kept. A failure costs the memory
 * of it only. */
void answers_close(answer_book *book, bool whole);

/* All that the answers of a probe depend on beside its libraries' files: this program, the system, variables, what the probe found in files, and
 * the devices that are known, which its libraries' children are told. Call it after `run` and before anything is asked. Lies in the report's arena; NULL when memory ends. */
const char *answers_base(hw_source *s, hw_report *r, const hw_probe *probe);

/* Keeps what the source holds as the answers to the probe's questions. */
void answers_keep(answer_book *book, hw_source *s, hw_report *r, const hw_probe *probe, const char *base);
/* Appends those that still hold to r, each with the time when it was given. */
accel_status answers_recall(const answer_book *book, hw_source *s, hw_report *r, const hw_probe *probe,
                            const char *base, accel_error *err);

#endif

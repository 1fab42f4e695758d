/* Whatever an agent sends is refused, or is a message within its bounds. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engines/browser/message.h"

static void must(bool holds) {
    if (!holds)
        abort();
}

static void check(const agent_message *m) {
    bool of_job = m->kind == AGENT_DONE || m->kind == AGENT_FAILED || m->kind == AGENT_PROGRESS;
    must(of_job ? m->id >= 1 : m->id == 0);
    must((m->kind == AGENT_DONE) == (m->result != NULL) &&
         (m->kind == AGENT_FAILED) == (m->status != ACCEL_OK));
    must((m->kind == AGENT_HELLO) == (m->capabilities != NULL) &&
         (m->kind == AGENT_HELLO) == (*m->agent != '\0'));
    must(isfinite(m->loaded) && m->loaded >= 0 && isfinite(m->total) && m->total >= 0);
    must(str_utf8_valid(m->error, strlen(m->error)) && str_utf8_valid(m->phase, strlen(m->phase)));
    for (const char *c = m->error; *c; c++)
        must((unsigned char)*c >= ' ' && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    yyjson_doc *doc;
    agent_message m;
    if (agent_message_read(data, size, &doc, &m, NULL) == ACCEL_OK)
        check(&m);
    else
        must(doc == NULL);
    yyjson_doc_free(doc);
    return 0;
}

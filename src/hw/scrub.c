#include "hw/scrub.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A host called "linux" must not take the word out of every path. */
void scrub_word(scrubber *s, const char *word, const char *substitute) {
    static const char *const common[] = {"root",    "user",  "host", "localhost", "linux", "intel", "amd",
                                         "nvidia",  "cpu",   "gpu",  "proc",      "sys",   "dev",   "home",
                                         "usr",     "bin",   "lib",  "etc",       "run",   "node",  "class",
                                         "devices", "model", "name", "vm"};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (str_equal(word, common[i]))
            return;
    if (!word || strlen(word) < 2 || s->word_count == SCRUB_WORDS)
        return;
    s->words[s->word_count] = arena_strdup(s->arena, word);
    s->substitutes[s->word_count] = substitute;
    s->word_count += s->words[s->word_count] != NULL;
}

void scrub_begin(scrubber *s, arena *a) {
    char host[256] = "";
    *s = (scrubber){.arena = a};
    if (gethostname(host, sizeof host - 1) == 0) {
        scrub_word(s, host, "host");
        host[strcspn(host, ".")] = '\0';
        scrub_word(s, host, "host");
    }
    scrub_word(s, getenv("USER"), "user");
    scrub_word(s, getenv("LOGNAME"), "user");
}

void scrub_end(scrubber *s) {
    mem_free((void *)s->identifiers);
    s->identifiers = NULL;
}

/* The number of an identifier, from 1; the same text gives the same number. */
static size_t number_of(scrubber *s, const char *text, size_t length) {
    for (size_t i = 0; i < s->identifier_count; i++)
        if (strlen(s->identifiers[i]) == length && memcmp(s->identifiers[i], text, length) == 0)
            return i + 1;
    char *copy = arena_strndup(s->arena, text, length);
    if (copy && s->identifier_count < SCRUB_IDENTIFIERS &&
        mem_grow((void **)&s->identifiers, &s->identifier_capacity, s->identifier_count + 1,
                 sizeof *s->identifiers))
        s->identifiers[s->identifier_count++] = copy;
    return s->identifier_count;
}

/* The length of groups of hexadecimal digits with a separator between them, or 0. */
static size_t groups(const char *text, const size_t *sizes, size_t count, char separator) {
    size_t at = 0;
    for (size_t g = 0; g < count; g++) {
        if (g > 0 && text[at++] != separator)
            return 0;
        for (size_t i = 0; i < sizes[g]; i++)
            if (!is_hex(text[at++]))
                return 0;
    }
    return is_word(text[at]) || text[at] == separator ? 0 : at;
}

static size_t take_uuid(scrubber *s, const char *text, str_buf *out) {
    static const size_t sizes[] = {8, 4, 4, 4, 12};
    size_t length = groups(text, sizes, 5, '-');
    if (length > 0)
        str_appendf(out, "00000000-0000-0000-0000-%012zx", number_of(s, text, length));
    return length;
}

static size_t take_mac(scrubber *s, const char *text, str_buf *out) {
    static const size_t sizes[] = {2, 2, 2, 2, 2, 2};
    size_t length = groups(text, sizes, 6, ':');
    if (length > 0)
        str_appendf(out, "00:00:00:00:00:%02zx", number_of(s, text, length) & 0xff);
    return length;
}

/* Names of containers, machine-ids, hashes: hexadecimal, longer than any number of the kernel. */
static size_t take_long(scrubber *s, const char *text, str_buf *out) {
    enum { LONGEST_NUMBER = 20 };
    size_t length = 0;
    while (is_hex(text[length]))
        length++;
    if (length <= LONGEST_NUMBER || is_word(text[length]))
        return 0;
    str_appendf(out, "%024zx", number_of(s, text, length));
    return length;
}

static size_t take_name(scrubber *s, const char *text, str_buf *out) {
    for (size_t i = 0; i < s->word_count; i++) {
        size_t length = strlen(s->words[i]);
        if (strncmp(text, s->words[i], length) != 0 || is_word(text[length]))
            continue;
        str_append(out, s->substitutes[i]);
        return length;
    }
    return 0;
}

/* "Serial\t\t: 1000000012345678" of boards: everything behind the colon. */
static size_t take_serial(const char *text, str_buf *out) {
    if (!str_starts_with(text, "Serial") && !str_starts_with(text, "serial"))
        return 0;
    size_t key = strlen("Serial");
    key += strspn(text + key, " \t");
    if (text[key] != ':' && text[key] != '=')
        return 0;
    str_append_bytes(out, text, key + 1);
    str_append(out, " 0");
    return key + 1 + strcspn(text + key + 1, "\n");
}

static size_t take_home(const char *text, str_buf *out) {
    static const char *const homes[] = {"/home/", "/Users/"};
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(homes[i]);
        if (!str_starts_with(text, homes[i]))
            continue;
        str_append(out, homes[i]);
        size_t name = strcspn(text + length, "/: \t\n");
        if (name > 0)
            str_append(out, "user");
        return length + name;
    }
    return 0;
}

void scrub_append(scrubber *s, const char *text, str_buf *out) {
    bool boundary = true; /* no word goes on here */
    while (*text) {
        size_t taken = take_home(text, out);
        if (taken == 0 && boundary) {
            taken = take_uuid(s, text, out);
            if (taken == 0)
                taken = take_mac(s, text, out);
            if (taken == 0)
                taken = take_long(s, text, out);
            if (taken == 0)
                taken = take_name(s, text, out);
            if (taken == 0)
                taken = take_serial(text, out);
        }
        if (taken == 0) {
            str_append_char(out, *text);
            taken = 1;
        }
        boundary = !is_word(text[taken - 1]);
        text += taken;
    }
}

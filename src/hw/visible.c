#include "hw/visible.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { MOST_VISIBLE = 256 };

/* One entry of a list: the text up to the separator, without blanks around it. */
typedef struct entry {
    const char *text;
    size_t length;
} entry;

static entry entry_at(const char *at, char separator, const char **next) {
    const char *end = strchr(at, separator);
    entry e = {at, end ? (size_t)(end - at) : strlen(at)};
    *next = end ? end + 1 : NULL;
    while (e.length > 0 && (*e.text == ' ' || *e.text == '\t')) {
        e.text++;
        e.length--;
    }
    while (e.length > 0 && (e.text[e.length - 1] == ' ' || e.text[e.length - 1] == '\t'))
        e.length--;
    return e;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool begins(const char *name, entry e) {
    return name && strlen(name) >= e.length && strncmp(name, e.text, e.length) == 0;
}

/* The only device whose name begins so; -1: none, or several. */
static int by_name(const hw_visible *v, entry e) {
    int found = -1;
    for (size_t i = 0; v->names && i < v->count && e.length > 0; i++) {
        if (!begins(v->names[i], e) && !(v->others && begins(v->others[i], e)))
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

static int by_index(const hw_visible *v, entry e) {
    char digits[8] = {0};
    if (e.length == 0 || !is_digit(*e.text))
        return -1;
    for (size_t i = 0; i < e.length && is_digit(e.text[i]); i++) { /* "1x" is 1 for CUDA */
        if (i + 1 >= sizeof digits)
            return -1;
        digits[i] = e.text[i];
    }
    unsigned long index = strtoul(digits, NULL, 10);
    return index < v->indexed ? (int)index : -1;
}

int hw_visible_place(const hw_visible *v, size_t index) {
    int list[MOST_VISIBLE], place = -1;
    size_t count = 0;
    if (!v->value)
        return (int)index;
    const char *next = v->value;
    bool numbers = is_digit(entry_at(next, ',', &next).text[0]);
    for (next = v->value; next && count < MOST_VISIBLE;) {
        entry e = entry_at(next, ',', &next);
        int device = numbers ? by_index(v, e) : by_name(v, e);
        if (device < 0)
            break;
        for (size_t i = 0; i < count; i++)
            if (list[i] == device)
                return -1;
        if ((size_t)device == index)
            place = (int)count;
        list[count++] = device;
    }
    return place;
}

bool hw_mask_allows(const char *value, size_t device) {
    if (!value || !*value)
        return true;
    for (const char *next = value; next;) {
        entry e = entry_at(next, ',', &next);
        if (e.length > 0 && is_digit(*e.text) && strtoul(e.text, NULL, 10) == device)
            return true;
    }
    return false;
}

/* "*", "gpu", "0", "0.1" */
static bool device_matches(entry e, const char *type, size_t device) {
    if (e.length == 1 && *e.text == '*')
        return true;
    if (e.length > 0 && is_digit(*e.text))
        return strtoul(e.text, NULL, 10) == device;
    return e.length == strlen(type) && strncmp(e.text, type, e.length) == 0;
}

static bool term_matches(entry term, const char *backend, const char *type, size_t device) {
    const char *colon = memchr(term.text, ':', term.length);
    size_t name = colon ? (size_t)(colon - term.text) : term.length;
    bool any = name == 1 && *term.text == '*';
    if (!any && (name != strlen(backend) || strncmp(term.text, backend, name) != 0))
        return false;
    if (!colon)
        return true;
    char devices[128];
    str_format(devices, sizeof devices, "%.*s", (int)(term.length - name - 1), colon + 1);
    for (const char *next = devices; next;) {
        if (device_matches(entry_at(next, ',', &next), type, device))
            return true;
    }
    return false;
}

bool hw_selector_allows(const char *value, const char *backend, const char *type, size_t device) {
    bool accepted = false, accepting = false;
    if (!value || !*value)
        return true;
    for (const char *next = value; next;) {
        entry term = entry_at(next, ';', &next);
        bool discard = term.length > 0 && *term.text == '!';
        if (discard) {
            term.text++;
            term.length--;
        }
        bool matches = term_matches(term, backend, type, device);
        if (discard && matches)
            return false;
        accepting = accepting || !discard;
        accepted = accepted || (!discard && matches);
    }
    return accepted || !accepting;
}

#include "text/charsmap.h"

#include "base/base64.h"

/* A little-endian size of the trie, the trie's units, the replacements. */
accel_status text_charsmap_read(const text_reader *r, text_object o, const char *key, text_charsmap *out) {
    text_span text = {0};
    size_t length;
    ACCEL_TRY(text_read_text(r, o, key, TEXT_REQUIRED, &text));
    char *bytes = arena_alloc(r->memory, text.length);
    if (!bytes) {
        return text_no_memory(r);
    }
    if (!base64_decode(text.bytes, text.length, bytes, &length)) {
        return text_bad(r, o, key, "is not base64");
    }
    const unsigned char *p = (const unsigned char *)bytes;
    size_t size = length < 4 ? 0 : p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (length < 4 || size > length - 4 || size < 4) {
        return text_bad(r, o, key, "is shorter than the trie that it announces");
    }
    size_t count = size / 4;
    uint32_t *units = ARENA_ARRAY(r->memory, uint32_t, count);
    if (!units) {
        return text_no_memory(r);
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *u = p + 4 + 4 * i;
        units[i] = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    }
    *out = (text_charsmap){units, count, {bytes + 4 + 4 * count, length - 4 - 4 * count}};
    return str_utf8_valid(out->replacements.bytes, out->replacements.length)
               ? ACCEL_OK
               : text_bad(r, o, key, "has replacements that are not UTF-8");
}

/* Darts' units: a label in bits 0-7 and 31, a flag for a value in bit 8, an offset in the rest, 256 times as far with bit 9. */
static size_t offset_of(uint32_t unit) {
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

static bool value_at(const text_charsmap *map, size_t node, text_span *replacement) {
    size_t start = node < map->unit_count ? map->units[node] & 0x7FFFFFFFu : SIZE_MAX;
    if (start > map->replacements.length) {
        return false;
    }
    const char *text = map->replacements.bytes + start;
    size_t rest = map->replacements.length - start;
    const char *end = rest > 0 ? memchr(text, '\0', rest) : NULL;
    *replacement = (text_span){text, end ? (size_t)(end - text) : rest};
    /* An offset into the middle of a character is no replacement. */
    return rest == 0 || ((unsigned char)*text & 0xC0) != 0x80;
}

bool text_charsmap_find(const text_charsmap *map, text_span text, text_span *replacement) {
    size_t node = offset_of(map->units[0]);
    for (size_t i = 0; i < text.length && text.bytes[i] != '\0'; i++) {
        unsigned char label = (unsigned char)text.bytes[i];
        node ^= label;
        if (node >= map->unit_count || (map->units[node] & (0x80000000u | 0xFF)) != label) {
            return false;
        }
        uint32_t unit = map->units[node];
        node ^= offset_of(unit);
        if (unit >> 8 & 1) {
            return value_at(map, node, replacement);
        }
    }
    return false;
}

#include "server/query.h"

#include <string.h>

bool query_get(const char *query, const char *key, char *value, size_t size) {
    size_t key_length = strlen(key);
    for (const char *part = query; *part != '\0';) {
        size_t length = strcspn(part, "&");
        if (length > key_length && part[key_length] == '=' && strncmp(part, key, key_length) == 0) {
            size_t value_length = length - key_length - 1;
            if (value_length >= size)
                return false;
            memcpy(value, part + key_length + 1, value_length);
            value[value_length] = '\0';
            return true;
        }
        part += length + (part[length] == '&');
    }
    return false;
}

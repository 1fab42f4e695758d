#include "net/url.h"

#include <string.h>

#include "base/str.h"

static accel_status bad(const char *text, const char *why, accel_error *err) {
    return error_set(err, ACCEL_INVALID_ARGUMENT, "\"%.200s\" is no address that can be asked: %s", text,
                     why);
}

/* What would end the request line or begin another header. */
static bool has_blanks(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

/* Copies the host that text begins with; *rest is what follows it. False when it is empty or too long. */
static bool read_host(const char *text, net_url *out, const char **rest) {
    bool bracket = *text == '[';
    text += bracket;
    size_t length = strcspn(text, bracket ? "]/?#" : ":/?#");
    if (length == 0 || length >= sizeof out->host || (bracket && text[length] != ']') ||
        memchr(text, '@', length))
        return false;
    memcpy(out->host, text, length);
    out->host[length] = '\0';
    *rest = text + length + bracket;
    return true;
}

static bool read_port(const char *text, net_url *out, const char **rest) {
    int64_t port = 80;
    char digits[8] = "80";
    if (*text == ':') {
        text++;
        size_t length = strcspn(text, "/?#");
        if (length == 0 || length >= sizeof digits)
            return false;
        memcpy(digits, text, length);
        digits[length] = '\0';
        if (!str_to_i64(digits, &port))
            return false;
        text += length;
    }
    if (port < 1 || port > 65535)
        return false;
    str_format(out->port, sizeof out->port, "%d", (int)port);
    *rest = text;
    return true;
}

accel_status net_url_read(const char *text, const char *scheme, net_url *out, accel_error *err) {
    size_t length = strlen(scheme);
    const char *rest = text + length + 3;
    if (strncmp(text, scheme, length) != 0 || strncmp(text + length, "://", 3) != 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "\"%.200s\" is no address that can be asked: it does not begin with %s://", text,
                         scheme);
    if (has_blanks(text))
        return bad(text, "it has blanks or control characters", err);
    if (!read_host(rest, out, &rest))
        return bad(text, "it names no host", err);
    if (!read_port(rest, out, &rest))
        return bad(text, "its port is no number from 1 to 65535", err);
    if (*rest != '\0' && *rest != '/')
        return bad(text, "a / has to follow the host", err);
    if (strchr(rest, '#'))
        return bad(text, "it has a fragment", err);
    out->path = *rest ? rest : "/";
    str_format(out->name, sizeof out->name, strchr(out->host, ':') ? "[%s]:%s" : "%s:%s", out->host,
               out->port);
    return ACCEL_OK;
}

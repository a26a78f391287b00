/* text.c - hex, JSON strings, host:port, sentences. */
#include "common/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"

void text_hex(char *out, const uint8_t *p, size_t len)
{
    sodium_bin2hex(out, 2 * len + 1, p, len);
}

int text_unhex(uint8_t *out, size_t len, const char *hex)
{
    size_t got;

    if (strlen(hex) != 2 * len || sodium_hex2bin(out, len, hex, 2 * len, NULL, &got, NULL) != 0 ||
        got != len)
        return ERR_MALFORMED;
    return 0;
}

/* Length of the UTF-8 sequence at p, 0 when it is none. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
    uint32_t c, min;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] < 0xe0) {
        n = 2, min = 0x80, c = p[0] & 0x1fu;
    } else if ((p[0] & 0xf0) == 0xe0) {
        n = 3, min = 0x800, c = p[0] & 0x0fu;
    } else if (p[0] >= 0xf0 && p[0] < 0xf5) {
        n = 4, min = 0x10000, c = p[0] & 0x07u;
    } else {
        return 0;
    }
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    return c < min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

/* Bytes that stand for themselves in a JSON string: printable ASCII but for two. */
static int is_plain(uint8_t c)
{
    return (c >= 0x20) & (c < 0x7f) & (c != '"') & (c != '\\');
}

/* How many of them there are before another one. Most text has no other: a stride at a time is
 * looked at without a branch for each. */
static size_t plain_len(const uint8_t *p, size_t len)
{
    enum { STRIDE = 32 };
    size_t n = 0;

    for (int all = 1; len - n >= STRIDE; n += STRIDE) {
        for (size_t i = 0; i < STRIDE; i++)
            all &= is_plain(p[n + i]);
        if (!all)
            break;
    }
    while (n < len && is_plain(p[n]))
        n++;
    return n;
}

int text_is_utf8(const uint8_t *p, size_t len)
{
    for (size_t i = plain_len(p, len), n; i < len; i += n + plain_len(p + i + n, len - i - n))
        if ((n = utf8_len(p + i, len - i)) == 0)
            return 0;
    return 1;
}

void text_json(FILE *f, const char *s, size_t len)
{
    const uint8_t *p = (const uint8_t *)s;

    fputc('"', f);
    for (size_t i = 0; i < len;) {
        size_t plain = plain_len(p + i, len - i), n;

        fwrite(p + i, 1, plain, f);
        i += plain;
        if (i == len)
            break;
        n = utf8_len(p + i, len - i);
        if (n == 0)
            fputs("\xef\xbf\xbd", f);
        else if (p[i] == '"' || p[i] == '\\')
            fprintf(f, "\\%c", p[i]);
        else if (p[i] == '\n')
            fputs("\\n", f);
        else if (p[i] < 0x20 || p[i] == 0x7f)
            fprintf(f, "\\u%04x", p[i]);
        else if (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0)
            fprintf(f, "\\u%04x", p[i + 1]); /* C1: a terminal may obey it */
        else
            fwrite(p + i, 1, n, f);
        i += n > 0 ? n : 1;
    }
    fputc('"', f);
}

int text_number(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    *out = 0;
    if (*s == '\0')
        return ERR_MALFORMED;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9' || v > (UINT64_MAX - 9) / 10)
            return ERR_MALFORMED;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    if (v < min || v > max)
        return ERR_MALFORMED;
    *out = v;
    return 0;
}

int text_host_port(const char *s, char host[HOST_MAX + 1], uint16_t *port)
{
    const char *colon = strrchr(s, ':');
    size_t len;
    uint64_t v;

    host[0] = '\0';
    *port = 0;
    if (colon == NULL || text_number(colon + 1, 0, UINT16_MAX, &v) != 0)
        return ERR_MALFORMED;
    len = (size_t)(colon - s);
    if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
        s++;
        len -= 2;
    } else if (memchr(s, ':', len) != NULL) {
        return ERR_MALFORMED;
    }
    if (len < 1 || len > HOST_MAX)
        return ERR_MALFORMED;
    memcpy(host, s, len);
    host[len] = '\0';
    *port = (uint16_t)v;
    return 0;
}

int say(char *why, size_t cap, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, cap, fmt, ap);
    va_end(ap);
    return err;
}

void text_copy(char *out, size_t cap, const char *s)
{
    (void)snprintf(out, cap, "%s", s);
}

/* pgm.c - writes and parses the canonical PGM of the wire. */
#include "common/pgm.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "proto/limits.h"

/* What is left to parse. */
struct cursor {
    const uint8_t *p;
    size_t left;
};

static bool side_ok(unsigned side)
{
    return side >= IMAGE_SIDE_MIN && side <= IMAGE_SIDE_MAX;
}

int pgm_write(uint8_t *out, size_t cap, size_t *len, unsigned width, unsigned height,
              const uint8_t *pixels)
{
    char header[PGM_HEADER_MAX];
    size_t head, body;

    *len = 0;
    if (!side_ok(width) || !side_ok(height))
        return ERR_ARG;
    head = (size_t)snprintf(header, sizeof(header), "P5\n%u %u\n255\n", width, height);
    body = (size_t)width * height;
    if (cap < head || cap - head < body)
        return ERR_TOO_SMALL;
    memcpy(out, header, head);
    memcpy(out + head, pixels, body);
    *len = head + body;
    return 0;
}

static bool take_literal(struct cursor *c, const char *text)
{
    size_t n = strlen(text);

    if (c->left < n || memcmp(c->p, text, n) != 0)
        return false;
    c->p += n;
    c->left -= n;
    return true;
}

/* A side in decimal, without leading zeros. */
static int take_side(struct cursor *c, unsigned *side)
{
    unsigned v = 0;

    *side = 0;
    if (c->left == 0 || c->p[0] < '1' || c->p[0] > '9')
        return ERR_MALFORMED;
    while (c->left > 0 && c->p[0] >= '0' && c->p[0] <= '9') {
        v = v * 10 + (unsigned)(c->p[0] - '0');
        if (v > IMAGE_SIDE_MAX)
            return ERR_TOO_LARGE;
        c->p++;
        c->left--;
    }
    if (v < IMAGE_SIDE_MIN)
        return ERR_TOO_SMALL;
    *side = v;
    return 0;
}

int pgm_parse(const uint8_t *p, size_t len, struct pgm_view *view)
{
    struct cursor c = {p, len};
    unsigned width, height;
    int rc;

    *view = (struct pgm_view){0};
    if (!take_literal(&c, "P5\n"))
        return ERR_MALFORMED;
    rc = take_side(&c, &width);
    if (rc != 0)
        return rc;
    if (!take_literal(&c, " "))
        return ERR_MALFORMED;
    rc = take_side(&c, &height);
    if (rc != 0)
        return rc;
    if (!take_literal(&c, "\n255\n") || c.left != (size_t)width * height)
        return ERR_MALFORMED;
    *view = (struct pgm_view){width, height, c.p};
    return 0;
}

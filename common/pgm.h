/*
 * pgm.h - the one image format of the wire: binary PGM (P5) in a single canonical form.
 *
 * "P5\n" WIDTH " " HEIGHT "\n255\n" and then width * height bytes, nothing else: no comments, no
 * other white space, no leading zeros. So an image has exactly one encoding and one length.
 */
#ifndef INKPOST_COMMON_PGM_H
#define INKPOST_COMMON_PGM_H

#include <stddef.h>
#include <stdint.h>

/* pixels points into the bytes that were parsed: row after row from the top. */
struct pgm_view {
    unsigned width, height;
    const uint8_t *pixels;
};

/*
 * Write an image of width x height grey pixels, sides IMAGE_SIDE_MIN..IMAGE_SIDE_MAX (ERR_ARG).
 * At most PGM_HEADER_MAX + width * height bytes; *len is what was written. ERR_TOO_SMALL when cap
 * is less. On failure *len is 0 and out is unchanged.
 */
int pgm_write(uint8_t *out, size_t cap, size_t *len, unsigned width, unsigned height,
              const uint8_t *pixels);

/*
 * Parse exactly len bytes; allocates nothing. ERR_MALFORMED when they are not the canonical form
 * or the length does not fit the sides, ERR_TOO_LARGE or ERR_TOO_SMALL when a side is out of
 * bounds. On failure *view is all zero.
 */
int pgm_parse(const uint8_t *p, size_t len, struct pgm_view *view);

#endif

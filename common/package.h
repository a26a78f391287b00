/*
 * package.h - SDS_Pack: making a package from a message and a cover, and checking one.
 */
#ifndef INKPOST_COMMON_PACKAGE_H
#define INKPOST_COMMON_PACKAGE_H

#include "common/pgm.h"
#include "common/profile.h"

struct package {
    uint8_t *body; /* malloc'd: the PACKAGE body as it goes on the wire */
    size_t len;
    uint8_t digest[DIGEST_BYTES];
    uint64_t changed_pixels;
    int64_t psnr_mdb; /* thousandths of a dB; INT64_MAX when no pixel changed */
};

/*
 * Hide the proof of the message in the cover and encode. m is a PACKAGE with profile, codec,
 * session, direction, index, seq, from, to and message filled in; lengths and image are set here.
 * ERR_ARG (no such profile), ERR_TOO_SMALL (the cover), ERR_NOMEM.
 */
int package_make(struct package *out, struct msg *m, const struct pgm_view *cover,
                 const uint8_t seed[KEY_BYTES]);

/* Is the decoded package m whole and genuine? 0, ERR_MALFORMED (lengths or image do not fit the
 * header), ERR_ARG (no such profile), ERR_AUTH. */
int package_check(const struct msg *m, const uint8_t seed[KEY_BYTES]);

#endif

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
    int64_t psnr_mdb;           /* thousandths of a dB; INT64_MAX when no pixel changed */
    uint8_t hidden[HIDDEN_MAX]; /* the payload in the cover, for the profile's turn */
};

/* A package that verified. */
struct package_opened {
    struct blob message; /* in buf, or lent by the decoded package */
    uint8_t *buf;        /* malloc'd, or NULL */
    uint8_t hidden[HIDDEN_MAX];
};

/*
 * Hide the proof of the message in the cover and encode. m is a PACKAGE with profile, codec,
 * session, direction, index, seq, from, to and message filled in; lengths and image are set here.
 * cover NULL: for a profile that hides nothing, and for no other. exact: do not hide the length of
 * the message where the profile does. ERR_ARG (no such profile, or a cover too many), ERR_TOO_LARGE
 * (the message), ERR_TOO_SMALL (the cover), ERR_NOMEM. out->hidden is secret, and in `body` for who
 * can read the places.
 */
int package_make(struct package *out, struct msg *m, const struct pgm_view *cover,
                 const struct keybuf *key, int exact);

/* Is the decoded package m whole and genuine, and what does it say? 0, ERR_MALFORMED (lengths or
 * image do not fit the header), ERR_ARG (no such profile), ERR_AUTH, ERR_NOMEM. Free `out` in any
 * case. */
int package_open(struct package_opened *out, const struct msg *m, const struct keybuf *key);
void package_opened_free(struct package_opened *o);

/* The image of a package as its header announces it; none in a profile that hides nothing, and then
 * *image is zeroed. ERR_MALFORMED: it is another. */
int package_image(struct pgm_view *image, const struct msg_package *p);

/* Only the payload hidden in the decoded package, genuine or not: hidden_bytes of its profile, the
 * rest zero. Errors as package_open, but ERR_AUTH. */
int package_hidden(uint8_t hidden[HIDDEN_MAX], const struct msg *m, const struct keybuf *key);

#endif

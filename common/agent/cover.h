/* cover.h - covers for messages: an image file becomes the grey PGM that a package will carry. */
#ifndef INKPOST_AGENT_COVER_H
#define INKPOST_AGENT_COVER_H

#include "common/agent/outbox.h"
#include "common/stego.h"

/*
 * Load the image at path and make it a grey PGM in *pgm (malloc'd). It must have texture and room
 * for `bits` with that code. On failure ERR_* and in `why` a sentence that names the file, what is
 * wrong and what would work.
 */
int cover_load(struct out_bytes *pgm, const char *path, enum stego_code code, size_t bits,
               char *why, size_t why_len);

struct cover_set {
    struct out_bytes *v;
    size_t n;
};

/* All images of a folder, in order of name; files that are no usable cover are named on stderr and
 * left out. ERR_NOTFOUND when none is left. */
int cover_set_load(struct cover_set *set, const char *folder, enum stego_code code, size_t bits,
                   char *why, size_t why_len);
void cover_set_free(struct cover_set *set);

#endif

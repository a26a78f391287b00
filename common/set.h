/*
 * set.h - a message to a set of devices: one package for all of them, and a small part for each.
 *
 * The common part is a PACKAGE that its sender addresses to itself, outside of any session: session
 * zeros, direction, index and seq 0. Its key is not one of a session but made from a fresh secret S
 * (the profile's set_key), so one cover carries nonce and tag for all. Who has S can read the
 * common part, and could make another one.
 *
 * A member's part names its session and carries S in a box whose key is derived from that session's
 * message key, the header of the part and the digest of the whole common part. So the box opens for
 * this member, this place in its stream and these very bytes only, and nobody but the sender and
 * the member can make it: a member that knows S cannot forge to another.
 */
#ifndef INKPOST_COMMON_SET_H
#define INKPOST_COMMON_SET_H

#include "common/package.h"

/* A decoded PACKAGE_SHARED; borrows from its body. */
struct set_shared {
    struct msg_set_member member;
    struct msg common; /* PACKAGE */
    uint8_t common_digest[DIGEST_BYTES];
    uint8_t digest[DIGEST_BYTES]; /* of both parts: what receipts name */
};

/* Make p, whose `from` is filled in, the header of a common part. */
void set_common_header(struct msg_package *p);
/* Decode the body of a common part. ERR_MALFORMED, also when its header is another; ERR_TOO_LARGE.
 */
int set_common_parse(struct msg *common, const struct blob *body);

/* Encode a member's part into buf. ERR_ARG: an id that is none. */
int set_member_encode(uint8_t buf[SET_MEMBER_MAX], size_t *len, const struct msg_set_member *m);
/* Take the next part from the table of a SET_PACKAGE: its bytes and what they say.
 * ERR_MALFORMED. */
int set_table_next(struct rbuf *table, struct blob *part, struct msg_set_member *m);
/* Digest of a package that consists of a member's part and a common part with this digest. */
void set_digest(uint8_t digest[DIGEST_BYTES], const struct blob *part,
                const uint8_t common_digest[DIGEST_BYTES]);

/* Put S into m, whose other fields are filled in; key is the message key of m's session. */
int set_wrap(struct msg_set_member *m, const struct keybuf *key,
             const uint8_t common_digest[DIGEST_BYTES], const uint8_t secret[KEY_BYTES]);
/* The way back: 0, or ERR_AUTH and secret is zero. */
int set_unwrap(uint8_t secret[KEY_BYTES], const struct msg_set_member *m, const struct keybuf *key,
               const uint8_t common_digest[DIGEST_BYTES]);

/* Decode both parts. ERR_MALFORMED, ERR_TOO_LARGE. */
int set_shared_parse(struct set_shared *s, const struct msg_package_shared *m);
/* The PACKAGE that the member would have got alone: the header says what is true of this member.
 * For its fields only: no tag covers them in this form. */
void set_shared_view(struct msg *package, const struct set_shared *s);
/* Is it whole and genuine for who has this message key, and what does it say? As package_open();
 * also ERR_ARG when the profile takes no part in sets. */
int set_shared_open(struct package_opened *out, const struct set_shared *s,
                    const struct keybuf *key);

#endif

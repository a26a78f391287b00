/*
 * profile.h - the profiles: each a complete way to protect a message, one row and one module each.
 *
 * A row says, from the first phase to the last, what the profile does; NULL where it does nothing.
 * Everything else (negotiation, sessions, delivery, storage) works on rows and never asks for a
 * profile by name or number.
 */
#ifndef INKPOST_COMMON_PROFILE_H
#define INKPOST_COMMON_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/keybuf.h"
#include "common/negotiation.h"
#include "common/pair_keys.h"
#include "common/stego.h"
#include "proto/msg.h"

enum profile_id { PROFILE_AUTH = 1, PROFILE_SEALED = 2, PROFILE_PAPER = 3, PROFILE_SGA = 4 };

#define HIDDEN_MAX 64 /* bytes of payload in a cover */

struct profile {
    uint8_t id;
    const char *name;
    const char *research; /* why nobody should deploy it; NULL: one may */
    struct list suites;   /* that it may use: `none`, or some that encrypt */

    /* ---- pairing and step 1, at the cloud: Shk; and Sk, from a slice drawn for T ---- */
    int (*shk)(struct keybuf *shk, const struct pair_keys *k);
    int (*sk)(struct keybuf *sk, const struct pair_keys *k, const uint8_t t[NEG_ID_BYTES],
              struct slice s);

    /*
     * ---- steps 2 to 6: one of the two ----
     * The session's keys come from a handshake of the devices, whose two messages steps 2 and 4
     * carry; or from the terms alone, and then the cloud has them too.
     */
    const struct neg_handshake *handshake;
    const struct neg_gateway *gateway; /* the cloud's part in the handshake, if it has one */
    int (*keys)(struct session_keys *out, const struct neg_terms *t);

    /*
     * ---- messages ----
     * take_key: the key of the next message, from the session's state, which may step by that;
     * ERR_STATE when it is none of this profile, or empty.
     * turn: the state after a message, by the payload hidden with it. NULL: keys follow from the
     * state alone, so packages may be lost or overtake each other. Else nothing can be passed
     * over, and a failed check ends the session.
     */
    int (*take_key)(struct keybuf *key, struct keybuf *state);
    void (*turn)(struct keybuf *state, const uint8_t *hidden);

    /* Payload in the cover, at most HIDDEN_MAX. 0: packages have no image at all, and `places`
     * below is NULL. */
    size_t hidden_bytes;
    void (*places)(struct stego_keys *out, const struct keybuf *key); /* where it hides */

    /* Bytes of the package's field `message` for a message of so many, 0 when it is too long;
     * exact: as few as can be. NULL: it travels as it is, and `field` below is NULL. */
    size_t (*field_bytes)(size_t message_bytes, int exact);
    /*
     * m is a PACKAGE whose header is complete, message_bytes being that of the field. Make the
     * field from the message, and the payload.
     */
    int (*make)(const struct keybuf *key, const struct msg *m, const struct blob *message,
                uint8_t *field, uint8_t *hidden);
    /*
     * Is the payload that of m's header and field? 0, or ERR_AUTH, compared in constant time. With
     * field_bytes set, the message goes to `message`, which has room for the field, and *len.
     */
    int (*open)(const struct keybuf *key, const struct msg *m, const uint8_t *hidden,
                uint8_t *message, size_t *len);

    /*
     * ---- messages to a set (set.h) ----
     * The key of the part that all members get: `secret` in the place of what is secret in a
     * member's own message key. NULL: no sets, since keys turn by the messages of one session, or
     * no cover carries the common proof.
     */
    void (*set_key)(struct keybuf *out, const struct keybuf *key,
                    const uint8_t secret[KEY_BYTES]);

    /* What the cloud does to its own copy of the session's state for a package that it accepts;
     * needs `keys`. NULL: the cloud keeps nothing of a session. */
    int (*at_cloud)(struct keybuf *state, const struct msg *m);
};

/* Best first: the first is what a message gets that asks for none. */
extern const struct profile *const profiles[];
extern const size_t profile_count;

/* NULL when there is none. */
const struct profile *profile_find(uint8_t id);
const struct profile *profile_by_name(const char *name);
/* The longest message that it takes, in bytes. */
size_t profile_message_max(const struct profile *p);
/* Its row's part for the cloud; NULL when there is none, as for no profile. */
const struct neg_gateway *profile_cloud_side(uint8_t id);

/* set_key of the rows whose message keys begin with KEY_BYTES of secret; the rest is copied. */
void profile_set_key(struct keybuf *out, const struct keybuf *key, const uint8_t secret[KEY_BYTES]);

#define PROFILE_HEADER_MAX 256

/* The header of the PACKAGE m, as it is authenticated: the fields before `message`. It lies in
 * buf. */
int profile_header(uint8_t buf[PROFILE_HEADER_MAX], struct blob *header, const struct msg *m);

/* ask, answer and finish of the chosen profile's handshake (negotiation.h), one without gateway as
 * far as answer goes; without a handshake nothing travels, and answer and finish make the keys from
 * the terms. ERR_AUTH when something travelled; ERR_ARG when there is no such profile. */
int profile_ask(const struct neg_terms *t, const struct neg_ends *ends, struct neg_bytes *out,
                struct neg_bytes *kept);
int profile_answer(const struct neg_terms *t, const struct neg_ends *ends, const struct blob *asked,
                   struct neg_bytes *out, struct session_keys *keys);
int profile_finish(const struct neg_terms *t, const struct neg_ends *ends,
                   const struct neg_bytes *kept, const struct blob *answered,
                   struct session_keys *keys);

/* profile_auth.c: 128-bit keyed BLAKE2b tag and 64-bit nonce. */
extern const struct profile profile_auth;
/* profile_sealed.c: the message encrypted by the suite; its 128-bit tag and a 64-bit nonce. */
extern const struct profile profile_sealed;
/* profile_paper.c: MACLESS and the turning keys of Al Sibahee 2020, as printed. */
extern const struct profile profile_paper;
/* profile_sga.c: the three-party key exchange of Chen 2016, as printed; no cover. */
extern const struct profile profile_sga;

#endif

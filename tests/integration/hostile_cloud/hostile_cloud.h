/*
 * hostile_cloud.h - what the files of this driver share: who plays, the steps of a cloud that tells
 * the truth, and the scenarios, in which it lies.
 */
#ifndef INKPOST_TESTS_INTEGRATION_HOSTILE_CLOUD_H
#define INKPOST_TESTS_INTEGRATION_HOSTILE_CLOUD_H

#include "tests/integration/cloud_peer.h"

#define SIDE 128 /* pixels, of the cover */

extern struct noise_keypair cloud, alice, bob; /* one of the two devices is real */
extern uint8_t shk[KEY_BYTES];                 /* of the pair */
extern uint8_t pixels[SIDE * SIDE];            /* of the cover */
extern const char *home;                       /* of the real device */
extern struct device at;                       /* the connection to it */

/* ---- the hop ---- */

/* Listen; the port. */
unsigned listen_somewhere(void);

/* The device's next connection, instead of the one before. */
void accept_one(void);
void read_hello(struct msg *m);

/* The device is attached; m is its ATTACH. */
void attached(struct msg *m);

/* The same; what bob offers in it. */
void attached_offer(struct offer *o);

/* The device gives this connection up, whatever it still says. */
void expect_gone(void);

/* At the end, that the device need not wait for its time-out: a word that is final. It has nothing
 * more to say. */
void send_away(void);

/* ---- a negotiation ---- */

/* New terms between alice and bob, who offer the same. */
void new_terms(struct neg_terms *t, const struct offer *o);
struct offer offer_of(const struct msg_open *o);

/* PEER, to `self` about the other one, whose key is said to be `key`. */
void send_peer(const struct noise_keypair *self, const uint8_t key[KEY_BYTES]);

/* SALT of t; the sealed part belongs to the negotiation `inside`. */
void send_salt(const struct noise_keypair *self, const struct neg_terms *t, uint64_t request,
               const uint8_t inside[NEG_ID_BYTES]);

/* OPEN to step 2: the terms, and alice's Noise message in out; its length. */
size_t to_step_2(struct neg_terms *t, uint8_t out[256]);

/* Bob's Noise message for these terms; its length. */
size_t bobs_part(const struct neg_terms *t, const uint8_t *in, size_t in_len, uint8_t out[256],
                 struct session_keys *keys);

/* Step 5 to alice, with these bytes for bob's Noise message. */
void send_result(const struct neg_terms *t, const struct blob *noise);

/* All of it, from ATTACH on, then alice's first package: m, in at.body, with this digest. */
void first_package(struct neg_terms *t, struct session_keys *keys, struct msg *m,
                   uint8_t digest[DIGEST_BYTES]);

/* A session with the real bob, who is attached, in this profile, and the key of its first message.
 * PEER was sent. */
void agree(const struct offer *o, uint8_t profile, struct session_keys *keys, struct keybuf *key);

/* ---- receipts to alice ---- */

/* Bob's word on the package p, with its MAC when there are keys: without and with waiting for the
 * acknowledgement. */
void tell_receipt(const struct session_keys *k, const struct msg_package *p,
                  const uint8_t digest[DIGEST_BYTES], uint8_t status);
void send_receipt(const struct session_keys *k, const struct msg_package *p,
                  const uint8_t digest[DIGEST_BYTES], uint8_t status);

/* Alice comes back, asks to resume, and hears this index. */
void resumed_at(const struct session_keys *k, uint64_t next_index);

/* ---- scenarios ---- */

/* sender.c */
void scenario_frames(void);
void scenario_terms(void);
void scenario_key(void);
void scenario_result(void);
void scenario_receipts(void);
void scenario_unsaved(void);

/* suites.c */
void scenario_suites(void);
void scenario_steered(void);
void scenario_nosuite(void);
void scenario_read(void);

/* receiver.c */
void scenario_bob(void);
void scenario_forge(void);

/* set.c */
void scenario_set(void);

/* history.c */
void scenario_history(void);
void scenario_flood(void);
void scenario_promise(void);
void scenario_intruder(void);

#endif

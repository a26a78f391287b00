/*
 * sga.h - the research profile `sga`: Chen, You, Weng, Cheng and Huang, "A security gateway
 * application for End-to-End M2M communications" (2016), section 4, as printed and settled in
 * docs/design.md. One function for each step and party, free of sockets and storage.
 *
 * A device shares an initial key k_d and its list of ciphers with the cloud, the paper's SGA server
 * (sga_register). Steps A1 to A5 agree on one cipher and on a temporary key k_t of each device,
 * which all three parties then know. Steps B1 to B7 make the session key R_i R_s R_j times the
 * generator of ristretto255: each device sends N = R times the generator, the cloud checks both and
 * hands each N, times its own R_s, to the other device.
 *
 * For research only: the paper's claims hold in part, and test_sga_claims.c shows how far.
 *
 * Every function returns 0 or an error and then leaves its party as it was, so that a forged
 * message does not end a run: ERR_STATE when it is not this step's turn, ERR_AUTH when a check of
 * the paper fails, ERR_MALFORMED. All structs hold secrets: wipe after use.
 */
#ifndef INKPOST_COMMON_SGA_H
#define INKPOST_COMMON_SGA_H

#include <stddef.h>
#include <stdint.h>

#include "common/noise.h"
#include "proto/rbuf.h"

#define SGA_BODY_MAX 512

/* The body of one step, as it travels. */
struct sga_body {
    size_t len;
    uint8_t p[SGA_BODY_MAX];
};

/* What a device has registered; device and cloud keep the same. */
struct sga_account {
    char id[ID_MAX + 1];
    uint8_t key[KEY_BYTES]; /* k_d */
    struct list suites;     /* best first */
    uint8_t initial;        /* the cipher under k_d, one of suites */
};

/* The two accounts of a run, as the cloud has them. */
struct sga_pair {
    const struct sga_account *initiator, *responder;
};

/* What all three parties name alike. */
struct sga_terms {
    char initiator[ID_MAX + 1], responder[ID_MAX + 1];
    uint8_t gateway[KEY_BYTES]; /* ID_G: the cloud's static key, to which A1 and A3 are sealed */
    uint8_t suite;
};

/* The last step that a party has made; a run begins with a zeroed struct. */
enum sga_step {
    SGA_START,
    SGA_A1,
    SGA_A1_B1, /* both at once, in the run of one round */
    SGA_A2,
    SGA_A2_B2, /* the same at the cloud */
    SGA_A3_OPENED,
    SGA_A3,
    SGA_A4,
    SGA_A5,
    SGA_B1,
    SGA_B2,
    SGA_B3,
    SGA_B4,
    SGA_DONE
};

/* One device in one run. */
struct sga_device {
    enum sga_step step;
    struct sga_terms terms;
    uint8_t kt[KEY_BYTES];       /* own temporary key */
    uint8_t peer_kt[KEY_BYTES];  /* the other device's: the print lets each know both */
    uint8_t exponent[KEY_BYTES]; /* R */
    uint8_t once[KEY_BYTES];     /* K = r N, shared with the cloud */
};

/* The cloud in one run. It has neither device's R, so it cannot compute the session key. */
struct sga_cloud {
    enum sga_step step;
    struct sga_terms terms;
    uint8_t i_kt[KEY_BYTES], r_kt[KEY_BYTES];
    struct sga_body i_share; /* SGA_SHARE of step B1, decrypted, until B4 */
    uint8_t i_n[KEY_BYTES], r_n[KEY_BYTES];
    uint8_t i_once[KEY_BYTES], r_once[KEY_BYTES];
};

/* Registration, figure 3: E_PK(k_d), E(ID), the set of ciphers. ERR_ARG for a bad account. */
int sga_register(const struct sga_account *self, const uint8_t cloud[KEY_BYTES],
                 struct sga_body *out);
/* The cloud opens it: ERR_DENIED when one of the suites is not in `allowed` or does not
 * encrypt. Whether the id is free and who
 * may take it is the caller's to decide: the print does not say. */
int sga_register_check(struct sga_account *a, const struct blob *in,
                       const struct noise_keypair *cloud, const struct list *allowed);

/* A1: the initiator asks for terms (its own choice of suite included; ERR_ARG when that is not one
 * of its ciphers or the ids are not a pair of valid ones). */
int sga_a1_ask(struct sga_device *d, const struct sga_account *self, const struct sga_terms *terms,
               struct sga_body *out);
/* A2: the cloud checks, and asks the responder. ERR_NOTFOUND: the suite is not a cipher of both. */
int sga_a2_forward(struct sga_cloud *c, const struct sga_pair *pair,
                   const struct noise_keypair *cloud, const struct blob *in, struct sga_body *out);
/* A3 in two calls, so that the responder's policy can look at d->terms in between. ERR_NOTFOUND:
 * the suite is not one of ours. */
int sga_a3_open(struct sga_device *d, const struct sga_account *self,
                const uint8_t cloud[KEY_BYTES], const struct blob *in);
int sga_a3_answer(struct sga_device *d, struct sga_body *out);
/* A4: the cloud checks the answer and tells the initiator. */
int sga_a4_forward(struct sga_cloud *c, const struct noise_keypair *cloud, const struct blob *in,
                   struct sga_body *out);
/* A5: the initiator reads it. */
int sga_a5_accept(struct sga_device *d, const struct blob *in);

/* B1: the initiator draws R and r. */
int sga_b1_share(struct sga_device *d, const struct sga_account *self, struct sga_body *out);
/* B2: the cloud opens the share, keeps it for B4, and invites the responder. */
int sga_b2_invite(struct sga_cloud *c, const struct blob *in, struct sga_body *out);
/* B3: the responder checks the invitation and draws its R and r. */
int sga_b3_share(struct sga_device *d, const struct sga_account *self, const struct blob *in,
                 struct sga_body *out);
/* B4: the cloud opens the responder's share and verifies both. */
int sga_b4_check(struct sga_cloud *c, const struct sga_pair *pair,
                 const struct noise_keypair *cloud, const struct blob *in);
/* B5 and B6: the cloud draws R_s; what each device gets. Ends the run: *c is wiped but for its
 * step. */
int sga_b5_grant(struct sga_cloud *c, struct sga_body *to_initiator, struct sga_body *to_responder);
/*
 * The same in one round, each message of B1 to B3 with that of A1 to A3. Nothing in the print
 * stands against it: B1 needs only the initiator's own temporary key, and B2 says nothing that A2
 * does not say. B1 follows A1, B2 follows A2 and keeps the share, B3 follows A3; A4 and A5 come
 * after them and go on to B4 and B7.
 */
int sga_b1_share_at_once(struct sga_device *d, const struct sga_account *self,
                         struct sga_body *out);
int sga_b2_keep(struct sga_cloud *c, const struct blob *in);
int sga_b3_share_at_once(struct sga_device *d, const struct sga_account *self,
                         struct sga_body *out);

/* B7: either device checks the hash and computes the session key. Ends the
 * run: *d is wiped but for its step. */
int sga_b7_key(struct sga_device *d, const struct blob *in, uint8_t key[KEY_BYTES]);

#endif

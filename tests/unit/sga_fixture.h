/*
 * sga_fixture.h - for tests of profile sga: alice, bob and the cloud, and every body that passed
 * between them, so that a test can stop a run anywhere and change what it likes.
 */
#ifndef INKPOST_TESTS_UNIT_SGA_FIXTURE_H
#define INKPOST_TESTS_UNIT_SGA_FIXTURE_H

#include "common/sga.h"
#include "common/sga_parts.h"

/* The steps in order; each takes the body that the one before made. */
enum at {
    AT_A1,
    AT_A2,
    AT_A3,
    AT_A4,
    AT_A5,
    AT_B1,
    AT_B2,
    AT_B3,
    AT_B4,
    AT_B5,
    AT_B7_I,
    AT_B7_R,
    AT_END
};

struct sga_world {
    struct noise_keypair cloud_key;
    struct sga_account alice, bob; /* the accounts, alike at the device and at the cloud */
    struct sga_pair pair;
    struct sga_terms terms;
    struct sga_device i, r;
    struct sga_cloud c;
    struct sga_body a1, a2, a3, a4, b1, b2, b3, to_i, to_r;
    uint8_t i_key[KEY_BYTES], r_key[KEY_BYTES];
};

/* Fresh keys and accounts; no step made. */
void sga_world_new(struct sga_world *w);
/* The same accounts, a new run: what the parties held and the bodies are forgotten. */
void sga_world_again(struct sga_world *w);
/* Make one step; its result. */
int sga_world_step(struct sga_world *w, enum at at);
/* Make the steps from..to-1; fails the test when one is refused. */
void sga_world_run(struct sga_world *w, enum at from, enum at to);
/* Fails the test unless the step refuses with one of two errors and leaves all parties as they are.
 * The world itself stays untouched. */
void sga_refused(const struct sga_world *w, enum at at, int err, int or_err);
/* The body that a step takes, NULL for those that take none. */
struct sga_body *sga_world_input(struct sga_world *w, enum at at);

struct blob sga_blob(const struct sga_body *b);
void sga_encode(const struct msg *m, struct sga_body *out);

/* Open a share of B1 or B3 with the temporary key around it. It borrows from plain. */
struct msg_sga_share sga_open_share(uint8_t suite, const uint8_t kt[KEY_BYTES],
                                    const struct sga_body *share, struct sga_body *plain);
/* B6 by whoever knows K: an N of the forger's own, vouched for. */
void sga_forge_grant(const struct sga_world *w, const uint8_t once[KEY_BYTES],
                     uint8_t exponent[KEY_BYTES], struct sga_body *out);
/* exponent times n, as a session key. */
void sga_key_with(uint8_t key[KEY_BYTES], const uint8_t exponent[KEY_BYTES],
                  const uint8_t n[KEY_BYTES]);
/* The print's c = E_K(m), and whether a key opens it to that text. */
void sga_send_text(const struct sga_world *w, const uint8_t key[KEY_BYTES], const char *message,
                   struct sga_body *out);
int sga_reads_text(const struct sga_world *w, const uint8_t key[KEY_BYTES],
                   const struct sga_body *sent, const char *message);

#endif

/*
 * phases.h - the phases of Al Sibahee 2020, run once by the three parties in one process, by the
 * real core of cloudd, sds and sdr, with the time that each party spends. No sockets, no disk, no
 * hop: what is timed is what the paper's Table 6 counts, and what a hardened profile adds to it.
 */
#ifndef INKPOST_TESTS_REPRODUCE_PHASES_H
#define INKPOST_TESTS_REPRODUCE_PHASES_H

#include "common/noise.h"
#include "common/pair_keys.h"
#include "common/pgm.h"
#include "common/profile.h"
#include "tests/reproduce/measure.h"

enum party { SDS, SDR, CLOUD, PARTIES };

/* Microseconds of CPU of each party in one run of a phase. */
struct laps {
    double us[PARTIES];
    double since;
};

struct testbed {
    struct noise_keypair cloud, sender, receiver;
    const struct scan *sender_scan, *receiver_scan;
    struct pair_keys pair;
    struct pgm_view cover;
    struct session_keys at_sender, at_receiver;
    struct keybuf at_cloud; /* the state of a profile whose cloud keeps one */
};

/* Registration and the keys of the pair: scans sealed to the cloud, features, Rv, Shk. */
void phase_register(struct laps *l, struct testbed *b, const struct profile *p);
/* The six steps of the negotiation. Leaves a session. */
void phase_negotiate(struct laps *l, struct testbed *b, const struct profile *p);
/* One message in that session, with the code `light`. */
void phase_deliver(struct laps *l, struct testbed *b, const struct profile *p,
                   const struct blob *message);

#endif

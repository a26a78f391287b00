/*
 * cloud_probe.h - what the files of this driver share: steps that several scenarios take, and the
 * scenarios, each with its arguments.
 */
#ifndef INKPOST_TESTS_INTEGRATION_CLOUD_PROBE_H
#define INKPOST_TESTS_INTEGRATION_CLOUD_PROBE_H

#include "tests/integration/cloud_peer.h"

/* ---- steps ---- */

/* All six steps between two attached devices. */
void negotiate(struct device *a, struct device *b, struct session_keys *keys);

/* A package that the cloud takes; what is hidden in the image is not the cloud's to judge. The
 * message points into static memory. */
void fill_package(struct msg *m, const char *from, const char *to, uint64_t index);
void send_package(struct device *d, const char *to, uint64_t index);

void expect_accepted(struct device *d, uint64_t index);
void expect_refused(struct device *d, uint64_t index, unsigned reason);

/* Take package `index` from the cloud and answer it. */
void receive(struct device *d, uint64_t index, uint8_t status);

/* The receipt of receive(), or EXPIRED without a MAC; and its acknowledgement. */
void expect_receipt(struct device *d, const char *peer, uint64_t index, uint8_t status);
void acknowledge(struct device *d, const struct msg *receipt);

/* RESUME the session to this peer: the index that the cloud waits for. */
uint64_t resume(struct device *d, const char *to);

/* ---- scenarios ---- */

/* enrolment.c */
void scenario_enrol(char **arg);
void scenario_enrol_fails(char **arg);
void scenario_enrol_blank(char **arg);

/* negotiation.c */
void scenario_negotiation(char **arg);
void scenario_repeats(char **arg);
void scenario_flood(char **arg);

/* delivery.c */
void scenario_flow(char **arg);
void scenario_full(char **arg);
void scenario_lies(char **arg);
void scenario_put(char **arg);
void scenario_altered(char **arg);
void scenario_revoked(char **arg);
void scenario_term(char **arg);

/* sets.c */
void scenario_sets(char **arg);

/* frames.c */
void scenario_preauth(char **arg);
void scenario_no_open(char **arg);
void scenario_postauth(char **arg);
void scenario_silent(char **arg);
void scenario_crowd(char **arg);

#endif

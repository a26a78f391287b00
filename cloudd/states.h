/*
 * states.h - the cloud's own copy of a session's state, in profiles whose cloud takes part in it
 * (`at_cloud` in common/profile.h): made with the session, turned by each package that is accepted,
 * sealed at rest.
 */
#ifndef INKPOST_CLOUDD_STATES_H
#define INKPOST_CLOUDD_STATES_H

#include "cloudd/vault.h"
#include "common/negotiation.h"

/* The session that these terms make: its name, and its first state, sealed. Nothing is sealed
 * (sealed->p NULL) when the profile keeps nothing at the cloud. ERR_NOMEM and others of vault.h. */
int states_begin(struct store_bytes *sealed, uint8_t session[SESSION_ID_BYTES],
                 const struct neg_terms *t, const struct noise_keypair *cloud);

/* The state after the PACKAGE `body`: of the session of that name, sealed before and after. next is
 * malloc'd. Errors of vault.h, of the decoder and of the profile; next is then empty. */
int states_turn(struct store_bytes *next, const struct store_bytes *was,
                const struct store_bytes *body, const struct noise_keypair *cloud);

#endif

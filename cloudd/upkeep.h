/*
 * upkeep.h - what the server does by the clock: expiry of what is too old, and revocations, which
 * an administrative command may have made in another process.
 */
#ifndef INKPOST_CLOUDD_UPKEEP_H
#define INKPOST_CLOUDD_UPKEEP_H

#include "cloudd/server.h"

#define NEG_RETENTION_DAYS 7

/* Before the store is started: learn which revocations are old news. */
void upkeep_start(struct server *srv);
/* Once a minute and at the start. */
void upkeep_expire(struct server *srv);
/* Once a second: close the connections of revoked devices, tell their peers. */
void upkeep_revoked(struct server *srv);

#endif

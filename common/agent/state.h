/*
 * state.h - the device's durable state: one SQLite file, state.db, opened by the program of either
 * role. What must change together changes in one transaction: a package and the chain key that made
 * it, an inbox entry and the replay record that stops its copy.
 *
 * Chain keys are overwritten in place (secure_delete); the log of SQLite may hold an earlier page
 * until its next checkpoint, which state_close() and every SQL checkpoint make.
 */
#ifndef INKPOST_AGENT_STATE_H
#define INKPOST_AGENT_STATE_H

#include "common/agent/home.h"
#include "common/sql/sql.h"

/* Open HOME/state.db and bring its schema up to date. `why` gets a sentence for people. */
int state_open(struct sql **db, const struct home *h, char *why, size_t why_len);
void state_close(struct sql *db);

/* What is wrong when a write to the state failed, and what to do. */
const char *state_trouble(int err);

/* Wall clock in microseconds: what rows are stamped with. */
int64_t state_now_us(void);

#endif

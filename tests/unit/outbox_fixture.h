/* outbox_fixture.h - the state.db of a sending device in a folder of its own, with messages and
 * sessions whose bytes follow from a number. */
#ifndef INKPOST_TESTS_UNIT_OUTBOX_FIXTURE_H
#define INKPOST_TESTS_UNIT_OUTBOX_FIXTURE_H

#include "common/agent/outbox.h"
#include "common/session.h"

struct tx {
    struct home home;
    struct sql *db;
};

/* cmocka set-up and tear-down: *state is a struct tx with an open state.db. */
int tx_setup(void **state);
int tx_teardown(void **state);
/* Close and open state.db again, as after a restart. */
void tx_reopen(struct tx *tx);
struct sql *tx_db(void **state);

/* Queue text to peer; returns the item's id. */
int64_t tx_put(struct sql *db, const char *peer, const char *text);
/* Make the oldest queued item to peer package `index` of session `number`; returns its id. */
int64_t tx_pack(struct sql *db, const char *peer, uint32_t number, uint64_t index);

void tx_make_session(struct out_session *s, uint32_t number, const char *peer);
void tx_put_session(struct sql *db, uint32_t number, const char *peer);
int tx_has_session(struct sql *db, uint32_t number);

#endif

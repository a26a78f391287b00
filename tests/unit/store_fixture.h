/* store_fixture.h - a store in a folder of its own, and short ways to fill it. For the store's
 * tests. */
#ifndef INKPOST_TESTS_UNIT_STORE_FIXTURE_H
#define INKPOST_TESTS_UNIT_STORE_FIXTURE_H

#include "cloudd/store.h"

#define FIX_NOW INT64_C(1700000000) /* the clock of all operations made here */

struct fix {
    char dir[64], path[80];
    struct store *s;
};

/* cmocka set-up and tear-down: *state is a struct fix with an open store, not started. */
int fix_setup(void **state);
int fix_teardown(void **state);
/* A store on a disk of its own of so many MiB; skips the test where it may not be mounted. */
void fix_disk_open(struct fix *f, unsigned mib);
void fix_disk_close(struct fix *f);
/* Close and open the store again, as after a restart. */
void fix_reopen(struct fix *f);
/* Remove the folder and what is in it. */
void fix_remove(const char *dir);

/* A new operation, or the test fails. */
struct store_op *fix_op(enum store_kind kind);
/* Run, check the answer, and give op back for its outputs. */
struct store_op *fix_run(struct store *s, struct store_op *op, enum store_result result,
                         unsigned reason);
/* The same when only the answer counts. */
void fix_expect(struct store *s, struct store_op *op, enum store_result result, unsigned reason);

/* Operations whose 32-byte fields are filled with one number each. */
struct store_op *fix_invite(const char *id, uint8_t token);
struct store_op *fix_add(const char *id, uint8_t token, uint8_t key, uint8_t scan);
struct store_op *fix_reserve(const char *id, uint8_t token, uint8_t key);
struct store_op *fix_revoke(const char *id);
/* Invite and add under one number; returns the enrolment number. */
uint64_t fix_enrol(struct store *s, const char *id, uint8_t number);

/* A package of `len` bytes whose content and digest follow from its name and `variant`. The body is
 * op->ctx, freed by fix_expect() and fix_free(). */
struct store_op *fix_enqueue(const char *from, const char *to, uint64_t index, size_t len,
                             uint8_t variant);
struct store_op *fix_fetch(const char *to, uint64_t after);
struct store_op *fix_receipt(uint64_t row, const char *from, const char *to, uint64_t index,
                             uint8_t status);
struct store_op *fix_receipts(const char *sender, uint64_t after);
void fix_free(struct store_op *op);
/* Packages in the mailbox, by its counters; bytes may be NULL. */
uint64_t fix_mailbox(struct store *s, const char *id, uint64_t *bytes);

/* The number that the file itself gives, read by a second connection; -1 when there is no row. */
int64_t fix_ask(const struct fix *f, const char *text);

#endif

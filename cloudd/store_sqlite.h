/*
 * store_sqlite.h - what the files of the SQLite back-end share: one function for each operation.
 *
 * Each runs inside a transaction that the caller opened, checks first and writes last. It returns 0
 * with op->result set, or a negative ERR_* when the database failed; then nothing of it is kept. It
 * may be run again from the same inputs.
 */
#ifndef INKPOST_CLOUDD_STORE_SQLITE_H
#define INKPOST_CLOUDD_STORE_SQLITE_H

#include <stdatomic.h>

#include "cloudd/store_backend.h"
#include "common/sql/sql.h"

/* A sealed record is a scan of at most a megapixel and a little; what is longer was not ours. */
#define STORED_MAX (8u << 20)

/* Above this, "one more" could leave the signed integers that SQL compares. */
#define STORE_INDEX_MAX (UINT64_C(1) << 62)

struct backend {
    struct sql *db;
    char *path;
    unsigned page_limit; /* 0: none */
    int may_grow;        /* in this batch: the reserve is in place */
    _Atomic uint64_t commits;
    struct store_op *inputs; /* copies of a batch before it ran, for the second try */
};

/* store_tokens.c, store_devices.c */
int store_invite(struct backend *b, struct store_op *op);
int store_token_reserve(struct backend *b, struct store_op *op);
int store_device_add(struct backend *b, struct store_op *op);
int store_device_attach(struct backend *b, struct store_op *op);
int store_device_get(struct backend *b, struct store_op *op);
int store_device_list(struct backend *b, struct store_op *op);
int store_device_revoke(struct backend *b, struct store_op *op);
int store_revoked_since(struct backend *b, struct store_op *op);
/* store_negotiations.c */
int store_pair_get(struct backend *b, struct store_op *op);
int store_pair_put(struct backend *b, struct store_op *op);
int store_neg_put(struct backend *b, struct store_op *op);
int store_neg_get(struct backend *b, struct store_op *op);
int store_neg_list(struct backend *b, struct store_op *op);
int store_neg_delete(struct backend *b, struct store_op *op);
/* store_mailbox.c */
int store_enqueue(struct backend *b, struct store_op *op);
int store_fetch(struct backend *b, struct store_op *op);
int store_stream_get(struct backend *b, struct store_op *op);
int store_mailboxes(struct backend *b, struct store_op *op);
int store_sessions(struct backend *b, struct store_op *op);
/* store_states.c: what a STORE_NEG_PUT brings, what a STORE_ENQUEUE does, what is a device's. */
int store_state_put(struct backend *b, const struct store_op *op);
int store_state_turn(struct backend *b, const struct store_op *op);
int store_state_forget(struct backend *b, const char *id);
/* store_receipts.c */
int store_receipt(struct backend *b, struct store_op *op);
int store_receipt_list(struct backend *b, struct store_op *op);
int store_receipt_ack(struct backend *b, struct store_op *op);
int store_expire(struct backend *b, struct store_op *op);

/* Set the answer; returns 0 so that it can end a function. */
int store_answer(struct store_op *op, enum store_result result, unsigned reason);
/* The enrolment of the living device of this id, 0 when there is none. */
int store_living(struct backend *b, const char *id, uint64_t *enrolment);
/* The next value of a counter that never goes back: 1 at first. */
int store_count_up(struct backend *b, const char *name, uint64_t *value);
/* Make the stream's next index at least `next`. */
int store_stream_raise(struct backend *b, const struct store_stream *stream, int64_t now);
/* Keep the receipt of a package that was never written. */
int store_receipt_unwritten(struct backend *b, const struct store_receipt *r, int64_t now);
/* Who claims which token for which id. */
struct store_claim {
    const char *id;
    const uint8_t *token_hash, *key;
};
/* Answer OK when the claim is good; else what the token operations say of it. used_by: the
 * enrolment that used the token, or 0. */
int store_token_check(struct backend *b, struct store_op *op, const struct store_claim *c,
                      uint64_t *used_by);
int store_token_use(struct backend *b, const uint8_t hash[DIGEST_BYTES], uint64_t enrolment);
/* store_shared.c: common parts of messages to sets. Bytes of the whole package that op brings. */
size_t store_package_bytes(const struct store_op *op);
/* The number of op's common part, stored now or before; 0 when it has none. */
int store_shared_take(struct backend *b, const struct store_op *op, uint64_t *number);
/* One package with this common part waits no more. */
int store_shared_give(struct backend *b, uint64_t number);
/* Forget a common part that nothing names; or all of those, one by one. */
int store_shared_drop(struct backend *b, uint64_t number);
int store_shared_sweep(struct backend *b);
/* Read the columns body, common, and that one's body: the body of a package, made whole. */
void store_get_body(struct sql_query *q, struct store_package *p);
/* store_held.c: what is held, counted. Take the package's place, or answer FULL. */
int store_held_take(struct backend *b, struct store_op *op);
/* One package of so many bytes is gone. */
int store_held_give(struct backend *b, const char *receiver, const char *sender, uint64_t bytes);
/* So many bytes that were counted with a package lie in the store once for several; negative: for
 * one less. */
int store_held_common(struct backend *b, int64_t bytes);
/* Has the sender so many receipts of this receiver waiting that it must take no more? */
int store_held_unacked(struct backend *b, const char *receiver, const char *sender, int *yes);
/* One receipt more, or one less. */
int store_held_receipt(struct backend *b, const struct store_receipt *r);
int store_held_receipt_gone(struct backend *b, const char *receiver, const char *sender);
/* A device is revoked, its packages and receipts are gone: forget the counts that are nothing. */
int store_held_forget(struct backend *b, const char *id);
/* store_history.c: packages that their receivers verified. All may be called when none is kept. */
int store_history(struct backend *b, struct store_op *op);
/* Copy a row of `packages` to what is kept, in the place of the oldest when the disk lacks room;
 * unless there is none even so, or it is kept already. */
int store_kept_add(struct backend *b, uint64_t row, uint64_t bytes, int64_t now);
/* Let the oldest go until what is held, with what the STORE_ENQUEUE added, fits its quotas. */
int store_kept_yield(struct backend *b, const struct store_op *op);
/* Is anything kept? */
int store_kept_any(struct backend *b, int *any);
/* Let the oldest n go, whosever they are; *gone: how many went. */
int store_kept_shed(struct backend *b, size_t n, size_t *gone);
int store_kept_expire(struct backend *b, struct store_op *op);
/* A receiver is revoked: what is kept for it goes. */
int store_kept_forget(struct backend *b, const char *receiver);
/* May the file take so many bytes more, with something left over for receipts and deletes? */
int store_has_room(struct backend *b, size_t bytes);
/* Turn all that is queued to a receiver into EXPIRED receipts. */
int store_expire_all_to(struct backend *b, const char *receiver, int64_t now);
/* Grow an array of n elements when it is full: at 0, 16, 32, 64 ... NULL without memory; the old
 * array is then still there. */
void *store_grow(void *v, size_t n, size_t size);

/* store_reserve.c: a file of RESERVE_BYTES beside the database, given back to a full disk so that
 * receipts and deletes can go on. Present: true when it is there in its full size. */
int store_reserve_present(const char *path);
/* True when it is there or could be made. */
int store_reserve_make(const char *path);
void store_reserve_release(const char *path);

#endif

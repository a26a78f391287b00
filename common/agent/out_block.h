/*
 * out_block.h - indices of the current session that are reserved on the disk, 64 at a time, so that
 * a package need not wait for the disk before it leaves.
 *
 * The session's row says what is not reserved: its state and `next` are those of the first
 * index behind the block, and send_seq.reserved bounds the sequence numbers that go with the block.
 * They are synced before the first package of the block leaves. So whatever a power cut takes of
 * the packages themselves, no index and no sequence number is used for a second one: what was
 * reserved and not used is passed over, as after a crash. And no state of an index that was used
 * is in the database, only in memory.
 *
 * A profile whose state depends on the messages cannot step ahead of them: it has no block, and
 * every package of it waits for the disk.
 */
#ifndef INKPOST_AGENT_OUT_BLOCK_H
#define INKPOST_AGENT_OUT_BLOCK_H

#include "common/agent/outbox.h"

#define OUT_BLOCK 64

/* Holds keys: keep it in guarded memory. All zero is a block of no session. */
struct out_block {
    struct out_session session; /* as in its row, but state and next are of the next index to use */
    uint64_t end;               /* the first index that is not reserved: next in the row */
    uint64_t seq_end;           /* the last sequence number that is reserved */
};

/* Look at the current session to peer: a block of another session, or one that others have changed
 * the row of, is replaced by an empty one. ERR_NOTFOUND: there is no session. */
int out_block_update(struct sql *db, const char *peer, struct out_block *b);
/* May the next package, with this sequence number, take its index from the block? */
int out_block_has(const struct out_block *b, uint64_t seq);
/* Reserve OUT_BLOCK more indices, and as many sequence numbers behind the last one given out. In
 * the caller's transaction, which must be on the disk before one of them is used; if that fails,
 * the block is to be forgotten. */
int out_block_reserve(struct sql *db, struct out_block *b);
/* A package was made with the next index, without a block if there can be none: then save the
 * session's state, in the caller's transaction, as above. */
int out_block_used(struct sql *db, struct out_block *b);
/* The receiver has verified this index. */
void out_block_hear(struct out_block *b, const uint8_t session[SESSION_ID_BYTES], uint64_t index);
/* Return what is not used to the row, and forget the block. In the caller's transaction. */
int out_block_give_back(struct sql *db, struct out_block *b);
void out_block_forget(struct out_block *b);

#endif

/*
 * store.h - what the cloud keeps, as a small table of operations.
 *
 * Every operation is a struct store_op: the caller fills in `kind`, `done` and the inputs, the
 * store fills in `result`, `reason` and the outputs. store_submit() queues it for the one writer
 * thread, which drains what waits (at most STORE_BATCH) into one transaction and one COMMIT; then
 * done() runs on the loop's thread, in the order of submission. store_run() does the same at once,
 * on the caller's thread, for the administrative commands and the tests; several processes may have
 * the same store open.
 *
 * Every write can be repeated safely: a repeat gives STORE_ALREADY and the outputs of the first
 * time. STORE_UNSURE: the commit failed half-way known, or the file could not be read (reason
 * STORAGE); repeat the same call. STORE_FULL: a quota or the disk (reason says which); nothing of
 * this operation was written, others of the batch are not affected. Secrets arrive sealed (vault.h)
 * and are never seen here.
 *
 * Back-ends: store_sqlite.c. SQL and semantics are kept plain, so that one with a server can
 * follow.
 */
#ifndef INKPOST_CLOUDD_STORE_H
#define INKPOST_CLOUDD_STORE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/offer.h"
#include "proto/msg.h"

#define STORE_BATCH     256
#define STORE_GATE_OPEN UINT64_MAX

#define STORE_RECEIPTS_MAX 10000 /* that wait for one sender about one receiver */
#define STORE_STREAMS_MAX  256   /* remembered of one sender and one receiver */
#define STORE_YIELD_MAX    64    /* kept packages that make room for one that is taken */

struct store;

enum store_result {
    STORE_OK,
    STORE_ALREADY,  /* was done before: outputs as then */
    STORE_CONFLICT, /* other content under the same name; reason says more */
    STORE_NOTFOUND,
    STORE_FULL,
    STORE_UNSURE
};

enum store_kind {
    STORE_INVITE,        /* put a token */
    STORE_TOKEN_RESERVE, /* a device shows a token */
    STORE_DEVICE_ADD,    /* consume the token and insert the device, in one transaction */
    STORE_DEVICE_ATTACH, /* find by key and id, keep its offer if that changed */
    STORE_DEVICE_GET,    /* find by id */
    STORE_DEVICE_LIST,
    STORE_DEVICE_REVOKE,
    STORE_REVOKED_SINCE, /* enrolments revoked by whichever process */
    STORE_PAIR_GET,
    STORE_PAIR_PUT,
    STORE_NEG_PUT, /* insert or advance a negotiation */
    STORE_NEG_GET,
    STORE_NEG_LIST, /* those that wait for a device in a role */
    STORE_NEG_DELETE,
    STORE_ENQUEUE,
    STORE_FETCH,
    STORE_RECEIPT, /* delete a package and keep its receipt, in one transaction */
    STORE_HISTORY, /* packages that were receipted as verified, and kept */
    STORE_RECEIPT_LIST,
    STORE_RECEIPT_ACK,
    STORE_STREAM,    /* next index of (from, to, session) */
    STORE_EXPIRE,    /* packages past retention become EXPIRED receipts; other old things go */
    STORE_MAILBOXES, /* per receiver: packages and bytes */
    STORE_SESSIONS,  /* per stream: from, to, session, next index, last use */
    STORE_BACKUP     /* a consistent copy of the file */
};

struct store_device {
    char id[ID_MAX + 1];
    uint8_t key[KEY_BYTES];
    uint64_t enrolment;
    struct offer offer;
    int64_t enrolled_at; /* unix seconds */
    int revoked;
};

/* Bytes that the store allocated (outputs) or lent to it until done() (inputs). */
struct store_bytes {
    uint8_t *p;
    size_t len;
};

enum neg_state {
    NEG_OPENED = 1, /* salts are out, the initiator's request is awaited */
    NEG_ASKED,      /* step 2 checked; the responder's answer is awaited */
    NEG_ANSWERED,   /* step 4 checked; the initiator's confirmation is awaited, or before that the
                       responder's word that it has its grant, where there is one */
    NEG_GRANTED     /* it has; the initiator's confirmation is awaited */
};

struct store_neg {
    uint8_t id[NEG_ID_BYTES]; /* T */
    uint64_t request;
    char from[ID_MAX + 1], to[ID_MAX + 1]; /* initiator, responder */
    enum neg_state state;
    struct store_bytes sealed; /* the server's own record, sealed by vault.h */
    /* put, with NEG_ANSWERED: the session that was made, and the cloud's copy of its state; NULL
     * where the cloud keeps none. Never an output. */
    uint8_t session[SESSION_ID_BYTES];
    struct store_bytes state_sealed;
};

/* The part of a message to a set that all members get (set.h). */
struct store_common {
    uint8_t *p;
    size_t len;
    uint8_t digest[DIGEST_BYTES];
    size_t users; /* the caller's: operations that are not done */
};

struct store_package {
    uint64_t row; /* names the stored copy; grows with every enqueue */
    char from[ID_MAX + 1], to[ID_MAX + 1];
    uint8_t session[SESSION_ID_BYTES];
    uint8_t direction;
    uint64_t index, seq;
    /* The PACKAGE body as received; enqueued with a common part, the member's part; fetched then,
     * with is_shared, the PACKAGE_SHARED body. */
    struct store_bytes body;
    uint8_t is_shared;
};

struct store_receipt {
    char sender[ID_MAX + 1], receiver[ID_MAX + 1];
    uint8_t session[SESSION_ID_BYTES];
    uint8_t direction;
    uint64_t index;
    uint8_t status; /* enum receipt_status */
    uint8_t digest[DIGEST_BYTES], mac[MAC_BYTES];
};

/*
 * A package that went to its receiver before it was written. When the receiver's word overtakes the
 * writer, the loop fills in the receipt and then sets `receipted`; an operation that finds it set
 * keeps the receipt and never writes the package.
 */
struct store_handover {
    atomic_int receipted;
    struct store_receipt receipt;
    uint64_t receiver; /* the caller's: serial of the connection that it went to */
};

struct store_mailbox {
    char id[ID_MAX + 1];
    uint64_t packages, bytes;
    int64_t oldest; /* unix seconds, 0 when empty */
    uint64_t kept_packages, kept_bytes;
};

struct store_stream {
    char from[ID_MAX + 1], to[ID_MAX + 1];
    uint8_t session[SESSION_ID_BYTES];
    uint64_t next;      /* one more than the highest index ever accepted */
    uint64_t enrolment; /* STORE_STREAM: of the living device `to`, 0 for none */
    int64_t used_at;
};

struct store_op {
    enum store_kind kind;
    enum store_result result;
    unsigned reason; /* REASON_* when not OK or ALREADY */
    void (*done)(struct store_op *op);
    void *ctx;     /* the caller's: the server */
    uint64_t conn; /* the caller's: serial of the connection that asked, 0 for none */
    int64_t now;   /* unix seconds, given by the caller so that tests set the clock */
    union {
        /* OK; CONFLICT: ID_TAKEN by a living device. Older tokens of the id stay good. */
        struct {
            char id[ID_MAX + 1];
            uint8_t token_hash[DIGEST_BYTES];
            int64_t expires;
        } invite;
        /* OK; NOTFOUND: TOKEN_WRONG; CONFLICT: TOKEN_USED, TOKEN_EXPIRED, TOKEN_HELD. ALREADY: used
         * by this very key and id, so that a device that lost our answer may repeat. */
        struct {
            char id[ID_MAX + 1];
            uint8_t token_hash[DIGEST_BYTES];
            uint8_t key[KEY_BYTES];
        } token;
        /* Checked in this order: TOKEN_* (as above), then CONFLICT: ID_TAKEN, KEY_TAKEN,
         * SIGNATURE_TAKEN. ALREADY: by the same key, id and token; enrolment is set. The key of a
         * revoked enrolment is not given out again; its id and its scan may be. */
        struct {
            struct store_device device; /* in: id, key, offer; out: enrolment */
            uint8_t token_hash[DIGEST_BYTES];
            /* keyed digest of the pixels, unique among the living */
            uint8_t scan_digest[DIGEST_BYTES];
            struct store_bytes sealed; /* dev, canvas and scan, sealed */
        } add;
        /* attach: in key, id, offer (an empty one leaves what is stored). get: in id.
         * NOTFOUND: NOT_ENROLLED or UNKNOWN_PEER. */
        struct store_device device;
        struct {
            struct store_device *v; /* out */
            size_t n;
        } devices;
        /* revoke: in id; drops its tokens, negotiations and pairs, turns what is queued to it into
         * EXPIRED receipts, still delivers what it sent. NOTFOUND: UNKNOWN_PEER. */
        struct {
            char id[ID_MAX + 1];
        } revoke;
        struct {
            uint64_t since;         /* in: the highest revocation number seen; out: the newest */
            struct store_device *v; /* out: those revoked after it */
            size_t n;
        } revoked;
        /* a < b in strcmp order, both living. get: OK and sealed; or NOTFOUND with reason NONE and
         * both enrolments' sealed records in rec_a, rec_b, to make the pair from; or NOTFOUND with
         * UNKNOWN_PEER. With `records` rec_a and rec_b come also with OK. put: ALREADY gives back
         * the one that was first in `sealed`, in the place of what was lent (which stays the
         * caller's: keep your own pointer to it). */
        struct {
            char a[ID_MAX + 1], b[ID_MAX + 1];
            uint64_t enrolment_a, enrolment_b;
            int records;
            struct store_bytes sealed, rec_a, rec_b;
        } pair;
        /* put: a new id replaces any other negotiation of the same from and to (out: replaced). An
         * advance must be to the next state, else CONFLICT: STALE; the same state again is ALREADY.
         * NOTFOUND: UNKNOWN_PEER, one of the two is not living.
         * get: by id, or, when that is all zeros, by from and to; NOTFOUND: STALE.
         * delete: by id; ALREADY when there is none. */
        struct {
            struct store_neg neg;
            int replaced;
        } neg;
        /* list: ROLE_SEND: OPENED, ANSWERED and GRANTED from id; ROLE_RECV: OPENED, ASKED and
         * ANSWERED to id. Oldest first, at most 256. */
        struct {
            char id[ID_MAX + 1];
            enum conn_role role;
            struct store_neg *v; /* out */
            size_t n;
        } negs;
        /* NOTFOUND: PEER_REVOKED or UNKNOWN_PEER. FULL: CLOUD_FULL, MAILBOX_FULL, SHARE_FULL,
         * DISK_FULL, or UNACKED: STORE_RECEIPTS_MAX of this sender about this receiver wait.
         * ALREADY: the same digest is queued (row is set), or it was receipted and the receipt
         * waits (receipt_known). CONFLICT: another digest is queued, or was receipted as verified,
         * under the same from, to, session and index (CONFLICT), or the index is beyond 2^62
         * (INDEX). NOTFOUND with NOT_ENROLLED: the sender was revoked a moment ago. A handover that
         * was receipted meanwhile: OK with receipt_known and no row; only the receipt is kept. */
        struct {
            struct store_package package; /* out: row; body stays the caller's */
            uint8_t digest[DIGEST_BYTES];
            /* NULL, or what goes with it: stored once for all packages of this sender that name its
             * digest, and gone with the last of them. Every mailbox counts it in full, the store
             * once. The caller's, while done() is due. */
            struct store_common *common;
            /* The first of an upload: its memory is counted with this operation's, and a damaged
             * copy in the store becomes whole. */
            int carries_common;
            uint64_t max_packages, max_bytes; /* quota of the mailbox */
            /* Of what others leave of the mailbox a sender may have at most this percentage, but
             * always one package; 0: all of it. */
            uint64_t share;
            uint64_t all_packages, all_bytes; /* quota of the store, 0: none */
            /* Once receipted as verified, packages are kept. They stand in what the quotas leave:
             * for each one that is taken, or was elided, the oldest kept ones give way, at most
             * STORE_YIELD_MAX at a time. */
            int keep;
            int receipt_known;
            struct store_receipt receipt;
            /* NULL, or a number shared by the operations of one stream, which only the store
             * touches while one of them is queued; `order` is this one's place in it. The first to
             * get FULL or UNSURE leaves its order there, and those of a higher order get FULL with
             * STREAM_STOPPED, so that none of them overtakes it. STORE_GATE_OPEN at first. */
            uint64_t *gate, order;
            struct store_handover *handover; /* NULL, or the caller's, while done() is due */
            /* NULL, or: turn the cloud's copy of the session's state with this package, if there is
             * one. Called by the writer's thread in the transaction that takes the package, not for
             * a repeated one: once an index, in rising order. next is malloc'd. Not 0: the state
             * stays, and the package is taken all the same. */
            int (*turn)(const struct store_op *op, const struct store_bytes *was,
                        struct store_bytes *next);
        } enqueue;
        struct {
            char to[ID_MAX + 1];
            uint64_t after; /* in: rows above this one, in their order */
            size_t max_n, max_bytes;
            struct store_package *v; /* out; at least one if any, even above max_bytes */
            size_t n;
        } fetch;
        /* row 0: the package was receipted before it was written: only the receipt is kept, and the
         * stream's next index rises as if it had been. A second receipt for the same name replaces
         * the first, but nothing other than VERIFIED replaces a VERIFIED. NOTFOUND: that row is
         * gone already, or is not a package of that name; or there is no row and the sender has
         * STORE_RECEIPTS_MAX waiting (UNACKED). A receipt to a revoked sender is not kept. With
         * `keep`, a package that was VERIFIED is kept, if the disk has room for it. */
        struct {
            uint64_t row;
            int keep;
            struct store_receipt receipt;
        } receipt;
        /* What is kept of the packages of `from` to `to`, in the order in which they were accepted.
         * The bounds as in fetch. */
        struct {
            char to[ID_MAX + 1], from[ID_MAX + 1];
            uint64_t after; /* in: rows above this one */
            uint64_t since; /* in: and of a seq above this one */
            size_t max_n, max_bytes;
            struct store_package *v; /* out: row, seq and body only */
            size_t n;
            int more; /* out: a bound ended it */
        } history;
        struct {
            char sender[ID_MAX + 1];
            uint64_t after; /* in/out: cursor */
            size_t max_n;
            struct store_receipt *v; /* out */
            size_t n;
        } receipts;
        /* in: from, to, session; out: next (0 when unknown), used_at. ack: uses .next as index;
         * ALREADY when there is no such receipt. */
        struct store_stream stream;
        struct {
            /* unix seconds: older ones go, and streams and tokens with the packages */
            int64_t packages_before, receipts_before, negs_before;
            int64_t kept_before;
            size_t max_n; /* at most so many packages, receipts, and kept ones, a call */
            char (*senders)[ID_MAX + 1]; /* out: who has new receipts */
            size_t n;
            int more; /* out: it stopped at max_n */
        } expire;
        struct {
            struct store_mailbox *v;
            size_t n;
        } mailboxes;
        struct {
            struct store_stream *v;
            size_t n;
        } sessions;
        /* CONFLICT: the file `path` is there already. */
        struct {
            const char *path;
        } backup;
    } u;
    struct store_op *next; /* the store's, while queued */
};

/*
 * Open or create the store in the file `path` and bring its schema up to date. ERR_VERSION when a
 * newer version wrote it, ERR_FORMAT when it is damaged or no database, ERR_PERMS when others may
 * read it, ERR_LOCKED, ERR_SYS, ERR_FULL. `why` gets a sentence for people.
 */
int store_open(struct store **out, const char *path, char *why, size_t why_len);

/*
 * Let the file grow to at most so many pages of 4096 bytes (0: no limit); for tests, and for an
 * operator's cap. What would grow it further gets FULL with DISK_FULL a little earlier, so that
 * receipts and deletes still find room. Before store_start(). ERR_ARG: above 2^31 - 2.
 */
int store_set_page_limit(struct store *s, unsigned pages);
/* Write transactions committed so far, for tests and the bench. */
uint64_t store_commits(const struct store *s);

/* Start the writer thread. notify_fd() becomes readable when completions wait; then the loop calls
 * store_complete(), which runs done() for some of them; while there are more, it stays readable. */
int store_start(struct store *s);
int store_notify_fd(const struct store *s);
void store_complete(struct store *s);

/* Queue op: it is the store's until done() gets it back. Never blocks, never fails. */
void store_submit(struct store *s, struct store_op *op);
/* Bytes of packages that an operation holds in memory. */
size_t store_op_bytes(const struct store_op *op);
/* Operations and bytes of packages that wait or are being written: for back-pressure. */
size_t store_waiting(const struct store *s);
size_t store_waiting_bytes(const struct store *s);

/* Run op now, on this thread, in a transaction of its own; done is not called. Not after
 * store_start() on the same handle. */
void store_run(struct store *s, struct store_op *op);

/* A zeroed op of this kind; NULL without memory. store_op_free() frees the outputs too (not
 * inputs). */
struct store_op *store_op_new(enum store_kind kind, void (*done)(struct store_op *));
void store_op_free(struct store_op *op);

/* Stop the thread after all that is queued is written and completed (done() runs), and close. */
void store_close(struct store *s);

#endif

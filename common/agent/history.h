/*
 * history.h - packages again from the cloud: asked for page by page on a connection of its own
 * role, so that a receiver that is running is not disturbed, and held against this device's own
 * record.
 *
 * The key of a message is erased once it has verified, so that a kept package cannot be checked as
 * it was then. What is recorded of it is the digest of its bytes: the same bytes are the message
 * that was verified, and no others are shown.
 */
#ifndef INKPOST_AGENT_HISTORY_H
#define INKPOST_AGENT_HISTORY_H

#include "common/agent/inbox.h"
#include "common/agent/link.h"

enum kept_kind {
    KEPT_OURS,       /* the bytes that were verified when they came */
    KEPT_UNREADABLE, /* no package at all */
    KEPT_UNKNOWN,    /* this device has no record of such a message */
    KEPT_ALTERED,    /* it has, of other bytes */
    KEPT_FOREIGN     /* the same bytes, of another sender than asked for */
};

struct kept {
    enum kept_kind kind;
    struct msg m;               /* as a PACKAGE; not set when UNREADABLE. Borrows from the bytes. */
    struct inbox_record record; /* of OURS: its message is the package's, or where that is
                                   encrypted the one of the record, which may be gone */
};

/* What are these bytes, which the cloud says came from `from`? ERR_NOMEM and errors of the state.
 * kept_free() is due either way. */
int kept_judge(struct kept *k, struct sql *db, const char *from, const struct msg_kept *m);
void kept_free(struct kept *k);
/* Why it is not shown, for people; NULL for OURS. */
const char *kept_why(enum kept_kind kind);

struct history;

struct history_config {
    struct event_base *base;
    struct sql *db;
    const struct home *home;
    enum hop_mode mode;
    struct offer offer;
    const char *from;
    uint64_t since;    /* only messages of a seq above this one */
    uint64_t limit;    /* stop after so many lines; 0: never */
    uint64_t timeout;  /* seconds without a word from the cloud */
    const char *inbox; /* folder for messages and images, or NULL */
    int json;
    /* It is over. why: a sentence for people, empty when all was shown; failed: there is no more to
     * come because of what why says; unverified: something was not shown. */
    void (*done)(void *arg, const char *why, int failed, int unverified);
    void *arg;
};

/* Opens the folder; `why` gets a sentence for people. ERR_NOMEM, ERR_SYS. What config points to
 * must outlive the history; config itself is copied. */
int history_new(struct history **out, const struct history_config *config, char *why, size_t cap);
/* Connect and ask; done() follows, not from inside. */
void history_start(struct history *h);
/* End it now; done() follows. */
void history_stop(struct history *h);
/* NULL is allowed. */
void history_free(struct history *h);

#endif

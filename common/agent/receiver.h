/*
 * receiver.h - the receiving engine: answers negotiations, checks packages, keeps and prints
 * messages, sends receipts. `sdr run` is a thin program around it.
 *
 * Single-threaded, on a libevent base. SIGPIPE must be ignored by the program.
 */
#ifndef INKPOST_AGENT_RECEIVER_H
#define INKPOST_AGENT_RECEIVER_H

#include "common/agent/link.h"
#include "common/agent/state.h"

/* From whom sessions are accepted. All zero accepts nobody. */
struct accept_policy {
    int any;
    size_t n;
    char (*ids)[ID_MAX + 1];
};

/* Parse "any" or "ID,ID,..."; free with accept_free. ERR_MALFORMED (why says where), ERR_NOMEM. */
int accept_parse(struct accept_policy *policy, const char *text, char *why, size_t why_len);
void accept_free(struct accept_policy *policy);
int accept_has(const struct accept_policy *policy, const char *id);

struct receiver;

struct receiver_handlers {
    /* The connection is gone; final when it will not come back, or when stdout is gone. why as in
     * link.h. */
    void (*down)(void *arg, int final, const char *why);
    /* One line for people. */
    void (*note)(void *arg, const char *text);
    /* A message of this peer is on stdout. May be NULL. */
    void (*shown)(void *arg, const char *from);
    /* The count is reached, or receiver_stop() was called, and the cloud has all receipts.
     * any_failed: a package did not verify. Never called from inside receiver_start or _stop. */
    void (*done)(void *arg, int any_failed);
};

struct receiver_config {
    struct event_base *base;
    struct sql *db;
    const struct home *home;
    enum hop_mode mode;
    struct offer offer;
    const struct accept_policy *accept; /* NULL: any */
    const char *inbox;                  /* folder for messages and images, or NULL */
    int json;                           /* lines of JSON on stdout, else text */
    uint64_t count;                     /* stop after so many lines; 0: never */
    const struct receiver_handlers *handlers;
    void *arg;
};

/* Opens the folder; `why` gets a sentence for people. ERR_NOMEM, ERR_SYS. What config points to
 * must outlive the receiver; config itself is copied. */
int receiver_new(struct receiver **out, const struct receiver_config *config, char *why,
                 size_t why_len);
/* Purge what is old, print what was received but not printed yet, connect. */
int receiver_start(struct receiver *r);
/* Save what has arrived, now, and leave no transaction open. */
void receiver_flush(struct receiver *r);
/* Finish what is in flight; done() follows. */
void receiver_stop(struct receiver *r);
/* NULL is allowed. */
void receiver_free(struct receiver *r);

#endif

/*
 * feed.h - lines of stdin as messages: covers in turn, several lines in one commit, and no more
 * under way than a window. `sds run` feeds its sending engine with them, and so does an `sdr run`
 * that answers.
 *
 * Single-threaded, on the sender's event base.
 */
#ifndef INKPOST_AGENT_FEED_H
#define INKPOST_AGENT_FEED_H

#include "common/agent/device.h"
#include "common/agent/report.h"

struct feed;

enum feed_trouble {
    FEED_LEFT_OUT, /* a line is too long, and was left out; or no more can be read */
    FEED_BROKEN    /* state.db cannot be written: nothing more is taken */
};

struct feed_handlers {
    /* stdin has ended, and so has every message. Called again when more of them end. */
    void (*over)(void *arg);
    /* What was wrong is on stderr already. */
    void (*trouble)(void *arg, enum feed_trouble what);
    /* So many lines were not taken, since there is nobody to send them to. */
    void (*unaddressed)(void *arg, size_t lines);
};

struct feed_config {
    const struct device *device;
    struct sender *sender;
    struct message_kind kind;
    const char *covers; /* the folder; NULL when the kind needs none */
    const char *to;     /* who gets every line; NULL: who was last named by feed_address() */
    int fd;             /* where the lines come from */
    const struct feed_handlers *handlers;
    void *arg;
};

/* Load the covers and count what is under way already. Prints what is wrong and returns an exit
 * code, or 0. What config points to must outlive the feed; config itself is copied. */
int feed_new(struct feed **out, const struct feed_config *config);
/* Begin to read. */
void feed_start(struct feed *f);
/* From now on lines are for this peer, unless config.to says otherwise. */
void feed_address(struct feed *f, const char *peer);
/* A message to this peer has ended, which makes room for another. */
void feed_ended(struct feed *f, const char *peer);
/* Read no more. */
void feed_stop(struct feed *f);
/* NULL is allowed. */
void feed_free(struct feed *f);

#endif

/*
 * show.h - what a receiver prints: one line a package, as JSON or for people.
 *
 * A line is flushed at once. What does not verify has no text anywhere: only who, where and why.
 */
#ifndef INKPOST_AGENT_SHOW_H
#define INKPOST_AGENT_SHOW_H

#include <stdio.h>

#include "common/agent/receiving.h"

struct show {
    FILE *out; /* messages, and in JSON failures too */
    FILE *err; /* failures, for people */
    int json;
};

/* Print a verified message; of one that is gone only that it was there. ERR_SYS when out cannot be
 * written, as below; ERR_NOMEM. */
int show_message(const struct show *s, const struct inbox_record *r);
/* Print that a package did not verify. */
int show_failure(const struct show *s, const struct verdict *v);
/* Print that what the cloud kept, as coming from `from`, is not shown. p: what it says of itself,
 * or NULL when it cannot be read. */
int show_unverified(const struct show *s, const char *from, const struct msg_package *p,
                    const char *why);

#endif

/*
 * work.h - what would keep the event loop waiting, done elsewhere: a few threads take jobs from one
 * queue, and the loop gets them back. Handshakes, sealed bodies and signatures go this way; a turn
 * of the loop itself does no public-key operation.
 */
#ifndef INKPOST_CLOUDD_WORK_H
#define INKPOST_CLOUDD_WORK_H

#include <stdint.h>

/* Part of what it works on, which belongs to the pool from work_submit() to done(). */
struct job {
    void (*run)(struct job *j);  /* on a thread of the pool; touches nothing that the loop may */
    void (*done)(struct job *j); /* on the loop */
    void *ctx;
    uint64_t conn; /* for the server: who asked */
    struct job *next;
};

struct work;

/* A pool with a thread for each processor, at most 4. NULL: no memory or no threads. */
struct work *work_new(void);

/* Readable when jobs are done; then the loop calls work_complete(), which runs done() for each. */
int work_notify_fd(const struct work *w);
void work_complete(struct work *w);

/* Queue a job. Never blocks, never fails. */
void work_submit(struct work *w, struct job *j);

/* Finish what is queued (done() runs), end the threads, free. NULL is allowed. */
void work_free(struct work *w);

#endif

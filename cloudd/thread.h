/*
 * thread.h - what the store's thread and the pool's have in common: how they are started, and the
 * bell by which they wake the loop.
 */
#ifndef INKPOST_CLOUDD_THREAD_H
#define INKPOST_CLOUDD_THREAD_H

#include <pthread.h>

/* Start a thread that takes no signals: they are the loop's, but for SIGSYS, which is about a
 * thread's own call (confine.h). 0 or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

/* A descriptor that is readable from bell_ring() to bell_clear(); -1 and errno. Close it. */
int bell_open(void);
void bell_ring(int bell);
/* Before looking at what it rang for: what comes in between rings again. */
void bell_clear(int bell);
/* Wait until it rings. */
void bell_wait(int bell);

#endif

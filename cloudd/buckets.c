/*
 * buckets.c - token buckets, each as one number: the time at which it will be full again. Taking
 * one moves that time on by what one costs, and is refused when it would lie too far ahead.
 */
#include "cloudd/buckets.h"

#include <stdlib.h>

#define SLOTS 8192 /* a power of two */

struct buckets {
    int64_t cost;        /* microseconds between two at the full rate */
    int64_t full[SLOTS]; /* microseconds */
};

struct buckets *buckets_new(uint64_t rate)
{
    struct buckets *b = calloc(1, sizeof(*b));

    if (b != NULL)
        b->cost = (int64_t)(1000000 / rate);
    return b;
}

void buckets_free(struct buckets *b)
{
    free(b);
}

int buckets_take(struct buckets *b, uint64_t hash, int64_t now_ms)
{
    int64_t *full = &b->full[hash % SLOTS], now = now_ms * 1000;
    int64_t from = *full > now ? *full : now;

    if (from + b->cost > now + BUCKET_SECONDS * INT64_C(1000000))
        return 0;
    *full = from + b->cost;
    return 1;
}

void buckets_give(struct buckets *b, uint64_t hash)
{
    b->full[hash % SLOTS] -= b->cost;
}

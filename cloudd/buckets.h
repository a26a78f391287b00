/*
 * buckets.h - rates: so many a second of each, and what it did not use for a few seconds at once.
 *
 * "Each" is whoever hashes to the same slot of a table of fixed size: nothing grows and nothing is
 * ever removed. Two that fall together share what one alone would have; with a keyed hash nobody
 * can choose to fall on another.
 */
#ifndef INKPOST_CLOUDD_BUCKETS_H
#define INKPOST_CLOUDD_BUCKETS_H

#include <stdint.h>

#define BUCKET_SECONDS 5 /* of unused rate are kept */

struct buckets;

/* rate: a second, 1 to 1,000,000. NULL without memory. */
struct buckets *buckets_new(uint64_t rate);
void buckets_free(struct buckets *b);

/* May there be one more now (milliseconds of a clock that does not go back)? Then it is counted. */
int buckets_take(struct buckets *b, uint64_t hash, int64_t now_ms);
/* The last one does not count. */
void buckets_give(struct buckets *b, uint64_t hash);

#endif

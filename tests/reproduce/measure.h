/*
 * measure.h - what the programs behind scripts/reproduce share: an end on any error, progress on
 * stderr, and the scans that they work on. Each prints its figures as one JSON object a line.
 */
#ifndef INKPOST_TESTS_REPRODUCE_MEASURE_H
#define INKPOST_TESTS_REPRODUCE_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/fx1.h"
#include "common/image.h"
#include "common/pair_keys.h"
#include "tests/bench/bench.h"

#define SCANS_MAX 64
#define NAME_SIZE 64

/* Say what failed and exit 1. */
void die(const char *what) __attribute__((noreturn));
/* Die unless err is 0. */
void must(int err);
void *must_alloc(size_t n);

/* Microseconds of CPU that this program has had: for what is long enough to be interrupted by the
 * other programs of a busy machine. Reading it takes a part of a microsecond. */
double cpu_now_us(void);

/* "table 3: pairs 20 of 91" on stderr, at the start, at the end and at each tenth between. */
void progress(const char *what, size_t done, size_t total);

struct scan {
    char signer[NAME_SIZE]; /* the file's name through its first number: signer01, synth1 */
    struct image grey;      /* what a device sends at its enrolment */
    uint8_t canvas[FX1_CANVAS];
};

/* Read all scans of a folder, in the order of their names, SCANS_MAX at most. Dies when there are
 * not two signers among them. */
struct scan *scans_load(const char *folder, size_t *n);
void scans_free(struct scan *scans, size_t n);

/*
 * Rv of every pair of scans by different signers, as the cloud makes it; free() the array. Of the
 * secrets beside Rv, which no table reads, the slice of Shk is drawn and k_pair is left zero.
 */
struct pair_keys *pairs_make(const struct scan *scans, size_t n, size_t *pairs);

#endif

/*
 * bench.h - what the benchmarks share: a clock, medians and percentiles, and bytes that are the
 * same in every run.
 */
#ifndef INKPOST_TESTS_BENCH_BENCH_H
#define INKPOST_TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

static inline double bench_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline int bench_by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The value below which `share` (0..1) of the n values lie; sorts v. n is at least 1. */
static inline double bench_percentile(double *v, size_t n, double share)
{
    size_t at = (size_t)(share * (double)n);

    qsort(v, n, sizeof(*v), bench_by_value);
    return v[at < n ? at : n - 1];
}

static inline double bench_median(double *v, size_t n)
{
    return bench_percentile(v, n, 0.5);
}

/* Bytes that depend on number only. */
static inline void bench_fill(void *p, size_t n, uint32_t number)
{
    uint8_t seed[randombytes_SEEDBYTES] = {0};

    memcpy(seed, &number, sizeof(number));
    randombytes_buf_deterministic(p, n, seed);
}

#endif

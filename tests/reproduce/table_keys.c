/*
 * table_keys.c - Tables 2 and 3 of Al Sibahee 2020: salt keys of variable length, cut from a real
 * Rv, and how much there is to guess in them. Usage: table_keys SIGNATURES DRAWS, a folder of scans
 * and the number of slices to draw in the count of all-zero ones.
 *
 * The min-entropy of a byte of Rv is estimated from its commonest value over all pairs of signers;
 * that of a slice is the sum over its bytes. The sum takes neighbouring bytes for independent,
 * which they are not, so it flatters the scheme.
 */
#include <math.h>
#include <stdio.h>

#include <sodium.h>

#include "cloudd/pairing.h"
#include "common/text.h"
#include "tests/reproduce/measure.h"

#define EXAMPLES 5   /* rows of Table 2 */
#define BITS_MAX 512 /* min-entropy of 64 bytes, at most */

static const size_t lengths[] = {SLICE_MIN, (SLICE_MIN + SLICE_MAX) / 2, SLICE_MAX};

static void print_example(const struct keybuf *sk, struct slice s)
{
    char hex[2 * KEYBUF_MAX + 1];

    text_hex(hex, sk->b, sk->len);
    printf("{\"row\":\"slice\",\"i\":%u,\"e\":%u,\"length\":%zu,\"hex\":\"%s\",\"value\":\"", s.i,
           s.e, sk->len, hex);
    for (size_t n = 0; n < sk->len; n++)
        printf("%u", sk->b[n]);
    printf("\"}\n");
}

static void table_2(const struct pair_keys *keys, size_t pairs)
{
    static const uint8_t t[NEG_ID_BYTES];

    for (unsigned n = 0; n < EXAMPLES; n++) {
        struct keybuf sk;
        struct slice s;
        unsigned redrawn;

        must(pairing_draw_slice(&keys[pairs / 2], &s, &redrawn));
        must(pair_keys_slice_sk(&sk, &keys[pairs / 2], t, s));
        print_example(&sk, s);
    }
}

/* ---- Table 3 ---- */

/* Bits of min-entropy of each byte of Rv: minus the logarithm of its commonest value's share. */
static void bits_of_bytes(double bits[FX1_BYTES], const struct pair_keys *keys, size_t pairs)
{
    for (size_t at = 0; at < FX1_BYTES; at++) {
        unsigned count[256] = {0}, most = 0;

        for (size_t p = 0; p < pairs; p++) {
            unsigned c = ++count[keys[p].rv[at]];

            most = c > most ? c : most;
        }
        bits[at] = log2((double)pairs / most);
    }
}

/* The largest number of pairs that have the same slice here. */
static size_t pairs_alike(const struct pair_keys *keys, size_t pairs, size_t at, size_t len)
{
    size_t most = 0;

    for (size_t a = 0; a < pairs; a++) {
        size_t same = 0;

        for (size_t b = 0; b < pairs; b++)
            same += memcmp(keys[a].rv + at, keys[b].rv + at, len) == 0;
        most = same > most ? same : most;
    }
    return most;
}

static void print_bits(size_t len, double *v, size_t n, size_t alike)
{
    static size_t count[BITS_MAX + 1];
    double sum = 0;

    memset(count, 0, sizeof(count));
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
        count[(size_t)fmin(v[i], BITS_MAX)]++;
    }
    printf("{\"row\":\"entropy\",\"length\":%zu,\"slices\":%zu,\"mean\":%.3f,\"median\":%.3f,", len,
           n, sum / (double)n, bench_median(v, n));
    printf("\"least\":%.3f,\"most\":%.3f,\"alike\":%zu}\n", v[0], v[n - 1], alike);
    for (size_t b = 0; b <= BITS_MAX; b++) {
        if (count[b] > 0)
            printf("{\"row\":\"histogram\",\"length\":%zu,\"bits\":%zu,\"share\":%.6f}\n", len, b,
                   (double)count[b] / (double)n);
    }
}

/* Every slice of one length. */
static void measure_length(const double bits[FX1_BYTES], const struct pair_keys *keys, size_t pairs,
                           size_t len)
{
    static double sums[FX1_BYTES];
    size_t n = FX1_BYTES - len + 1, alike = 0;

    for (size_t at = 0; at < n; at++) {
        sums[at] = 0;
        for (size_t k = 0; k < len; k++)
            sums[at] += bits[at + k];
        alike += 2 * pairs_alike(keys, pairs, at, len) > pairs;
    }
    print_bits(len, sums, n, alike);
}

static void print_bytes(const double bits[FX1_BYTES], const struct pair_keys *keys, size_t pairs,
                        size_t scans)
{
    size_t zero = 0, one_digit = 0;
    double all = 0;

    for (size_t p = 0; p < pairs; p++) {
        for (size_t at = 0; at < FX1_BYTES; at++) {
            zero += keys[p].rv[at] == 0;
            one_digit += keys[p].rv[at] < 10;
        }
    }
    for (size_t at = 0; at < FX1_BYTES; at++)
        all += bits[at];
    printf("{\"row\":\"bytes\",\"scans\":%zu,\"pairs\":%zu,\"zero_share\":%.5f,"
           "\"one_digit_share\":%.5f,\"rv_bits\":%.1f,\"bits_a_byte\":%.4f,\"ceiling\":%.3f}\n",
           scans, pairs, (double)zero / (double)(pairs * FX1_BYTES),
           (double)one_digit / (double)(pairs * FX1_BYTES), all, all / FX1_BYTES,
           log2((double)pairs));
}

/* Draw as the cloud does, and count what it had to throw away. */
static void count_zero_slices(const struct pair_keys *keys, size_t pairs, size_t draws)
{
    unsigned long zero = 0;

    for (size_t n = 0; n < draws; n++) {
        unsigned redrawn;
        struct slice s;

        if (n % 10000 == 0)
            progress("table 3: slices drawn", n, draws);
        must(pairing_draw_slice(&keys[n % pairs], &s, &redrawn));
        zero += redrawn;
    }
    progress("table 3: slices drawn", draws, draws);
    printf("{\"row\":\"draws\",\"drawn\":%lu,\"zero\":%lu}\n", draws + zero, zero);
}

static void table_3(const struct pair_keys *keys, size_t pairs, size_t scans, size_t draws)
{
    double *bits = must_alloc(FX1_BYTES * sizeof(*bits));
    size_t slices = 0;

    bits_of_bytes(bits, keys, pairs);
    print_bytes(bits, keys, pairs, scans);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        progress("table 3: lengths of slices", i, sizeof(lengths) / sizeof(lengths[0]));
        measure_length(bits, keys, pairs, lengths[i]);
    }
    for (size_t len = SLICE_MIN; len <= SLICE_MAX; len++)
        slices += FX1_BYTES - len + 1;
    printf("{\"row\":\"known_rv\",\"slices\":%zu,\"bits\":%.3f}\n", slices, log2((double)slices));
    count_zero_slices(keys, pairs, draws);
    free(bits);
}

int main(int argc, char **argv)
{
    struct pair_keys *keys;
    struct scan *scans;
    size_t n, pairs;
    uint64_t draws;

    if (argc != 3 || text_number(argv[2], 1, 100000000, &draws) != 0) {
        fprintf(stderr, "usage: table_keys SIGNATURES DRAWS\n");
        return 2;
    }
    if (sodium_init() < 0)
        return 1;
    scans = scans_load(argv[1], &n);
    keys = pairs_make(scans, n, &pairs);
    table_2(keys, pairs);
    table_3(keys, pairs, n, draws);
    free(keys);
    scans_free(scans, n);
    return 0;
}

/* test_stego.c - double-stegging as a whole: round trips, keys, mask, bounds of a change, vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/hill.h"
#include "common/kstream.h"
#include "common/stego.h"
#include "common/stego_code.h"
#include "covers.h"

#define VECTORS "tests/unit/stego-vectors.txt"

static const enum stego_code codes[] = {STEGO_LIGHT, STEGO_STEALTH};

static size_t bytes_of(size_t bits)
{
    return (bits + 7) / 8;
}

static size_t count_wrong(const uint8_t *a, const uint8_t *b, size_t bits)
{
    size_t wrong = 0;

    for (size_t i = 0; i < bits; i++)
        wrong += bit_get(a, i) != bit_get(b, i);
    return wrong;
}

/* Every change is by 1, one a block, in a block with i + j even inside the even part. */
static void check_changes(const uint8_t *cover, const uint8_t *stego, unsigned w, unsigned h)
{
    uint8_t *hit = calloc((size_t)w * h, 1);

    assert_non_null(hit);
    for (unsigned y = 0; y < h; y++) {
        for (unsigned x = 0; x < w; x++) {
            size_t at = (size_t)y * w + x;
            int change = (int)stego[at] - (int)cover[at];

            if (change == 0)
                continue;
            assert_in_range(change + 1, 0, 2);
            assert_true(x < w / 2 * 2 && y < h / 2 * 2);
            assert_int_equal((x / 2 + y / 2) % 2, 0);
            assert_int_equal(hit[(size_t)(y / 2) * w + x / 2]++, 0);
        }
    }
    free(hit);
}

static void round_trip(const uint8_t *cover, unsigned w, unsigned h, enum stego_code code,
                       size_t bits)
{
    size_t n = (size_t)w * h;
    uint8_t *stego = malloc(n), *payload = malloc(bytes_of(bits)), *got = malloc(bytes_of(bits));
    struct stego_keys keys;

    assert_true(stego != NULL && payload != NULL && got != NULL);
    cover_random(&keys, sizeof(keys), (uint32_t)bits);
    cover_random(payload, bytes_of(bits), (uint32_t)bits + 1);
    memcpy(stego, cover, n);
    memset(got, 0xff, bytes_of(bits));
    assert_int_equal(stego_embed(stego, w, h, &keys, code, payload, bits), 0);
    check_changes(cover, stego, w, h);
    assert_int_equal(stego_extract(stego, w, h, &keys, code, got, bits), 0);
    assert_int_equal(count_wrong(payload, got, bits), 0);
    for (size_t i = bits; i < 8 * bytes_of(bits); i++)
        assert_int_equal(bit_get(got, i), 0);
    free(stego);
    free(payload);
    free(got);
}

static void round_trips(const uint8_t *cover, unsigned w, unsigned h)
{
    size_t room = stego_capacity(w, h);
    size_t sizes[] = {1, 7, 8, 9, 64, 192, room / 2, room - 1, room};

    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            if (sizes[i] >= 1 && sizes[i] <= room)
                round_trip(cover, w, h, codes[c], sizes[i]);
        }
    }
}

static void round_trips_file(const struct image *grey, const char *name, void *arg)
{
    (void)name;
    (void)arg;
    round_trips(grey->pixels, (unsigned)grey->width, (unsigned)grey->height);
}

static void stego__every_cover_in_the_project__round_trips(void **state)
{
    (void)state;
    assert_true(cover_each(round_trips_file, NULL) >= 21);
}

static void stego__every_formula_and_odd_size__round_trips(void **state)
{
    static const char *const kinds[] = {"busy", "ramp", "step", "black", "white", "noise"};
    static const unsigned sizes[][2] = {{2, 2},   {3, 3},   {2, 3},    {4, 2},   {5, 4},
                                        {16, 16}, {17, 16}, {16, 19},  {31, 33}, {65, 7},
                                        {2, 200}, {201, 2}, {100, 99}, {64, 64}};

    (void)state;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint8_t *cover = cover_make(kinds[k], sizes[i][0], sizes[i][1]);

            round_trips(cover, sizes[i][0], sizes[i][1]);
            free(cover);
        }
    }
}

static void stego__every_payload_size_of_a_small_cover__round_trips(void **state)
{
    uint8_t *cover = cover_make("step", 22, 21);

    (void)state;
    assert_int_equal(stego_capacity(22, 21), 55);
    for (size_t bits = 1; bits <= 55; bits++) {
        round_trip(cover, 22, 21, STEGO_LIGHT, bits);
        round_trip(cover, 22, 21, STEGO_STEALTH, bits);
    }
    free(cover);
}

/* Longer than KSTREAM_SHORT_MAX on both sides: the 32-bit words of the shuffle. */
static void stego__large_cover__round_trips(void **state)
{
    uint8_t *cover = cover_make("noise", 300, 301);

    (void)state;
    round_trip(cover, 300, 301, STEGO_LIGHT, 192);
    round_trip(cover, 300, 301, STEGO_STEALTH, 192);
    free(cover);
}

/* Share of wrong bits, in percent of 100, when extraction uses other keys than embedding. */
static double error_rate(const char *kind, enum stego_code code, int right1, int right2)
{
    size_t wrong = 0, total = 0;

    for (uint32_t round = 0; total < 24000; round++) {
        struct stego_keys keys, other;
        uint8_t payload[24], got[24], *pixels = cover_make(kind, 64, 64);

        cover_random(&keys, sizeof(keys), 2 * round);
        cover_random(&other, sizeof(other), 2 * round + 1);
        cover_random(payload, sizeof(payload), round + 1000000);
        if (right1)
            memcpy(other.k1, keys.k1, sizeof(keys.k1));
        if (right2)
            memcpy(other.k2, keys.k2, sizeof(keys.k2));
        assert_int_equal(stego_embed(pixels, 64, 64, &keys, code, payload, 192), 0);
        assert_int_equal(stego_extract(pixels, 64, 64, &other, code, got, 192), 0);
        wrong += count_wrong(payload, got, 192);
        total += 192;
        free(pixels);
    }
    return (double)wrong / (double)total;
}

static void check_half(double rate)
{
    assert_true(rate > 0.48 && rate < 0.52);
}

static void stego__one_wrong_key__half_of_the_bits_are_wrong(void **state)
{
    static const char *const kinds[] = {"busy", "black", "white", "ramp"};

    (void)state;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        check_half(error_rate(kinds[k], STEGO_LIGHT, 1, 0));
        check_half(error_rate(kinds[k], STEGO_LIGHT, 0, 1));
        check_half(error_rate(kinds[k], STEGO_LIGHT, 0, 0));
    }
    check_half(error_rate("busy", STEGO_STEALTH, 1, 0));
    check_half(error_rate("busy", STEGO_STEALTH, 0, 1));
    assert_true(error_rate("busy", STEGO_LIGHT, 1, 1) == 0);
}

/* Each block of D in turn; every one of them must scramble. */
static void scramble(enum stego_code code, size_t *wrong, size_t *total)
{
    struct stego_keys keys;
    uint8_t payload[24], got[24], *pixels = cover_make("busy", 40, 40);

    cover_random(&keys, sizeof(keys), 5);
    cover_random(payload, sizeof(payload), 6);
    assert_int_equal(stego_embed(pixels, 40, 40, &keys, code, payload, 192), 0);
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned j = (i + 1) % 2; j < 20; j += 2) {
            size_t at = (size_t)(2 * i + j % 2) * 40 + 2 * j + i % 2;

            pixels[at] ^= 1;
            assert_int_equal(stego_extract(pixels, 40, 40, &keys, code, got, 192), 0);
            assert_in_range(count_wrong(payload, got, 192), 55, 137);
            *wrong += count_wrong(payload, got, 192);
            *total += 192;
            pixels[at] ^= 1;
        }
    }
    free(pixels);
}

static void stego__any_parity_changed_in_d__scrambles_the_payload(void **state)
{
    size_t wrong = 0, total = 0;

    (void)state;
    scramble(STEGO_LIGHT, &wrong, &total);
    scramble(STEGO_STEALTH, &wrong, &total);
    assert_int_equal(total, 2 * 200 * 192);
    check_half((double)wrong / (double)total);
}

/* Sum and number of the PSNRs of one kind of payload and side. */
struct quality {
    int side;
    size_t bits;
    double sum;
    unsigned n;
};

static void add_quality(const struct image *grey, const char *name, void *arg)
{
    struct quality *q = arg;
    struct image stego = *grey;

    if (grey->width != q->side || strncmp(name, "syn-", 4) == 0)
        return;
    for (uint32_t round = 0; round < 8; round++) {
        struct stego_keys keys;
        struct image_diff diff;
        uint8_t payload[24];

        cover_random(&keys, sizeof(keys), round);
        cover_random(payload, sizeof(payload), round + 500);
        stego.pixels = malloc(image_pixels(grey));
        assert_non_null(stego.pixels);
        memcpy(stego.pixels, grey->pixels, image_pixels(grey));
        assert_int_equal(stego_embed(stego.pixels, (unsigned)q->side, (unsigned)q->side, &keys,
                                     STEGO_LIGHT, payload, q->bits),
                         0);
        assert_int_equal(image_compare(grey, &stego, &diff), 0);
        q->sum += diff.psnr;
        q->n++;
        free(stego.pixels);
    }
}

static void stego__light_on_the_project_covers__keeps_its_quality(void **state)
{
    struct quality small = {128, 64, 0, 0}, large = {256, 192, 0, 0};

    (void)state;
    cover_each(add_quality, &small);
    cover_each(add_quality, &large);
    assert_true(small.n == 64 && small.sum / small.n >= 81.0);
    assert_true(large.n == 64 && large.sum / large.n >= 82.5);
}

static void stego__pixel_changed_by_two__leaves_the_payload(void **state)
{
    struct stego_keys keys;
    uint8_t payload[8], got[8], *pixels = cover_make("busy", 64, 64);

    (void)state;
    cover_random(&keys, sizeof(keys), 5);
    cover_random(payload, sizeof(payload), 6);
    assert_int_equal(stego_embed(pixels, 64, 64, &keys, STEGO_LIGHT, payload, 64), 0);
    for (size_t i = 0; i < 64 * 64; i++)
        pixels[i] ^= 2;
    assert_int_equal(stego_extract(pixels, 64, 64, &keys, STEGO_LIGHT, got, 64), 0);
    assert_memory_equal(payload, got, 8);
    free(pixels);
}

static void stego__codes_are_not_interchangeable(void **state)
{
    struct stego_keys keys;
    uint8_t payload[24], got[24], *pixels = cover_make("busy", 128, 128);

    (void)state;
    cover_random(&keys, sizeof(keys), 5);
    cover_random(payload, sizeof(payload), 6);
    assert_int_equal(stego_embed(pixels, 128, 128, &keys, STEGO_LIGHT, payload, 192), 0);
    assert_int_equal(stego_extract(pixels, 128, 128, &keys, STEGO_STEALTH, got, 192), 0);
    assert_in_range(count_wrong(payload, got, 192), 55, 137);
    free(pixels);
}

static void stego__bad_arguments__are_refused_and_change_nothing(void **state)
{
    static const struct {
        unsigned w, h;
        int code;
        size_t bits;
        int err;
    } cases[] = {
        {32, 32, STEGO_LIGHT, 0, ERR_ARG},
        {0, 32, STEGO_LIGHT, 8, ERR_ARG},
        {32, 0, STEGO_STEALTH, 8, ERR_ARG},
        {32, 32, 0, 8, ERR_ARG},
        {32, 32, 3, 8, ERR_ARG},
        {STEGO_SIDE_MAX, STEGO_SIDE_MAX + 1, STEGO_LIGHT, 8, ERR_ARG},
        {65536, 65537, STEGO_LIGHT, 8, ERR_ARG},
        {32, 32, STEGO_LIGHT, 129, ERR_TOO_SMALL},
        {32, 32, STEGO_STEALTH, 129, ERR_TOO_SMALL},
        {32, 32, STEGO_LIGHT, SIZE_MAX, ERR_TOO_SMALL},
        {1, 32, STEGO_LIGHT, 1, ERR_TOO_SMALL},
        {1, 1, STEGO_STEALTH, 1, ERR_TOO_SMALL},
    };
    struct stego_keys keys = {{1}, {2}};
    uint8_t payload[32] = {0}, got[32] = {0};
    uint8_t *cover = cover_make("busy", 32, 32), *pixels = cover_make("busy", 32, 32);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum stego_code code = (enum stego_code)cases[i].code;

        assert_int_equal(
            stego_embed(pixels, cases[i].w, cases[i].h, &keys, code, payload, cases[i].bits),
            cases[i].err);
        assert_int_equal(
            stego_extract(pixels, cases[i].w, cases[i].h, &keys, code, got, cases[i].bits),
            cases[i].err);
    }
    assert_memory_equal(cover, pixels, 32 * 32);
    free(cover);
    free(pixels);
}

static void stego_capacity__counts_blocks_with_even_sum(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 20; w++) {
        for (unsigned h = 0; h < 20; h++) {
            size_t n = 0;

            for (unsigned i = 0; i < h / 2; i++) {
                for (unsigned j = 0; j < w / 2; j++)
                    n += (i + j) % 2 == 0;
            }
            assert_int_equal(stego_capacity(w, h), n);
        }
    }
    assert_int_equal(stego_capacity(128, 128), 2048);
}

static void stego_min_side__is_the_smallest_that_embeds(void **state)
{
    static const size_t sizes[] = {1, 2, 5, 6, 64, 128, 192, 2048, 2049};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned side = stego_min_side(sizes[i], STEGO_LIGHT);

        assert_int_equal(side % 2, 0);
        assert_true(stego_capacity(side, side) >= sizes[i]);
        assert_true(stego_capacity(side - 2, side - 2) < sizes[i]);
        assert_int_equal(side, stego_min_side(sizes[i], STEGO_STEALTH));
    }
    assert_int_equal(stego_min_side(192, STEGO_LIGHT), 40);
    assert_int_equal(stego_min_side(SIZE_MAX, STEGO_LIGHT), 0);
    assert_int_equal(stego_min_side(8, (enum stego_code)0), 0);
}

static void stego_is_flat__more_than_half_of_the_blocks_constant(void **state)
{
    uint8_t *pixels = cover_make("black", 9, 9);

    (void)state;
    assert_true(stego_is_flat(pixels, 9, 9));
    for (unsigned b = 0; b < 8; b++) {
        assert_true(stego_is_flat(pixels, 9, 9));
        pixels[(size_t)(2 * (b / 4)) * 9 + 2 * (b % 4) + b % 2]++;
    }
    assert_false(stego_is_flat(pixels, 9, 9));
    free(pixels);
    pixels = cover_make("busy", 16, 16);
    assert_false(stego_is_flat(pixels, 16, 16));
    free(pixels);
}

static void stego_code_name__there_and_back(void **state)
{
    (void)state;
    assert_int_equal(stego_code_from_name("light"), STEGO_LIGHT);
    assert_int_equal(stego_code_from_name("stealth"), STEGO_STEALTH);
    assert_int_equal(stego_code_from_name("Light"), ERR_ARG);
    assert_int_equal(stego_code_from_name(""), ERR_ARG);
    assert_string_equal(stego_code_name(STEGO_STEALTH), "stealth");
    assert_null(stego_code_name((enum stego_code)7));
}

static void sha256_hex(char out[65], const void *p, size_t len)
{
    uint8_t digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, p, len);
    sodium_bin2hex(out, 65, digest, sizeof(digest));
}

static void numbers_hex(char out[65], const uint32_t *v, size_t n)
{
    uint8_t *le = malloc(4 * n);

    assert_non_null(le);
    for (size_t i = 0; i < 4 * n; i++)
        le[i] = (uint8_t)(v[i / 4] >> (8 * (i % 4)));
    sha256_hex(out, le, 4 * n);
    free(le);
}

static int vector_stream(const char *line)
{
    unsigned seed, n;
    char hex[512], got[512];
    uint8_t key[32], out[256];
    struct kstream ks;

    if (sscanf(line, "stream %u %u %511s", &seed, &n, hex) != 3 || n > sizeof(out) - 1)
        return 0;
    cover_seeded(key, sizeof(key), seed);
    kstream_init(&ks, key, "inkpost test");
    kstream_bytes(&ks, out, 1);
    kstream_bytes(&ks, out + 1, n - 1);
    sodium_bin2hex(got, sizeof(got), out, n);
    assert_string_equal(got, hex);
    return 1;
}

static int vector_shuffle(const char *line)
{
    unsigned seed, n, count;
    char hex[65], got[65];
    uint8_t key[32];
    struct kstream ks;

    if (sscanf(line, "shuffle %u %u %u %64s", &seed, &n, &count, hex) != 4)
        return 0;
    uint32_t *items = malloc(n * sizeof(*items));

    assert_non_null(items);
    for (uint32_t i = 0; i < n; i++)
        items[i] = i;
    cover_seeded(key, sizeof(key), seed);
    kstream_init(&ks, key, "inkpost test");
    kstream_shuffle(&ks, items, n, count);
    numbers_hex(got, items, count);
    assert_string_equal(got, hex);
    free(items);
    return 1;
}

static int vector_columns(const char *line)
{
    unsigned width;
    char hex[129], got[129];
    uint8_t columns[STEALTH_WIDTH_MAX];

    if (sscanf(line, "columns %u %128s", &width, hex) != 2 || width > sizeof(columns))
        return 0;
    stego_stealth_columns(columns, width);
    sodium_bin2hex(got, sizeof(got), columns, width);
    assert_string_equal(got, hex);
    return 1;
}

static int vector_hill(const char *line)
{
    unsigned w, h;
    char kind[16], hex[65], got[65];

    if (sscanf(line, "hill %15s %u %u %64s", kind, &w, &h, hex) != 4)
        return 0;
    uint8_t *cover = cover_make(kind, w, h);
    uint32_t *cost = malloc((size_t)w * h * sizeof(*cost));

    assert_non_null(cost);
    assert_int_equal(hill_costs(cost, cover, w, h), 0);
    numbers_hex(got, cost, (size_t)w * h);
    assert_string_equal(got, hex);
    free(cover);
    free(cost);
    return 1;
}

static int vector_stego(const char *line)
{
    unsigned w, h, seed, bits, changed, differ = 0;
    char name[16], kind[16], hex[65], got[65];
    uint8_t payload[24];
    struct stego_keys keys;

    if (sscanf(line, "stego %15s %15s %u %u %u %u %u %64s", name, kind, &w, &h, &seed, &bits,
               &changed, hex) != 8 ||
        bits > 192)
        return 0;
    int code = stego_code_from_name(name);
    uint8_t *cover = cover_make(kind, w, h), *stego = cover_make(kind, w, h);

    assert_true(code > 0);
    cover_seeded(keys.k1, sizeof(keys.k1), seed);
    cover_seeded(keys.k2, sizeof(keys.k2), seed + 1);
    cover_seeded(payload, bytes_of(bits), seed + 2);
    assert_int_equal(stego_embed(stego, w, h, &keys, (enum stego_code)code, payload, bits), 0);
    for (size_t i = 0; i < (size_t)w * h; i++)
        differ += cover[i] != stego[i];
    sha256_hex(got, stego, (size_t)w * h);
    assert_int_equal(differ, changed);
    assert_string_equal(got, hex);
    free(cover);
    free(stego);
    return 1;
}

static void stego__vectors_of_the_reference__are_met(void **state)
{
    char line[1024];
    size_t n[5] = {0};
    FILE *f = fopen(VECTORS, "r");

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#')
            continue;
        int kind = vector_stream(line)    ? 0
                   : vector_shuffle(line) ? 1
                   : vector_columns(line) ? 2
                   : vector_hill(line)    ? 3
                   : vector_stego(line)   ? 4
                                          : -1;

        assert_true(kind >= 0);
        n[kind]++;
    }
    fclose(f);
    assert_true(n[0] >= 2 && n[1] >= 7 && n[2] >= 7 && n[3] >= 5 && n[4] >= 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stego__vectors_of_the_reference__are_met),
        cmocka_unit_test(stego__every_cover_in_the_project__round_trips),
        cmocka_unit_test(stego__every_formula_and_odd_size__round_trips),
        cmocka_unit_test(stego__every_payload_size_of_a_small_cover__round_trips),
        cmocka_unit_test(stego__large_cover__round_trips),
        cmocka_unit_test(stego__one_wrong_key__half_of_the_bits_are_wrong),
        cmocka_unit_test(stego__any_parity_changed_in_d__scrambles_the_payload),
        cmocka_unit_test(stego__light_on_the_project_covers__keeps_its_quality),
        cmocka_unit_test(stego__pixel_changed_by_two__leaves_the_payload),
        cmocka_unit_test(stego__codes_are_not_interchangeable),
        cmocka_unit_test(stego__bad_arguments__are_refused_and_change_nothing),
        cmocka_unit_test(stego_capacity__counts_blocks_with_even_sum),
        cmocka_unit_test(stego_min_side__is_the_smallest_that_embeds),
        cmocka_unit_test(stego_is_flat__more_than_half_of_the_blocks_constant),
        cmocka_unit_test(stego_code_name__there_and_back),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

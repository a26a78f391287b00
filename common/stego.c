/*
 * stego.c - carriers, their order, the mask, and the drivers of embed and extract. The codes
 * themselves are in stego_light.c and stego_stealth.c. Normative description: docs/stego.md.
 */
#include "common/stego.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/hill.h"
#include "common/kdf.h"
#include "common/kstream.h"
#include "common/stego_code.h"

/*
 * One image under work. carriers: the blocks with i + j even in K1's order, each as block number
 * (i * columns + j) * 2 + parity; readers: the others in K2's order. bits_*: bit strings, see
 * stego.h.
 */
struct job {
    const uint8_t *pixels;
    unsigned width, height;
    enum stego_code code;
    size_t m, room, read;
    uint32_t *carriers, *readers;
    uint8_t *mask, *syndrome, *packed;
};

size_t stego_capacity(unsigned width, unsigned height)
{
    return ((size_t)(width / 2) * (height / 2) + 1) / 2;
}

unsigned stego_min_side(size_t bits, enum stego_code code)
{
    if (stego_code_name(code) == NULL)
        return 0;
    for (unsigned side = 2; side <= STEGO_SIDE_MAX; side += 2) {
        if (stego_capacity(side, side) >= bits)
            return side;
    }
    return 0;
}

int stego_code_from_name(const char *name)
{
    for (int code = STEGO_LIGHT; code <= STEGO_STEALTH; code++) {
        if (strcmp(name, stego_code_name((enum stego_code)code)) == 0)
            return code;
    }
    return ERR_ARG;
}

const char *stego_code_name(enum stego_code code)
{
    switch (code) {
    case STEGO_LIGHT:
        return "light";
    case STEGO_STEALTH:
        return "stealth";
    }
    return NULL;
}

int stego_is_flat(const uint8_t *pixels, unsigned width, unsigned height)
{
    size_t constant = 0, blocks = (size_t)(width / 2) * (height / 2);

    for (unsigned y = 0; y + 1 < height; y += 2) {
        const uint8_t *r = pixels + (size_t)y * width, *s = r + width;

        for (unsigned x = 0; x + 1 < width; x += 2)
            constant += r[x] == r[x + 1] && r[x] == s[x] && r[x] == s[x + 1];
    }
    return 2 * constant > blocks;
}

static uint64_t load64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/*
 * Write the items of a row of n blocks, the first to even, the second to odd, and so on. Four
 * blocks at a time: the low bit of each 16-bit lane is the parity of a block's sum.
 */
static void collect_row(const uint8_t *r, const uint8_t *s, uint32_t n, uint32_t id, uint32_t *even,
                        uint32_t *odd)
{
    uint32_t j = 0;

    for (; j + 4 <= n; j += 4) {
        uint64_t x = load64(r + 2 * (size_t)j) ^ load64(s + 2 * (size_t)j);
        uint32_t item = (id + j) << 1;

        x ^= x >> 8;
        *even++ = item | (uint32_t)(x & 1);
        *odd++ = (item + 2) | (uint32_t)(x >> 16 & 1);
        *even++ = (item + 4) | (uint32_t)(x >> 32 & 1);
        *odd++ = (item + 6) | (uint32_t)(x >> 48 & 1);
    }
    for (; j < n; j++) {
        size_t x = 2 * (size_t)j;
        uint32_t item = (id + j) << 1 | ((r[x] ^ r[x + 1] ^ s[x] ^ s[x + 1]) & 1u);

        if (j % 2 == 0)
            *even++ = item;
        else
            *odd++ = item;
    }
}

static void collect(struct job *job)
{
    uint32_t columns = job->width / 2, rows = job->height / 2;
    uint32_t *carriers = job->carriers, *readers = job->readers;

    for (uint32_t i = 0; i < rows; i++) {
        const uint8_t *r = job->pixels + 2 * (size_t)i * job->width;
        uint32_t first = (columns + 1) / 2, second = columns / 2;

        if (i % 2 == 0) {
            collect_row(r, r + job->width, columns, i * columns, carriers, readers);
            carriers += first;
            readers += second;
        } else {
            collect_row(r, r + job->width, columns, i * columns, readers, carriers);
            carriers += second;
            readers += first;
        }
    }
}

static void shuffle(uint32_t *items, size_t n, size_t count, const uint8_t *key, const char *label)
{
    struct kstream ks;

    kstream_init(&ks, key, label);
    kstream_shuffle(&ks, items, n, count);
    kstream_wipe(&ks);
}

/* The mask: m bits keyed by K2 and by every parity that was read, in K2's order. */
static void make_mask(struct job *job, const uint8_t k2[STEGO_KEY_BYTES])
{
    uint8_t key[KSTREAM_KEY_BYTES];
    struct kstream ks;
    struct kdf k;

    for (size_t i = 0; i < job->read; i++)
        bit_put(job->packed, i, job->readers[i]);
    kdf_init(&k, k2, STEGO_KEY_BYTES, "inkpost stego mask", sizeof(key));
    kdf_u64(&k, job->width);
    kdf_u64(&k, job->height);
    kdf_u64(&k, job->m);
    kdf_field(&k, job->packed, (job->read + 7) / 8);
    kdf_final(&k, key, sizeof(key));
    kstream_init(&ks, key, "inkpost stego mask stream");
    kstream_bytes(&ks, job->mask, (job->m + 7) / 8);
    kstream_wipe(&ks);
    sodium_memzero(key, sizeof(key));
}

static size_t used_carriers(const struct job *job)
{
    switch (job->code) {
    case STEGO_LIGHT:
        return stego_light_used(job->m, job->room);
    case STEGO_STEALTH:
        return stego_stealth_used(job->m, job->room);
    }
    return 0;
}

static void read_syndrome(struct job *job)
{
    switch (job->code) {
    case STEGO_LIGHT:
        stego_light_syndrome(job->syndrome, job->carriers, job->m, job->room);
        return;
    case STEGO_STEALTH:
        stego_stealth_syndrome(job->syndrome, job->carriers, job->m, job->room);
        return;
    }
}

/* The bytes of one job, apart from the struct: the items, then the bit strings. */
static size_t job_bytes(const struct job *job)
{
    return (job->room + job->read) * sizeof(uint32_t) + 2 * ((job->m + 7) / 8) +
           (job->read + 7) / 8;
}

static void job_close(struct job *job)
{
    if (job->carriers != NULL)
        sodium_memzero(job->carriers, job_bytes(job));
    free(job->carriers);
    job->carriers = NULL;
}

/* Check the arguments in job, order the blocks, and leave mask and syndrome ready. */
static int job_open(struct job *job, const struct stego_keys *keys)
{
    uint32_t blocks = (job->width / 2) * (job->height / 2);

    job->carriers = NULL;
    if (stego_code_name(job->code) == NULL || job->m == 0 || job->width == 0 || job->height == 0 ||
        (uint64_t)job->width * job->height > STEGO_PIXELS_MAX)
        return ERR_ARG;
    job->room = stego_capacity(job->width, job->height);
    job->read = blocks - job->room;
    if (job->m > job->room)
        return ERR_TOO_SMALL;
    job->carriers = calloc(1, job_bytes(job));
    if (job->carriers == NULL)
        return ERR_NOMEM;
    job->readers = job->carriers + job->room;
    job->mask = (uint8_t *)(job->readers + job->read);
    job->syndrome = job->mask + (job->m + 7) / 8;
    job->packed = job->syndrome + (job->m + 7) / 8;
    collect(job);
    shuffle(job->carriers, job->room, used_carriers(job), keys->k1, "inkpost stego carriers");
    shuffle(job->readers, job->read, job->read, keys->k2, "inkpost stego readers");
    make_mask(job, keys->k2);
    read_syndrome(job);
    return 0;
}

int stego_extract(const uint8_t *pixels, unsigned width, unsigned height,
                  const struct stego_keys *keys, enum stego_code code, uint8_t *payload,
                  size_t bits)
{
    struct job job = {.pixels = pixels, .width = width, .height = height, .code = code, .m = bits};
    int err = job_open(&job, keys);

    if (err == 0) {
        for (size_t i = 0; i < (bits + 7) / 8; i++)
            payload[i] = job.syndrome[i] ^ job.mask[i];
        if (bits % 8 != 0)
            payload[bits / 8] = (uint8_t)(payload[bits / 8] & ((1u << bits % 8) - 1));
    }
    job_close(&job);
    return err;
}

/* Offset of a block's top left pixel. */
static size_t block_offset(const struct job *job, uint32_t item)
{
    uint32_t columns = job->width / 2, id = item >> 1;

    return 2 * ((size_t)(id / columns) * job->width + id % columns);
}

/* Offset within its block of pixel k: row by row. */
static size_t pixel_offset(const struct job *job, unsigned k)
{
    return (k >> 1) * (size_t)job->width + (k & 1);
}

/* The costs of the carriers in use, each that of its cheapest pixel, from those of all pixels. */
static int carrier_costs(const struct job *job, const uint32_t *pixel_cost, uint32_t **out)
{
    size_t used = used_carriers(job);
    uint32_t *cost = calloc(used, sizeof(*cost));

    if (cost == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < used; i++) {
        const uint32_t *block = pixel_cost + block_offset(job, job->carriers[i]);

        cost[i] = block[0];
        for (unsigned k = 1; k < 4; k++) {
            uint32_t c = block[pixel_offset(job, k)];

            cost[i] = c < cost[i] ? c : cost[i];
        }
    }
    *out = cost;
    return 0;
}

static int solve_stealth(const struct job *job, const uint32_t *pixel_cost, uint32_t *flips,
                         size_t *n)
{
    uint32_t *cost = NULL;
    int err = carrier_costs(job, pixel_cost, &cost);

    if (err == 0)
        err = stego_stealth_solve(flips, n, job->syndrome, job->m, cost, job->room);
    free(cost);
    return err;
}

/* Without costs a saturated pixel, whose change has one possible sign, is the dearer one. */
static uint32_t plain_cost(uint8_t pixel)
{
    return pixel == 0 || pixel == 255;
}

/*
 * Flip a block: of its pixels, from the one the draw says and around, the first of least cost
 * goes up or down as the draw says.
 */
static void flip(const struct job *job, uint8_t *pixels, const uint32_t *pixel_cost, uint32_t item,
                 uint8_t draw)
{
    size_t block = block_offset(job, item), best = 0;
    uint32_t least = UINT32_MAX;

    for (unsigned k = 0; k < 4; k++) {
        size_t at = block + pixel_offset(job, (draw + k) & 3u);
        uint32_t cost = pixel_cost == NULL ? plain_cost(pixels[at]) : pixel_cost[at];

        if (cost < least) {
            least = cost;
            best = at;
        }
    }
    int up = pixels[best] == 0 || (pixels[best] != 255 && (draw & 4u) != 0);

    pixels[best] = (uint8_t)(up ? pixels[best] + 1 : pixels[best] - 1);
}

/* One byte of the stream of (K1, K2) for each flip, in the order of the carriers. */
static void apply(const struct job *job, uint8_t *pixels, const struct stego_keys *keys,
                  const uint32_t *pixel_cost, const uint32_t *flips, size_t n)
{
    uint8_t key[KSTREAM_KEY_BYTES], draw;
    struct kstream ks;

    kdf_derive(key, sizeof(key), keys->k1, "inkpost stego signs", keys->k2, STEGO_KEY_BYTES);
    kstream_init(&ks, key, "inkpost stego signs stream");
    for (size_t i = 0; i < n; i++) {
        kstream_bytes(&ks, &draw, 1);
        flip(job, pixels, pixel_cost, job->carriers[flips[i]], draw);
    }
    kstream_wipe(&ks);
    sodium_memzero(key, sizeof(key));
}

/* Turn the syndrome into its difference from what it should become. */
static void make_difference(struct job *job, const uint8_t *payload)
{
    for (size_t i = 0; i < (job->m + 7) / 8; i++)
        job->syndrome[i] ^= payload[i] ^ job->mask[i];
}

int stego_embed(uint8_t *pixels, unsigned width, unsigned height, const struct stego_keys *keys,
                enum stego_code code, const uint8_t *payload, size_t bits)
{
    struct job job = {.pixels = pixels, .width = width, .height = height, .code = code, .m = bits};
    uint32_t *pixel_cost = NULL, *flips = NULL;
    size_t n = 0;
    int err = job_open(&job, keys);

    if (err < 0)
        goto out;
    err = ERR_NOMEM;
    flips = calloc(used_carriers(&job), sizeof(*flips));
    if (flips == NULL)
        goto out;
    make_difference(&job, payload);
    if (code == STEGO_LIGHT) {
        n = stego_light_solve(flips, job.syndrome, bits, job.room);
    } else {
        pixel_cost = calloc((size_t)width * height, sizeof(*pixel_cost));
        if (pixel_cost == NULL)
            goto out;
        err = hill_costs(pixel_cost, pixels, width, height);
        if (err == 0)
            err = solve_stealth(&job, pixel_cost, flips, &n);
        if (err < 0)
            goto out;
    }
    apply(&job, pixels, keys, pixel_cost, flips, n);
    err = 0;
out:
    free(flips);
    free(pixel_cost);
    job_close(&job);
    return err;
}

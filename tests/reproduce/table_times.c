/*
 * table_times.c - Table 6 of Al Sibahee 2020: the time of each term, and of each party in each
 * phase, for the profiles `paper` and `auth`. Usage: table_times SIGNATURES COVER ROUNDS, a folder
 * of scans, a cover of 128x128 pixels, and how often each is measured. Medians, in microseconds; of
 * CPU for what is long enough to be interrupted.
 */
#include <stdio.h>

#include <sodium.h>

#include "cloudd/pairing.h"
#include "common/macless.h"
#include "common/stego.h"
#include "common/text.h"
#include "tests/reproduce/phases.h"

#define ROUNDS_MAX 10001
#define BATCH      1000 /* of what is too short for the clock */
#define SIDE       128
#define HIDDEN     8 /* bytes: MACLESS and R^T */

static const struct blob hello = {(const uint8_t *)"Hello", 5};

static double samples[ROUNDS_MAX];

static void report(const char *term, size_t rounds)
{
    double median = bench_median(samples, rounds);

    printf("{\"row\":\"term\",\"term\":\"%s\",\"us\":%.5f,\"p99_us\":%.5f}\n", term, median,
           bench_percentile(samples, rounds, 0.99));
}

/* Terms as the negotiation's steps 2 and 3 have them. */
static void fill_terms(struct neg_terms *t, const struct testbed *b)
{
    struct slice s;
    unsigned redrawn;

    memset(t, 0, sizeof(*t));
    memcpy(t->cloud, b->cloud.public_key, KEY_BYTES);
    memcpy(t->initiator, "sds", 4);
    memcpy(t->responder, "sdr", 4);
    pairing_salt(t->salt);
    must(pairing_draw_slice(&b->pair, &s, &redrawn));
    must(pair_keys_slice_shk(&t->shk, &b->pair));
    must(pair_keys_slice_sk(&t->sk, &b->pair, t->negotiation, s));
}

static void time_asymmetric(const struct testbed *b, size_t rounds)
{
    static double open[ROUNDS_MAX];
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_terms t;
    size_t len;

    fill_terms(&t, b);
    for (size_t r = 0; r < rounds; r++) {
        double at = bench_now_us();

        must(neg_body_seal(&t, b->cloud.public_key, sealed, &len));
        samples[r] = bench_now_us() - at;
        at = bench_now_us();
        must(neg_body_check(&t, &(struct blob){sealed, len}, &b->cloud));
        open[r] = bench_now_us() - at;
    }
    report("T_ASE", rounds);
    memcpy(samples, open, sizeof(samples));
    report("T_ASD", rounds);
}

static void time_features(const struct testbed *b, size_t rounds)
{
    static double whole[ROUNDS_MAX];
    static uint8_t one[FX1_CANVAS], two[FX1_CANVAS], rv[FX1_BYTES];
    const struct image *i = &b->sender_scan->grey, *r = &b->receiver_scan->grey;
    size_t few = rounds / 4 + 1;

    for (size_t n = 0; n < few; n++) {
        double at = cpu_now_us(), half;

        must(fx1_normalise(one, i->pixels, i->width, i->height, 1));
        must(fx1_normalise(two, r->pixels, r->width, r->height, 1));
        half = cpu_now_us();
        fx1_union(one, one, two);
        fx1_features(rv, one);
        samples[n] = cpu_now_us() - half;
        whole[n] = cpu_now_us() - at;
    }
    report("Rv alone", few);
    memcpy(samples, whole, sizeof(samples));
    report("T_bio-v", few);
}

static void time_keys(const struct testbed *b, size_t rounds)
{
    static const uint8_t t[NEG_ID_BYTES];
    uint8_t salt[KEY_BYTES];
    struct keybuf sk;
    struct slice s;
    unsigned redrawn;

    for (size_t r = 0; r < rounds; r++) {
        double at = bench_now_us();

        must(pairing_draw_slice(&b->pair, &s, &redrawn));
        must(pair_keys_slice_sk(&sk, &b->pair, t, s));
        samples[r] = bench_now_us() - at;
    }
    report("T_SkSDi", rounds);
    for (size_t r = 0; r < rounds; r++) {
        double at = bench_now_us();

        pairing_salt(salt);
        samples[r] = bench_now_us() - at;
    }
    report("T_SkCS", rounds);
}

static void xor_in(struct keybuf *k, const uint8_t salt[KEY_BYTES])
{
    for (size_t i = 0; i < k->len; i++)
        k->b[i] ^= salt[i % KEY_BYTES];
}

/* XOR alone, and one turn of Sk: XOR and shift. */
static void time_turn(const struct testbed *b, size_t rounds)
{
    uint8_t hidden[HIDDEN_MAX] = {0};
    struct session_keys keys;
    struct neg_terms t;

    fill_terms(&t, b);
    must(profile_paper.keys(&keys, &t));
    randombytes_buf(hidden, sizeof(hidden));
    for (size_t r = 0; r < rounds; r++) {
        double at = bench_now_us();

        for (int n = 0; n < BATCH; n++)
            xor_in(&t.sk, t.salt);
        samples[r] = (bench_now_us() - at) / BATCH;
    }
    report("T_Xor", rounds);
    for (size_t r = 0; r < rounds; r++) {
        double at = bench_now_us();

        for (int n = 0; n < BATCH; n++)
            profile_paper.turn(&keys.state, hidden);
        samples[r] = (bench_now_us() - at) / BATCH;
    }
    report("T_Xor + T_shift", rounds);
}

static void time_hash(const struct testbed *b, size_t rounds)
{
    static const uint8_t rt[4];
    uint8_t tag[MACLESS_BYTES];
    struct neg_terms t;

    fill_terms(&t, b);
    for (size_t r = 0; r < rounds; r++) {
        struct blob parts[] = {
            hello, {t.salt, KEY_BYTES}, keybuf_blob(&t.sk), keybuf_blob(&t.shk), {rt, 4}};
        double at = bench_now_us();

        must(macless(tag, parts, 5));
        samples[r] = bench_now_us() - at;
    }
    report("T_h", rounds);
}

static void time_stego(const struct testbed *b, size_t rounds)
{
    static double extract[ROUNDS_MAX];
    static uint8_t pixels[SIDE * SIDE];
    uint8_t payload[HIDDEN];
    struct stego_keys keys;

    profile_paper.places(&keys, NULL);
    for (size_t r = 0; r < rounds; r++) {
        double at;

        memcpy(pixels, b->cover.pixels, sizeof(pixels));
        bench_fill(payload, sizeof(payload), (uint32_t)r);
        at = bench_now_us();
        must(stego_embed(pixels, SIDE, SIDE, &keys, STEGO_LIGHT, payload, 8 * HIDDEN));
        samples[r] = bench_now_us() - at;
        at = bench_now_us();
        must(stego_extract(pixels, SIDE, SIDE, &keys, STEGO_LIGHT, payload, 8 * HIDDEN));
        extract[r] = bench_now_us() - at;
    }
    report("T_ST", rounds);
    memcpy(samples, extract, sizeof(samples));
    report("T_Ex", rounds);
}

/* ---- phases ---- */

enum phase { REGISTRATION, NEGOTIATION, DELIVERY };

static const char *const phase_names[] = {"registration", "negotiation", "delivery"};
static const struct profile *const compared[] = {&profile_paper, &profile_auth};
#define COMPARED (sizeof(compared) / sizeof(compared[0]))

static void run_phase(struct laps *l, struct testbed *b, const struct profile *p, enum phase phase)
{
    switch (phase) {
    case REGISTRATION:
        phase_register(l, b, p);
        break;
    case NEGOTIATION:
        phase_negotiate(l, b, p);
        break;
    case DELIVERY:
        phase_deliver(l, b, p, &hello);
        break;
    }
}

/* One phase, the profiles in turns, so that both have the same luck with the machine. Each has a
 * testbed of its own. */
static void time_phase(struct testbed b[COMPARED], enum phase phase, size_t rounds)
{
    static double us[COMPARED][PARTIES][ROUNDS_MAX];
    struct laps l;

    for (size_t r = 0; r < rounds; r++) {
        for (size_t p = 0; p < COMPARED; p++) {
            run_phase(&l, &b[p], compared[p], phase);
            for (int who = 0; who < PARTIES; who++)
                us[p][who][r] = l.us[who];
        }
    }
    for (size_t p = 0; p < COMPARED; p++)
        printf("{\"row\":\"phase\",\"phase\":\"%s\",\"profile\":\"%s\",\"sds\":%.3f,"
               "\"sdr\":%.3f,\"cloud\":%.3f}\n",
               phase_names[phase], compared[p]->name, bench_median(us[p][SDS], rounds),
               bench_median(us[p][SDR], rounds), bench_median(us[p][CLOUD], rounds));
}

static void measure(const struct testbed *b, size_t rounds)
{
    static void (*const terms[])(const struct testbed *b, size_t rounds) = {
        time_asymmetric, time_features, time_keys, time_turn, time_hash, time_stego};
    const size_t n = sizeof(terms) / sizeof(terms[0]);
    static struct testbed each[COMPARED];

    for (size_t p = 0; p < COMPARED; p++)
        each[p] = *b;
    for (int phase = REGISTRATION; phase <= DELIVERY; phase++) {
        progress("table 6: phases", (size_t)phase, 3);
        time_phase(each, (enum phase)phase, phase == REGISTRATION ? rounds / 4 + 1 : rounds);
    }
    progress("table 6: phases", 3, 3);
    for (size_t i = 0; i < n; i++) {
        terms[i](&each[0], rounds);
        progress("table 6: terms", i + 1, n);
    }
}

/* The scans of two signers; pairs_make has seen to it that there are two. */
static void set_signers(struct testbed *b, const struct scan *scans, size_t n)
{
    b->sender_scan = &scans[0];
    for (size_t i = 1; i < n; i++) {
        b->receiver_scan = &scans[i];
        if (strcmp(scans[i].signer, scans[0].signer) != 0)
            return;
    }
}

int main(int argc, char **argv)
{
    static struct testbed b;
    struct image img, grey;
    char why[IMAGE_WHY_MAX];
    struct scan *scans;
    uint64_t rounds;
    size_t n;

    if (argc != 4 || text_number(argv[3], 1, ROUNDS_MAX, &rounds) != 0) {
        fprintf(stderr, "usage: table_times SIGNATURES COVER ROUNDS\n");
        return 2;
    }
    if (sodium_init() < 0)
        return 1;
    if (image_load(&img, argv[2], why, sizeof(why)) != 0)
        die(why);
    must(image_to_grey(&img, &grey));
    if (grey.width != SIDE || grey.height != SIDE)
        die("the cover is not 128x128");
    scans = scans_load(argv[1], &n);
    set_signers(&b, scans, n);
    b.cover = (struct pgm_view){SIDE, SIDE, grey.pixels};
    noise_keypair_new(&b.cloud);
    noise_keypair_new(&b.sender);
    noise_keypair_new(&b.receiver);
    measure(&b, rounds);
    image_free(&img);
    image_free(&grey);
    scans_free(scans, n);
    return 0;
}

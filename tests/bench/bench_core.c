/*
 * bench_core.c - what the core's steps cost one device, without sockets and disks: FX-1, the two
 * Noise handshakes and, with the cloud's part, that of sga, packages, frames, the ratchet. Medians
 * of many rounds, and as a measure that can be carried to another machine their ratio to BLAKE2b
 * over 16 KiB in the same run.
 *
 *     bench_core [SIGNATURES]     a folder of scans; tests/data/signatures when not given
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fx1.h"
#include "common/hop.h"
#include "common/image.h"
#include "common/package.h"
#include "common/profile.h"
#include "common/session.h"
#include "common/stego.h"
#include "common/suite.h"
#include "tests/bench/bench.h"

#define ROUNDS    1001
#define SCANS_MAX 64
#define HASHED    16384

static double hash_us; /* BLAKE2b over HASHED bytes */

static void die(const char *what)
{
    fprintf(stderr, "bench_core: %s\n", what);
    exit(1);
}

static void must(int err)
{
    if (err != 0)
        die(err_str(err));
}

static void *must_alloc(size_t n)
{
    void *p = malloc(n);

    if (p == NULL)
        die("no memory");
    return p;
}

/* One row from n samples, in microseconds; sorts them. */
static void row(const char *what, double *us, size_t n)
{
    double m = bench_median(us, n);

    printf("%-52s %6zu %10.2f %10.2f %10.3f\n", what, n, m, bench_percentile(us, n, 0.99),
           m / hash_us);
}

static void time_hash(void)
{
    static double us[ROUNDS];
    static uint8_t bytes[HASHED];
    uint8_t digest[32];

    bench_fill(bytes, sizeof(bytes), 1);
    for (size_t r = 0; r < ROUNDS; r++) {
        double t = bench_now_us();

        crypto_generichash_blake2b(digest, sizeof(digest), bytes, sizeof(bytes), NULL, 0);
        us[r] = bench_now_us() - t;
    }
    hash_us = bench_median(us, ROUNDS);
    row("BLAKE2b over 16 KiB (the measure)", us, ROUNDS);
}

/* ---- FX-1 ---- */

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.' && strstr(e->d_name, ".txt") == NULL;
}

/* Median time of one scan's way to its canvas; false when the file is no usable scan. */
static int time_scan(const char *path, uint8_t canvas[FX1_CANVAS], double *median)
{
    double us[15];
    struct image img = {0};
    char why[IMAGE_WHY_MAX];
    int err = image_load(&img, path, why, sizeof(why));

    for (size_t r = 0; err == 0 && r < sizeof(us) / sizeof(us[0]); r++) {
        double t = bench_now_us();

        err = fx1_normalise(canvas, img.pixels, img.width, img.height, img.channels);
        us[r] = bench_now_us() - t;
    }
    image_free(&img);
    if (err == 0)
        *median = bench_median(us, sizeof(us) / sizeof(us[0]));
    return err == 0;
}

static void time_pairs(uint8_t (*canvas)[FX1_CANVAS], size_t n)
{
    static double us[SCANS_MAX * SCANS_MAX];
    static uint8_t both[FX1_CANVAS], rv[FX1_BYTES];
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double t = bench_now_us();

            fx1_union(both, canvas[i], canvas[j]);
            fx1_features(rv, both);
            us[k++] = bench_now_us() - t;
        }
    }
    row("FX-1, a pair: union and features", us, k);
}

static void time_fx1(const char *folder)
{
    static double us[SCANS_MAX];
    struct dirent **names = NULL;
    uint8_t(*canvas)[FX1_CANVAS] = must_alloc(SCANS_MAX * sizeof(*canvas));
    int found = scandir(folder, &names, is_visible, alphasort);
    char path[4096];
    size_t n = 0;

    if (found < 0)
        die("cannot read the folder of signatures");
    for (int i = 0; i < found; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (n < SCANS_MAX && time_scan(path, canvas[n], &us[n]))
            n++;
        free(names[i]);
    }
    free(names);
    if (n == 0)
        die("the folder of signatures holds no usable scan");
    row("FX-1, a scan: to its canvas (one sample a scan)", us, n);
    time_pairs(canvas, n);
    free(canvas);
}

/* ---- Noise ---- */

struct parties {
    struct noise_keypair i, r;
    uint8_t psk[NOISE_KEY_BYTES];
};

static void begin(struct noise_handshake *hs, const struct parties *p, enum noise_pattern pattern,
                  int initiator)
{
    static const uint8_t prologue[64];
    struct noise_setup setup = {.pattern = pattern,
                                .initiator = initiator,
                                .prologue = prologue,
                                .prologue_len = sizeof(prologue),
                                .s = initiator ? &p->i : &p->r,
                                .rs = initiator ? p->r.public_key : p->i.public_key,
                                .psk = pattern == NOISE_KKPSK2 ? p->psk : NULL};

    if (pattern == NOISE_IK && !initiator)
        setup.rs = NULL;
    must(noise_start(hs, &setup));
}

/* One handshake; adds to both sides the time each spent. */
static void shake(const struct parties *p, enum noise_pattern pattern, double *i_us, double *r_us)
{
    struct noise_handshake i, r;
    struct noise_cipher send, recv;
    uint8_t one[256], two[256], none[1];
    size_t one_len, two_len, len;
    double t[5];

    t[0] = bench_now_us();
    begin(&i, p, pattern, 1);
    must(noise_write(&i, NULL, 0, one, sizeof(one), &one_len));
    t[1] = bench_now_us();
    begin(&r, p, pattern, 0);
    must(noise_read(&r, one, one_len, none, 0, &len));
    t[2] = bench_now_us();
    must(noise_write(&r, NULL, 0, two, sizeof(two), &two_len));
    must(noise_split(&r, &send, &recv));
    t[3] = bench_now_us();
    must(noise_read(&i, two, two_len, none, 0, &len));
    must(noise_split(&i, &send, &recv));
    t[4] = bench_now_us();
    *i_us = t[1] - t[0] + (t[4] - t[3]);
    *r_us = t[3] - t[1];
}

static void time_noise(const char *name, enum noise_pattern pattern)
{
    static double i_us[ROUNDS], r_us[ROUNDS], both[ROUNDS];
    struct parties p;
    char what[80];

    noise_keypair_new(&p.i);
    noise_keypair_new(&p.r);
    bench_fill(p.psk, sizeof(p.psk), 2);
    for (size_t n = 0; n < ROUNDS; n++) {
        shake(&p, pattern, &i_us[n], &r_us[n]);
        both[n] = i_us[n] + r_us[n];
    }
    snprintf(what, sizeof(what), "Noise %s, initiator", name);
    row(what, i_us, ROUNDS);
    snprintf(what, sizeof(what), "Noise %s, responder", name);
    row(what, r_us, ROUNDS);
    snprintf(what, sizeof(what), "Noise %s, both sides", name);
    row(what, both, ROUNDS);
}

/* ---- the key of sga, through the cloud ---- */

struct three {
    struct neg_terms terms;
    struct neg_cloud cloud;
    struct neg_ends ends; /* of both devices */
};

/* One run; the time that each party spent. */
static void run_three(const struct three *p, double *i_us, double *r_us, double *c_us)
{
    const struct neg_gateway *g = profile_cloud_side(PROFILE_SGA);
    struct neg_bytes asked, forwarded, answered, result, grant, i_kept, r_kept, c_kept;
    struct session_keys i, r;
    double t[7];

    t[0] = bench_now_us();
    must(profile_ask(&p->terms, &p->ends, &asked, &i_kept));
    t[1] = bench_now_us();
    must(g->forward(&forwarded, &c_kept, &p->terms, &p->cloud, &(struct blob){asked.b, asked.len}));
    t[2] = bench_now_us();
    must(g->answer(&answered, &r_kept, &p->terms, &p->ends,
                   &(struct blob){forwarded.b, forwarded.len}));
    t[3] = bench_now_us();
    must(g->settle(&result, &grant, &p->terms, &p->cloud, &c_kept,
                   &(struct blob){answered.b, answered.len}));
    t[4] = bench_now_us();
    must(g->granted(&r, &r_kept, &p->terms, &(struct blob){grant.b, grant.len}));
    t[5] = bench_now_us();
    must(profile_finish(&p->terms, &p->ends, &i_kept, &(struct blob){result.b, result.len}, &i));
    t[6] = bench_now_us();
    if (memcmp(i.session, r.session, sizeof(i.session)) != 0)
        die("two keys of sga");
    *i_us = t[1] - t[0] + (t[6] - t[5]);
    *r_us = t[3] - t[2] + (t[5] - t[4]);
    *c_us = t[2] - t[1] + (t[4] - t[3]);
}

static void time_sga(void)
{
    static double i_us[ROUNDS], r_us[ROUNDS], c_us[ROUNDS], all[ROUNDS];
    static uint8_t dev[KEY_BYTES];
    struct list suites = {1, {SUITE_XCHACHA20_POLY1305}};
    struct noise_keypair cloud;
    struct three p = {.cloud.self = &cloud, .ends.dev = dev};

    noise_keypair_new(&cloud);
    profile_cloud_side(PROFILE_SGA)->account(p.cloud.i_account, dev);
    memcpy(p.cloud.r_account, p.cloud.i_account, KEY_BYTES);
    memcpy(p.terms.cloud, cloud.public_key, KEY_BYTES);
    memcpy(p.terms.initiator, "alice", 6);
    memcpy(p.terms.responder, "bob", 4);
    p.terms.i_offer.suites = p.terms.r_offer.suites = suites;
    p.terms.choice = (struct choice){PROFILE_SGA, suites.v[0], 0};
    for (size_t n = 0; n < ROUNDS; n++) {
        run_three(&p, &i_us[n], &r_us[n], &c_us[n]);
        all[n] = i_us[n] + r_us[n] + c_us[n];
    }
    row("sga, initiator", i_us, ROUNDS);
    row("sga, responder", r_us, ROUNDS);
    row("sga, cloud", c_us, ROUNDS);
    row("sga, all three", all, ROUNDS);
}

/* ---- packages ---- */

static void fill_header(struct msg *m, const uint8_t *message, size_t len)
{
    struct msg_package *p = &m->u.package;

    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    p->profile = PROFILE_AUTH;
    p->codec = STEGO_LIGHT;
    p->seq = 1;
    memcpy(p->from, "alice", 6);
    memcpy(p->to, "bob", 4);
    p->message = (struct blob){message, len};
}

static void time_package(unsigned side, const uint8_t *pixels, size_t message_len)
{
    static double make[ROUNDS], check[ROUNDS];
    static uint8_t message[HASHED];
    struct pgm_view cover = {side, side, pixels};
    char what[80];

    for (size_t r = 0; r < ROUNDS; r++) {
        struct package package;
        struct msg m, got;
        struct package_opened opened;
        struct keybuf key = {.len = KEY_BYTES};
        double t;

        bench_fill(key.b, KEY_BYTES, (uint32_t)r);
        fill_header(&m, message, message_len);
        t = bench_now_us();
        must(package_make(&package, &m, &cover, &key, 0));
        make[r] = bench_now_us() - t;
        t = bench_now_us();
        must(msg_decode(&got, MSG_PACKAGE, package.body, package.len));
        must(package_open(&opened, &got, &key));
        check[r] = bench_now_us() - t;
        package_opened_free(&opened);
        free(package.body);
    }
    snprintf(what, sizeof(what), "auth, light, %ux%u, %zu B: make", side, side, message_len);
    row(what, make, ROUNDS);
    snprintf(what, sizeof(what), "auth, light, %ux%u, %zu B: decode and check", side, side,
             message_len);
    row(what, check, ROUNDS);
}

static void time_packages(void)
{
    static const size_t lengths[] = {64, HASHED};

    for (unsigned side = 128; side <= 256; side *= 2) {
        uint8_t *pixels = must_alloc((size_t)side * side);

        bench_fill(pixels, (size_t)side * side, side);
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
            time_package(side, pixels, lengths[i]);
        free(pixels);
    }
}

/* ---- frames ---- */

static void hop_pair(struct hop_keys *device, struct hop_keys *cloud, enum hop_mode mode)
{
    struct noise_handshake d, c;
    struct noise_keypair device_key, cloud_key;
    uint8_t one[256], two[256], none[1];
    size_t n, len;

    noise_keypair_new(&device_key);
    noise_keypair_new(&cloud_key);
    must(hop_start_device(&d, mode, ROLE_SEND, &device_key, cloud_key.public_key));
    must(hop_start_cloud(&c, mode, ROLE_SEND, &cloud_key));
    must(noise_write(&d, NULL, 0, one, sizeof(one), &n));
    must(noise_read(&c, one, n, none, 0, &len));
    must(noise_write(&c, NULL, 0, two, sizeof(two), &n));
    must(noise_read(&d, two, n, none, 0, &len));
    must(hop_finish(&d, mode, device));
    must(hop_finish(&c, mode, cloud));
}

static void time_frame(enum hop_mode mode, size_t len)
{
    static double seal[ROUNDS], open[ROUNDS];
    static uint8_t body[HASHED];
    size_t size = hop_frame_size(mode, len), got_len;
    uint8_t *frame = must_alloc(size), *got, type;
    struct hop_keys device, cloud;
    const char *name = mode == HOP_SEALED ? "sealed" : "clear";
    char what[80];

    hop_pair(&device, &cloud, mode);
    for (size_t r = 0; r < ROUNDS; r++) {
        double t = bench_now_us();

        must(hop_seal_frame(&device, MSG_PACKAGE, body, len, frame, size));
        seal[r] = bench_now_us() - t;
        t = bench_now_us();
        must(hop_open_frame(&cloud, frame, size, &type, &got, &got_len));
        open[r] = bench_now_us() - t;
    }
    snprintf(what, sizeof(what), "frame of %zu B, %s: seal", len, name);
    row(what, seal, ROUNDS);
    snprintf(what, sizeof(what), "frame of %zu B, %s: open", len, name);
    row(what, open, ROUNDS);
    free(frame);
}

/* ---- the ratchet ---- */

static void time_ratchet(void)
{
    static double us[ROUNDS];
    uint8_t ck[KEY_BYTES] = {0}, seed[KEY_BYTES];

    for (size_t r = 0; r < ROUNDS; r++) {
        double t = bench_now_us();

        for (int k = 0; k < 10; k++)
            session_step(ck, seed);
        us[r] = (bench_now_us() - t) / 10;
    }
    row("ratchet, a step (of 10)", us, ROUNDS);
}

int main(int argc, char **argv)
{
    static const enum hop_mode modes[] = {HOP_SEALED, HOP_CLEAR};

    if (sodium_init() < 0)
        return 1;
    printf("%-52s %6s %10s %10s %10s\n", "step", "rounds", "median us", "p99 us", "/ blake2b");
    time_hash();
    time_fx1(argc > 1 ? argv[1] : "tests/data/signatures");
    time_noise("IK", NOISE_IK);
    time_noise("KKpsk2", NOISE_KKPSK2);
    time_sga();
    time_packages();
    for (size_t i = 0; i < 2; i++) {
        time_frame(modes[i], 1024);
        time_frame(modes[i], HASHED);
    }
    time_ratchet();
    return 0;
}

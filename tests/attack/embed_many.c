/*
 * embed_many.c - the core's hiding, reading and checking for the attacks: thousands of images
 * through one process. On stdin, a line and then the grey pixels of one image, row by row:
 *
 *   embed CODE WIDTH HEIGHT K1 K2 BITS PAYLOAD           answers with the stego image
 *   extract CODE WIDTH HEIGHT K1 K2 BITS -               answers with the payload
 *   protect CODE WIDTH HEIGHT KEY PROFILE INDEX MESSAGE  answers with the package's image
 *   verify CODE WIDTH HEIGHT KEY PROFILE INDEX MESSAGE   answers with nothing
 *   places CODE 0 0 KEY PROFILE - -                      answers with K1 and K2
 *
 * CODE is light or stealth; keys, PAYLOAD and MESSAGE are hex. The answer on stdout is "ok BYTES"
 * or "no BYTES" (refused: the image does not verify, or has no room), a newline, and so many bytes.
 * A line that makes no sense ends the program with 2. The argument, a number, seeds what the core
 * draws at random, so that a run can be repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/package.h"
#include "common/stego.h"

#define WORDS        8
#define LINE_BYTES   8192
#define SIDE_MAX     4096
#define MESSAGE_ROOM 1024

struct request {
    char *words[WORDS];
    enum stego_code code;
    unsigned width, height;
    size_t pixels;
    uint8_t *image;
};

/* ---- randomness that can be repeated ---- */

static uint64_t drawn;
static uint8_t seed_of_run[randombytes_SEEDBYTES];

static const char *rng_name(void)
{
    return "seeded";
}

static void rng_buf(void *out, size_t n)
{
    drawn++;
    memcpy(seed_of_run + sizeof(uint64_t), &drawn, sizeof(drawn));
    randombytes_buf_deterministic(out, n, seed_of_run);
}

static uint32_t rng_u32(void)
{
    uint32_t n;

    rng_buf(&n, sizeof(n));
    return n;
}

static struct randombytes_implementation seeded = {
    .implementation_name = rng_name, .random = rng_u32, .buf = rng_buf};

/* ---- requests ---- */

static void nonsense(const char *what)
{
    fprintf(stderr, "embed_many: %s\n", what);
    exit(2);
}

static unsigned long number(const char *word, unsigned long max)
{
    char *end;
    unsigned long n = strtoul(word, &end, 10);

    if (end == word || *end != '\0' || n > max)
        nonsense("a number is wrong");
    return n;
}

/* The bytes of a hex word; exactly `want` of them unless that is 0. */
static size_t hex(uint8_t *out, size_t room, const char *word, size_t want)
{
    size_t n = 0;

    if (sodium_hex2bin(out, room, word, strlen(word), NULL, &n, NULL) != 0 ||
        (want != 0 && n != want) || n * 2 != strlen(word))
        nonsense("a hex word is wrong");
    return n;
}

static void answer(int ok, const uint8_t *bytes, size_t n)
{
    printf("%s %zu\n", ok ? "ok" : "no", n);
    if (fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0)
        nonsense("cannot write the answer");
}

static void keys_of(struct stego_keys *keys, const struct request *r)
{
    hex(keys->k1, sizeof(keys->k1), r->words[4], sizeof(keys->k1));
    hex(keys->k2, sizeof(keys->k2), r->words[5], sizeof(keys->k2));
}

static void embed(struct request *r)
{
    uint8_t payload[LINE_BYTES];
    struct stego_keys keys;
    size_t bits = number(r->words[6], LINE_BYTES);

    keys_of(&keys, r);
    hex(payload, sizeof(payload), r->words[7], (bits + 7) / 8);
    int err = stego_embed(r->image, r->width, r->height, &keys, r->code, payload, bits);
    answer(err == 0, r->image, err == 0 ? r->pixels : 0);
}

static void extract(struct request *r)
{
    uint8_t payload[LINE_BYTES];
    struct stego_keys keys;
    size_t bits = number(r->words[6], LINE_BYTES);

    keys_of(&keys, r);
    int err = stego_extract(r->image, r->width, r->height, &keys, r->code, payload, bits);
    answer(err == 0, payload, err == 0 ? (bits + 7) / 8 : 0);
}

static const struct profile *key_of(struct keybuf *key, const struct request *r)
{
    const struct profile *profile = profile_by_name(r->words[5]);

    if (profile == NULL)
        nonsense("no such profile");
    key->len = hex(key->b, sizeof(key->b), r->words[4], 0);
    return profile;
}

/* A package between two devices of which nothing varies but what the request says. */
static void fill(struct msg *m, const struct request *r, struct keybuf *key,
                 uint8_t message[MESSAGE_ROOM])
{
    struct msg_package *p = &m->u.package;

    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    p->profile = key_of(key, r)->id;
    p->codec = (uint8_t)r->code;
    p->index = number(r->words[6], 1u << 20);
    p->seq = p->index + 1;
    memcpy(p->from, "alice", 6);
    memcpy(p->to, "bob", 4);
    p->message = (struct blob){message, hex(message, MESSAGE_ROOM, r->words[7], 0)};
}

static void protect(struct request *r)
{
    struct pgm_view cover = {r->width, r->height, r->image}, stego;
    uint8_t message[MESSAGE_ROOM];
    struct package made;
    struct keybuf key;
    struct msg m;

    fill(&m, r, &key, message);
    int err = package_make(&made, &m, &cover, &key, 0);

    if (err == 0 && (msg_decode(&m, MSG_PACKAGE, made.body, made.len) != 0 ||
                     pgm_parse(m.u.package.image.p, m.u.package.image.len, &stego) != 0))
        nonsense("the package holds no image");
    answer(err == 0, err == 0 ? stego.pixels : NULL, err == 0 ? r->pixels : 0);
    free(made.body);
}

/* The receiver's own check of a package that holds this image. */
static void verify(struct request *r)
{
    size_t len = 0, room = PGM_HEADER_MAX + r->pixels;
    uint8_t message[MESSAGE_ROOM], *pgm = malloc(room);
    struct package_opened opened;
    struct keybuf key;
    struct msg m;

    fill(&m, r, &key, message);
    if (pgm == NULL || pgm_write(pgm, room, &len, r->width, r->height, r->image) != 0)
        nonsense("the image does not fit a package");
    m.u.package.width = (uint16_t)r->width;
    m.u.package.height = (uint16_t)r->height;
    m.u.package.message_bytes = (uint32_t)m.u.package.message.len;
    m.u.package.image = (struct blob){pgm, len};
    int err = package_open(&opened, &m, &key);

    if (err != 0 && err != ERR_AUTH && err != ERR_TOO_SMALL)
        nonsense(err_str(err));
    answer(err == 0, NULL, 0);
    package_opened_free(&opened);
    free(pgm);
}

static void places(struct request *r)
{
    struct stego_keys keys;
    struct keybuf key;

    key_of(&key, r)->places(&keys, &key);
    answer(1, (const uint8_t *)&keys, sizeof(keys));
}

static int read_request(struct request *r, char *line)
{
    char *rest = NULL;
    int code;

    if (fgets(line, LINE_BYTES, stdin) == NULL)
        return 0;
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < WORDS; i++) {
        r->words[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
        if (r->words[i] == NULL)
            nonsense("a word is missing");
    }
    code = stego_code_from_name(r->words[1]);
    if (code < 0)
        nonsense("no such code");
    r->code = (enum stego_code)code;
    r->width = (unsigned)number(r->words[2], SIDE_MAX);
    r->height = (unsigned)number(r->words[3], SIDE_MAX);
    r->pixels = (size_t)r->width * r->height;
    r->image = malloc(r->pixels > 0 ? r->pixels : 1);
    if (r->image == NULL || fread(r->image, 1, r->pixels, stdin) != r->pixels)
        nonsense("the image is missing");
    return 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct request *r);
    } verbs[] = {{"embed", embed},
                 {"extract", extract},
                 {"protect", protect},
                 {"verify", verify},
                 {"places", places}};
    static char line[LINE_BYTES];
    struct request r;

    if (argc != 2)
        nonsense("usage: embed_many SEED");
    uint64_t seed = number(argv[1], UINT32_MAX);

    memcpy(seed_of_run, &seed, sizeof(seed));
    randombytes_set_implementation(&seeded);
    if (sodium_init() < 0)
        return 1;
    while (read_request(&r, line)) {
        size_t i = 0;

        while (i < sizeof(verbs) / sizeof(verbs[0]) && strcmp(verbs[i].name, r.words[0]) != 0)
            i++;
        if (i == sizeof(verbs) / sizeof(verbs[0]))
            nonsense("no such request");
        verbs[i].run(&r);
        free(r.image);
    }
    return 0;
}

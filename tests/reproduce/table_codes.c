/*
 * table_codes.c - Table 1 of Al Sibahee 2020: the same message gives different codes, by the
 * profile `paper` itself. Usage: table_codes SIGNATURES MESSAGES, a folder of scans and how often
 * "Hello" is sent to count how many codes are different.
 *
 * Sessions of PER_SESSION messages, each with a fresh salt and slice; Sk turns after each message.
 * The SHA-1, which never leaves a device, is computed again beside the profile and must give the
 * profile's tag. Also: the codes of the digests that the paper prints.
 */
#include <stdio.h>

#include <sodium.h>

#include "cloudd/pairing.h"
#include "common/err.h"
#include "common/macless.h"
#include "common/profile.h"
#include "common/sha1.h"
#include "common/text.h"
#include "tests/reproduce/measure.h"

#define SHOWN       4 /* rows of Table 1 */
#define PER_SESSION 2
#define RT_BYTES    4
#define CODES       10000

/* The digests of the paper's Tables 1 and 4. */
static const char *const printed[] = {
    "f95005ea64b1dd74aac6d6b27c31fad9590481a2", "d60222b5f1defcb40f3d0012d87bc975389c2651",
    "ad9bd2fe9c33b7997b752d1bc1d0bcafc8ef46c",  "2a7044a82f48473eb1ff17fabc693374d601eff1",
    "54d32f22593cb0000a6f09d19e99b36fc20c383c",
};

static const struct blob hello = {(const uint8_t *)"Hello", 5};

struct sent {
    uint8_t digest[SHA1_BYTES];
    uint8_t hidden[HIDDEN_MAX]; /* tag, R^T */
};

static void begin_session(struct keybuf *state, const struct pair_keys *pair)
{
    struct session_keys keys;
    struct neg_terms t;
    struct slice s;
    unsigned redrawn;

    memset(&t, 0, sizeof(t));
    randombytes_buf(t.negotiation, sizeof(t.negotiation));
    pairing_salt(t.salt);
    must(pairing_draw_slice(pair, &s, &redrawn));
    must(profile_paper.shk(&t.shk, pair));
    must(profile_paper.sk(&t.sk, pair, t.negotiation, s));
    must(profile_paper.keys(&keys, &t));
    *state = keys.state;
}

/* SHA-1 of what MACLESS hashes: message, salt, Sk, Shk, R^T, from a state as profile_paper.c
 * lays it out. */
static void digest(uint8_t out[SHA1_BYTES], const struct keybuf *state, const uint8_t *rt)
{
    struct blob parts[5] = {hello, {NULL, 0}, {NULL, 0}, {NULL, 0}, {rt, RT_BYTES}};
    struct rbuf r;

    rbuf_init(&r, state->b, state->len);
    must(rbuf_blob(&r, &parts[3], PAIR_KEY_MAX));
    must(rbuf_blob(&r, &parts[2], PAIR_KEY_MAX));
    parts[1] = (struct blob){r.p, r.left};
    must(sha1(out, parts, 5));
}

static void code_of(char code[MACLESS_BYTES + 1], const uint8_t tag[MACLESS_BYTES])
{
    memcpy(code, tag, MACLESS_BYTES);
    code[MACLESS_BYTES] = '\0';
}

/* Send "Hello" once more. */
static void send_hello(struct sent *out, struct keybuf *state)
{
    static const struct msg header;
    char hex[2 * SHA1_BYTES + 1];
    uint8_t tag[MACLESS_BYTES];
    struct keybuf key;

    must(profile_paper.take_key(&key, state));
    must(profile_paper.make(&key, &header, &hello, NULL, out->hidden));
    digest(out->digest, state, out->hidden + MACLESS_BYTES);
    text_hex(hex, out->digest, SHA1_BYTES);
    must(macless_of_digits(tag, hex));
    if (memcmp(tag, out->hidden, MACLESS_BYTES) != 0)
        die("the profile's tag is not the sum of this SHA-1");
    profile_paper.turn(state, out->hidden);
}

static void show(size_t n, const struct sent *s)
{
    char hex[2 * SHA1_BYTES + 1], rt[2 * RT_BYTES + 1], code[MACLESS_BYTES + 1];

    text_hex(hex, s->digest, SHA1_BYTES);
    text_hex(rt, s->hidden + MACLESS_BYTES, RT_BYTES);
    code_of(code, s->hidden);
    printf("{\"row\":\"message\",\"session\":%zu,\"index\":%zu,\"rt\":\"%s\",\"sha1\":\"%s\","
           "\"code\":\"%s\"}\n",
           n / PER_SESSION, n % PER_SESSION, rt, hex, code);
}

static void show_printed(void)
{
    for (size_t i = 0; i < sizeof(printed) / sizeof(printed[0]); i++) {
        uint8_t tag[MACLESS_BYTES];
        char code[MACLESS_BYTES + 1] = "";

        if (macless_of_digits(tag, printed[i]) == 0)
            code_of(code, tag);
        printf("{\"row\":\"printed\",\"sha1\":\"%s\",\"digits\":%zu,\"code\":\"%s\"}\n", printed[i],
               strlen(printed[i]), code);
    }
}

/* ---- many ---- */

static int by_digest(const void *a, const void *b)
{
    const struct sent *x = a, *y = b;

    return memcmp(x->digest, y->digest, SHA1_BYTES);
}

static size_t distinct_digests(struct sent *sent, size_t n)
{
    size_t distinct = n > 0;

    qsort(sent, n, sizeof(*sent), by_digest);
    for (size_t i = 1; i < n; i++)
        distinct += by_digest(&sent[i - 1], &sent[i]) != 0;
    return distinct;
}

static void count_codes(const struct sent *sent, size_t n, size_t digests)
{
    static size_t count[CODES];
    size_t codes = 0, best = 0;

    for (size_t i = 0; i < n; i++) {
        char code[MACLESS_BYTES + 1];
        uint64_t v;

        code_of(code, sent[i].hidden);
        must(text_number(code, 0, CODES - 1, &v));
        codes += count[v]++ == 0;
    }
    for (size_t v = 0; v < CODES; v++) {
        best = count[v] > count[best] ? v : best;
        if (count[v] > 0)
            printf("{\"row\":\"histogram\",\"code\":%zu,\"count\":%zu}\n", v, count[v]);
    }
    printf("{\"row\":\"many\",\"messages\":%zu,\"digests\":%zu,\"codes\":%zu,"
           "\"commonest\":%zu,\"commonest_count\":%zu}\n",
           n, digests, codes, best, count[best]);
}

static void send_many(const struct pair_keys *pair, size_t n)
{
    struct sent *sent = must_alloc(n * sizeof(*sent));
    struct keybuf state;

    for (size_t i = 0; i < n; i++) {
        if (i % 1000 == 0)
            progress("table 1: messages", i, n);
        if (i % PER_SESSION == 0)
            begin_session(&state, pair);
        send_hello(&sent[i], &state);
        if (i < SHOWN)
            show(i, &sent[i]);
    }
    progress("table 1: messages", n, n);
    count_codes(sent, n, distinct_digests(sent, n));
    free(sent);
}

int main(int argc, char **argv)
{
    struct pair_keys *keys;
    struct scan *scans;
    size_t n, pairs;
    uint64_t messages;

    if (argc != 3 || text_number(argv[2], SHOWN, 1000000, &messages) != 0) {
        fprintf(stderr, "usage: table_codes SIGNATURES MESSAGES\n");
        return 2;
    }
    if (sodium_init() < 0)
        return 1;
    scans = scans_load(argv[1], &n);
    keys = pairs_make(scans, n, &pairs);
    send_many(&keys[pairs / 2], messages);
    show_printed();
    free(keys);
    scans_free(scans, n);
    return 0;
}

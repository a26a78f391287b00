/*
 * test_noise_vectors.c - both handshakes against the published vectors in noise-vectors.txt: every
 * message of both sides, the handshake hash and the transport messages. A second test holds that
 * file against the collection it was taken from, where that is at hand.
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

#include "common/noise.h"

#define VECTORS_FILE "tests/unit/noise-vectors.txt"
#define FIELDS_MAX   64
#define LINE_MAX_LEN 600
#define FIELD_BYTES  256

/* One line, cut in two at its first space. */
struct field {
    char line[LINE_MAX_LEN];
    const char *name, *value;
};

struct vectors {
    struct field field[FIELDS_MAX];
    size_t count;
};

static void vectors_load(struct vectors *v)
{
    FILE *f = fopen(VECTORS_FILE, "r");
    struct field *field = v->field;

    assert_non_null(f);
    v->count = 0;
    while (fgets(field->line, sizeof field->line, f) != NULL) {
        char *space = strchr(field->line, ' ');

        field->line[strcspn(field->line, "\n")] = '\0';
        if (field->line[0] == '#' || field->line[0] == '\0')
            continue;
        assert_non_null(space);
        *space = '\0';
        field->name = field->line;
        field->value = space + 1;
        field++;
        v->count++;
        assert_true(v->count < FIELDS_MAX);
    }
    fclose(f);
}

/* The fields of one protocol: [*from, *to). */
static void protocol_range(const struct vectors *v, const char *name, size_t *from, size_t *to)
{
    size_t i = 0;

    while (i < v->count && strcmp(v->field[i].value, name) != 0)
        i++;
    assert_true(i < v->count);
    *from = ++i;
    while (i < v->count && strcmp(v->field[i].name, "protocol_name") != 0)
        i++;
    *to = i;
}

/* The nth field of that name in the range, as bytes; returns its length. */
static size_t field_bytes(const struct vectors *v, const size_t range[2], const char *name,
                          size_t nth, uint8_t out[FIELD_BYTES])
{
    for (size_t i = range[0]; i < range[1]; i++) {
        size_t len;

        if (strcmp(v->field[i].name, name) != 0 || nth-- > 0)
            continue;
        assert_int_equal(sodium_hex2bin(out, FIELD_BYTES, v->field[i].value,
                                        strlen(v->field[i].value), NULL, &len, NULL),
                         0);
        return len;
    }
    fail_msg("no field %s", name);
    return 0;
}

static size_t field_count(const struct vectors *v, const size_t range[2], const char *name)
{
    size_t n = 0;

    for (size_t i = range[0]; i < range[1]; i++)
        n += strcmp(v->field[i].name, name) == 0;
    return n;
}

static void keypair_of(const struct vectors *v, const size_t range[2], const char *name,
                       struct noise_keypair *kp)
{
    uint8_t secret[FIELD_BYTES];

    assert_int_equal(field_bytes(v, range, name, 0, secret), NOISE_KEY_BYTES);
    memcpy(kp->secret_key, secret, NOISE_KEY_BYTES);
    crypto_scalarmult_curve25519_base(kp->public_key, kp->secret_key);
}

static void start_side(const struct vectors *v, const size_t range[2], enum noise_pattern pattern,
                       int initiator, struct noise_handshake *hs)
{
    uint8_t prologue[FIELD_BYTES], rs[FIELD_BYTES], psk[FIELD_BYTES];
    struct noise_keypair s, e;
    struct noise_setup setup = {
        .pattern = pattern, .initiator = initiator, .prologue = prologue, .s = &s};

    setup.prologue_len =
        field_bytes(v, range, initiator ? "init_prologue" : "resp_prologue", 0, prologue);
    keypair_of(v, range, initiator ? "init_static" : "resp_static", &s);
    keypair_of(v, range, initiator ? "init_ephemeral" : "resp_ephemeral", &e);
    if (initiator || pattern == NOISE_KKPSK2) {
        field_bytes(v, range, initiator ? "init_remote_static" : "resp_remote_static", 0, rs);
        setup.rs = rs;
    }
    if (pattern == NOISE_KKPSK2) {
        field_bytes(v, range, initiator ? "init_psks" : "resp_psks", 0, psk);
        setup.psk = psk;
    }
    assert_int_equal(noise_start(hs, &setup), 0);
    noise_set_ephemeral(hs, &e);
}

static void handshake_messages(const struct vectors *v, const size_t range[2],
                               struct noise_handshake side[2])
{
    uint8_t payload[FIELD_BYTES], want[FIELD_BYTES], out[FIELD_BYTES], back[FIELD_BYTES];

    for (size_t i = 0; i < 2; i++) {
        size_t payload_len = field_bytes(v, range, "payload", i, payload);
        size_t want_len = field_bytes(v, range, "ciphertext", i, want);
        size_t out_len, back_len;

        assert_int_equal(noise_write(&side[i], payload, payload_len, out, sizeof out, &out_len), 0);
        assert_int_equal(out_len, want_len);
        assert_memory_equal(out, want, want_len);
        assert_int_equal(noise_read(&side[1 - i], out, out_len, back, sizeof back, &back_len), 0);
        assert_int_equal(back_len, payload_len);
        assert_memory_equal(back, payload, payload_len);
    }
}

static void transport_messages(const struct vectors *v, const size_t range[2],
                               const struct noise_handshake side[2])
{
    uint8_t payload[FIELD_BYTES], want[FIELD_BYTES], buf[FIELD_BYTES];
    struct noise_cipher send[2], recv[2];
    size_t n = field_count(v, range, "payload");

    assert_int_equal(n, 6);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(noise_split(&side[i], &send[i], &recv[i]), 0);
    for (size_t i = 2; i < n; i++) {
        size_t len = field_bytes(v, range, "payload", i, payload);
        size_t want_len = field_bytes(v, range, "ciphertext", i, want);

        assert_int_equal(want_len, len + NOISE_TAG_BYTES);
        memcpy(buf, payload, len);
        assert_int_equal(noise_encrypt(&send[i % 2], NULL, 0, buf, len, buf), 0);
        assert_memory_equal(buf, want, want_len);
        assert_int_equal(noise_decrypt(&recv[1 - i % 2], NULL, 0, buf, want_len, buf), 0);
        assert_memory_equal(buf, payload, len);
    }
}

static void run_vector(const char *name, enum noise_pattern pattern)
{
    static struct vectors v;
    struct noise_handshake side[2];
    uint8_t hash[FIELD_BYTES];
    size_t range[2];

    vectors_load(&v);
    protocol_range(&v, name, &range[0], &range[1]);
    start_side(&v, range, pattern, 1, &side[0]);
    start_side(&v, range, pattern, 0, &side[1]);
    handshake_messages(&v, range, side);
    assert_int_equal(field_bytes(&v, range, "handshake_hash", 0, hash), NOISE_HASH_BYTES);
    assert_memory_equal(side[0].h, hash, NOISE_HASH_BYTES);
    assert_memory_equal(side[1].h, hash, NOISE_HASH_BYTES);
    transport_messages(&v, range, side);
}

static void noise_ik__published_vector__all_bytes_equal(void **state)
{
    (void)state;
    run_vector("Noise_IK_25519_ChaChaPoly_BLAKE2b", NOISE_IK);
}

static void noise_kkpsk2__published_vector__all_bytes_equal(void **state)
{
    (void)state;
    run_vector("Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b", NOISE_KKPSK2);
}

/* The whole text of the published collection, or NULL where it is not at hand. */
static char *collection_load(void)
{
    const char *folder = getenv("INKPOST_SHARED");
    char path[1024];
    char *text = calloc(1, 1u << 16);
    FILE *f;
    size_t n;

    assert_non_null(text);
    snprintf(path, sizeof path, "%s/reference/noise-vectors.json",
             folder != NULL ? folder : "../shared");
    f = fopen(path, "r");
    if (f == NULL) {
        free(text);
        return NULL;
    }
    n = fread(text, 1, (1u << 16) - 1, f);
    fclose(f);
    assert_true(n > 0 && n < (1u << 16) - 1);
    return text;
}

/* Our fields must be there in our order, each as "name", then its value as the next string. */
static void noise_vectors_file__agrees_with_collection(void **state)
{
    static struct vectors v;
    char *text = collection_load();
    char *at = text;

    (void)state;
    if (text == NULL) {
        print_message("skip - no reference/noise-vectors.json in INKPOST_SHARED or ../shared\n");
        skip();
        return;
    }
    vectors_load(&v);
    assert_int_equal(v.count, 21 + 24);
    for (size_t i = 0; i < v.count; i++) {
        const char *name = v.field[i].name, *value = v.field[i].value;
        int is_title = strcmp(name, "protocol_name") == 0;
        char quoted[LINE_MAX_LEN + 2];

        snprintf(quoted, sizeof quoted, "\"%s\"", is_title ? value : name);
        at = strstr(at, quoted);
        assert_non_null(at);
        at += strlen(quoted);
        if (is_title)
            continue;
        at += strcspn(at, "\"");
        snprintf(quoted, sizeof quoted, "\"%s\"", value);
        assert_int_equal(strncmp(at, quoted, strlen(quoted)), 0);
        at += strlen(quoted);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_ik__published_vector__all_bytes_equal),
        cmocka_unit_test(noise_kkpsk2__published_vector__all_bytes_equal),
        cmocka_unit_test(noise_vectors_file__agrees_with_collection),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

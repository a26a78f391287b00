/* test_peers.c - which key belongs to which peer: first use, pins, and keys that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/agent/peers.h"
#include "common/err.h"
#include "tests/unit/store_fixture.h"

struct px {
    struct home home;
    struct sql *db;
};

static const uint8_t key_a[KEY_BYTES] = {0xaa}, key_b[KEY_BYTES] = {0xbb};
static const uint8_t key_c[KEY_BYTES] = {0xcc};

static int setup(void **state)
{
    struct px *px = calloc(1, sizeof(*px));
    char why[WHY_MAX];

    assert_non_null(px);
    if (sodium_init() < 0)
        return -1;
    text_copy(px->home.dir, sizeof(px->home.dir), "/tmp/test-peers-XXXXXX");
    assert_non_null(mkdtemp(px->home.dir));
    *state = px;
    return state_open(&px->db, &px->home, why, sizeof(why));
}

static int teardown(void **state)
{
    struct px *px = *state;

    state_close(px->db);
    fix_remove(px->home.dir);
    free(px);
    return 0;
}

static struct sql *db_of(void **state)
{
    return ((struct px *)*state)->db;
}

static int meet(struct sql *db, const uint8_t *key, uint64_t enrolment, int *is_new)
{
    return peer_meet(db, "bob", key, enrolment, is_new);
}

static struct peer bob(struct sql *db)
{
    struct peer p;

    assert_int_equal(peer_get(db, "bob", &p), 0);
    return p;
}

static void peer_meet__first_time__remembered(void **state)
{
    struct sql *db = db_of(state);
    struct peer p;
    int is_new;

    assert_int_equal(peer_get(db, "bob", &p), ERR_NOTFOUND);
    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    assert_true(is_new);
    p = bob(db);
    assert_string_equal(p.id, "bob");
    assert_memory_equal(p.key, key_a, KEY_BYTES);
    assert_int_equal(p.enrolment, 7);
    assert_int_equal(p.trust, PEER_FIRST_USE);
    assert_false(p.has_offered);
}

static void peer_meet__same_key_again__not_new(void **state)
{
    struct sql *db = db_of(state);
    int is_new;

    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    assert_false(is_new);
    assert_int_equal(bob(db).trust, PEER_FIRST_USE);
}

static void peer_meet__another_key__conflict_and_the_old_one_stays(void **state)
{
    struct sql *db = db_of(state);
    struct peer p;
    int is_new;

    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    for (int i = 0; i < 2; i++) { /* also when it insists */
        assert_int_equal(meet(db, key_b, 8, &is_new), ERR_CONFLICT);
        assert_false(is_new);
        p = bob(db);
        assert_memory_equal(p.key, key_a, KEY_BYTES);
        assert_int_equal(p.enrolment, 7);
        assert_true(p.has_offered);
        assert_memory_equal(p.offered, key_b, KEY_BYTES);
    }
    assert_int_equal(meet(db, key_c, 9, &is_new), ERR_CONFLICT);
    assert_memory_equal(bob(db).offered, key_c, KEY_BYTES);
}

static void peer_meet__one_bit_of_the_key__conflict(void **state)
{
    struct sql *db = db_of(state);
    uint8_t key[KEY_BYTES];
    int is_new;

    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    for (size_t bit = 0; bit < 8 * KEY_BYTES; bit += 17) {
        memcpy(key, key_a, KEY_BYTES);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(meet(db, key, 7, &is_new), ERR_CONFLICT);
    }
}

static void peer_trust__accepted__used_from_now_on(void **state)
{
    struct sql *db = db_of(state);
    struct peer p;
    int is_new;

    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    assert_int_equal(meet(db, key_b, 8, &is_new), ERR_CONFLICT);
    assert_int_equal(peer_trust(db, "bob", key_b, PEER_ACCEPTED), 0);
    p = bob(db);
    assert_memory_equal(p.key, key_b, KEY_BYTES);
    assert_int_equal(p.trust, PEER_ACCEPTED);
    assert_false(p.has_offered);
    assert_int_equal(p.enrolment, 0);
    assert_int_equal(meet(db, key_b, 8, &is_new), 0);
    assert_int_equal(bob(db).enrolment, 8);
    assert_int_equal(bob(db).trust, PEER_ACCEPTED);
    assert_int_equal(meet(db, key_a, 7, &is_new), ERR_CONFLICT);
}

static void peer_trust__pinned_before_first_contact__the_clouds_word_does_not_count(void **state)
{
    struct sql *db = db_of(state);
    int is_new;

    assert_int_equal(peer_trust(db, "bob", key_a, PEER_PINNED), 0);
    assert_int_equal(meet(db, key_b, 8, &is_new), ERR_CONFLICT);
    assert_memory_equal(bob(db).key, key_a, KEY_BYTES);
    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    assert_false(is_new);
    assert_int_equal(bob(db).trust, PEER_PINNED);
    assert_int_equal(bob(db).enrolment, 7);
}

static void peer_trust__same_key__keeps_the_enrolment(void **state)
{
    struct sql *db = db_of(state);
    int is_new;

    assert_int_equal(meet(db, key_a, 7, &is_new), 0);
    assert_int_equal(peer_trust(db, "bob", key_a, PEER_PINNED), 0);
    assert_int_equal(bob(db).enrolment, 7);
    assert_int_equal(bob(db).trust, PEER_PINNED);
}

struct listing {
    char ids[64];
    int stop_after;
};

static int note(void *arg, const struct peer *p)
{
    struct listing *l = arg;
    size_t len = strlen(l->ids);

    snprintf(l->ids + len, sizeof(l->ids) - len, "%s ", p->id);
    return l->stop_after > 0 && --l->stop_after == 0 ? 42 : 0;
}

static void peer_each__in_order_and_stops_when_told(void **state)
{
    struct sql *db = db_of(state);
    struct listing all = {"", 0}, some = {"", 2};
    int is_new;

    assert_int_equal(peer_meet(db, "carol", key_a, 1, &is_new), 0);
    assert_int_equal(peer_meet(db, "anna", key_b, 2, &is_new), 0);
    assert_int_equal(peer_meet(db, "bob", key_c, 3, &is_new), 0);
    assert_int_equal(peer_each(db, note, &all), 0);
    assert_string_equal(all.ids, "anna bob carol ");
    assert_int_equal(peer_each(db, note, &some), 42);
    assert_string_equal(some.ids, "anna bob ");
}

static void peer_parse__id_and_64_hex_digits(void **state)
{
    char id[ID_MAX + 1], text[256], hex[2 * KEY_BYTES + 1];
    uint8_t key[KEY_BYTES];

    (void)state;
    text_hex(hex, key_b, KEY_BYTES);
    snprintf(text, sizeof(text), "bob=%s", hex);
    assert_int_equal(peer_parse(text, id, key), 0);
    assert_string_equal(id, "bob");
    assert_memory_equal(key, key_b, KEY_BYTES);
}

static void peer_parse__anything_else__malformed(void **state)
{
    static const char *const prefixes[] = {"", "=", "bob", "BOB=", "b b=", "bob==", "bob= "};
    char id[ID_MAX + 1], text[256], hex[2 * KEY_BYTES + 1];
    uint8_t key[KEY_BYTES];

    (void)state;
    text_hex(hex, key_b, KEY_BYTES);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", prefixes[i], hex);
        assert_int_equal(peer_parse(text, id, key), ERR_MALFORMED);
    }
    for (size_t len = 0; len < sizeof(hex) - 1; len++) {
        snprintf(text, sizeof(text), "bob=%.*s", (int)len, hex);
        assert_int_equal(peer_parse(text, id, key), ERR_MALFORMED);
    }
    snprintf(text, sizeof(text), "bob=%s0", hex);
    assert_int_equal(peer_parse(text, id, key), ERR_MALFORMED);
    memset(text, 'a', ID_MAX + 1);
    snprintf(text + ID_MAX + 1, sizeof(text) - ID_MAX - 1, "=%s", hex);
    assert_int_equal(peer_parse(text, id, key), ERR_MALFORMED);
    assert_int_equal(peer_parse(text + 1, id, key), 0);
}

static void peer_trust_name__each_has_its_own(void **state)
{
    (void)state;
    assert_string_equal(peer_trust_name(PEER_FIRST_USE), "first use");
    assert_string_equal(peer_trust_name(PEER_PINNED), "pinned");
    assert_string_equal(peer_trust_name(PEER_ACCEPTED), "accepted");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(peer_meet__first_time__remembered),
        T(peer_meet__same_key_again__not_new),
        T(peer_meet__another_key__conflict_and_the_old_one_stays),
        T(peer_meet__one_bit_of_the_key__conflict),
        T(peer_trust__accepted__used_from_now_on),
        T(peer_trust__pinned_before_first_contact__the_clouds_word_does_not_count),
        T(peer_trust__same_key__keeps_the_enrolment),
        T(peer_each__in_order_and_stops_when_told),
        cmocka_unit_test(peer_parse__id_and_64_hex_digits),
        cmocka_unit_test(peer_parse__anything_else__malformed),
        cmocka_unit_test(peer_trust_name__each_has_its_own),
    };

    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}

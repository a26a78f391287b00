/*
 * test_set_device.c - messages to sets on a device: what the sender's outbox keeps once and for how
 * long, named sets, and what becomes of a member's package.
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

#include "common/agent/set_names.h"
#include "common/agent/set_outbox.h"
#include "common/err.h"
#include "common/session.h"
#include "tests/unit/recv_fixture.h"
#include "tests/unit/set_fixture.h"

/* ---- the outbox ---- */

/* A message to two members, in the outbox; its number. */
static int64_t queue_set(struct sql *db, struct out_item items[2])
{
    static uint8_t message[] = "to both", cover[] = "a cover";
    struct set_text text = {{message, sizeof(message)}, {cover, sizeof(cover)}};
    int64_t of_set = 0;

    assert_int_equal(set_outbox_put(db, &text, &of_set), 0);
    for (int i = 0; i < 2; i++) {
        memset(&items[i], 0, sizeof(items[i]));
        text_copy(items[i].peer, sizeof(items[i].peer), i == 0 ? "bob" : "carol");
        items[i].profile = PROFILE_AUTH;
        items[i].codec = 1;
        items[i].of_set = of_set;
        assert_int_equal(outbox_put(db, &items[i]), 0);
    }
    return of_set;
}

/* As set_pack() leaves it, under the common part. */
static void pack_item(struct sql *db, struct out_item *item, int64_t common)
{
    item->common = common;
    item->session[0] = (uint8_t)item->id;
    item->body.p = malloc(4);
    item->body.len = 4;
    assert_non_null(item->body.p);
    memset(item->body.p, 7, 4);
    assert_int_equal(outbox_packed(db, item), 0);
    free(item->body.p);
    item->body.p = NULL;
    assert_int_equal(set_outbox_tidy(db, item->of_set), 0);
}

static int64_t put_part(struct sql *db, const struct out_item *item)
{
    uint8_t body[] = "common";
    struct package made = {.body = body, .len = sizeof(body)};
    struct set_part part = {.secret = {9}, .digest = {8}, .psnr_mdb = 81000, .changed_pixels = 5};

    assert_int_equal(set_outbox_put_part(db, item, &part, &made), 0);
    return part.id;
}

static void outbox__set__text_until_the_last_is_packed_common_part_until_it_ended(void **state)
{
    struct rx *rx = *state;
    struct out_item items[2];
    struct out_bytes body;
    struct set_part part;
    struct set_text text;
    int64_t of_set = queue_set(rx->db, items), common;

    assert_int_equal(set_outbox_is_next(rx->db, "bob"), 1);
    assert_int_equal(set_outbox_is_next(rx->db, "dave"), 0);
    assert_int_equal(set_outbox_part(rx->db, &items[0], &part), ERR_NOTFOUND);
    common = put_part(rx->db, &items[0]);
    pack_item(rx->db, &items[0], common);
    rx_reopen(rx);
    assert_int_equal(set_outbox_text(rx->db, of_set, &text), 0);
    assert_string_equal((char *)text.message.p, "to both");
    assert_string_equal((char *)text.cover.p, "a cover");
    free(text.message.p);
    free(text.cover.p);
    assert_int_equal(set_outbox_part(rx->db, &items[1], &part), 0);
    assert_int_equal(part.id, common);
    assert_int_equal(part.secret[0], 9);
    assert_int_equal(part.digest[0], 8);
    pack_item(rx->db, &items[1], common);
    assert_int_equal(set_outbox_text(rx->db, of_set, &text), ERR_NOTFOUND);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM set_common WHERE secret IS NOT NULL"), 0);
    assert_int_equal(outbox_delete(rx->db, items[0].id), 0);
    assert_int_equal(set_outbox_tidy(rx->db, of_set), 0);
    assert_int_equal(set_outbox_body(rx->db, common, &body), 0);
    assert_string_equal((char *)body.p, "common");
    free(body.p);
    assert_int_equal(outbox_delete(rx->db, items[1].id), 0);
    assert_int_equal(set_outbox_tidy(rx->db, of_set), 0);
    assert_int_equal(set_outbox_body(rx->db, common, &body), ERR_NOTFOUND);
}

static void outbox__another_suite_or_code__is_another_common_part(void **state)
{
    struct rx *rx = *state;
    struct out_item items[2];
    struct set_part part;

    queue_set(rx->db, items);
    put_part(rx->db, &items[0]);
    items[1].suite = 3;
    assert_int_equal(set_outbox_part(rx->db, &items[1], &part), ERR_NOTFOUND);
    items[1].suite = 0;
    items[1].codec = 2;
    assert_int_equal(set_outbox_part(rx->db, &items[1], &part), ERR_NOTFOUND);
    items[1].codec = 1;
    assert_int_equal(set_outbox_part(rx->db, &items[1], &part), 0);
}

static void outbox__member_that_ends_unpacked__takes_the_text_with_it(void **state)
{
    struct rx *rx = *state;
    struct out_item items[2];
    int64_t of_set = queue_set(rx->db, items);

    pack_item(rx->db, &items[0], put_part(rx->db, &items[0]));
    assert_int_equal(outbox_delete(rx->db, items[1].id), 0); /* revoked */
    assert_int_equal(set_outbox_tidy(rx->db, of_set), 0);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM set_message"), 0);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM set_common"), 1);
}

/* ---- names ---- */

static void names__added_and_removed__listed_in_order(void **state)
{
    struct rx *rx = *state;
    char name[ID_MAX + 1] = "";
    size_t n;

    assert_int_equal(set_name_exists(rx->db, "yard"), 0);
    for (int i = 0; i < 2; i++) { /* the second time changes nothing */
        assert_int_equal(set_name_add(rx->db, "yard", "carol"), 0);
        assert_int_equal(set_name_add(rx->db, "yard", "bob"), 0);
        assert_int_equal(set_name_add(rx->db, "attic", "bob"), 0);
    }
    rx_reopen(rx);
    assert_int_equal(set_name_count(rx->db, "yard", &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(set_name_next(rx->db, "yard", name, name), 0);
    assert_string_equal(name, "bob");
    assert_int_equal(set_name_next(rx->db, "yard", name, name), 0);
    assert_string_equal(name, "carol");
    assert_int_equal(set_name_next(rx->db, "yard", name, name), ERR_NOTFOUND);
    assert_int_equal(set_name_next_set(rx->db, "", name), 0);
    assert_string_equal(name, "attic");
    assert_int_equal(set_name_remove(rx->db, "attic", "carol"), ERR_NOTFOUND);
    assert_int_equal(set_name_remove(rx->db, "attic", "bob"), 0);
    assert_int_equal(set_name_exists(rx->db, "attic"), 0);
    assert_int_equal(set_name_exists(rx->db, "yard"), 1);
}

/* ---- a member's package ---- */

/* What bob gets of message c at this place of the session, malloc'd. */
static uint8_t *for_bob(const struct session_keys *keys, uint8_t profile, uint64_t index,
                        const struct sfx_common *c, size_t *len)
{
    struct msg_set_member m = sfx_header("bob", 1, index);
    struct keybuf state = keys->state, key = {0};

    memcpy(m.session, keys->session, SESSION_ID_BYTES);
    for (uint64_t i = 0; i <= index; i++)
        assert_int_equal(profile_find(profile)->take_key(&key, &state), 0);
    assert_int_equal(set_wrap(&m, &key, c->digest, c->secret), 0);
    return sfx_join(&m, c, len);
}

static int deliver_body(struct rx *rx, const uint8_t *body, size_t len, struct verdict *v)
{
    struct delivery d = {.db = rx->db, .self = "bob", .now = 1000};
    struct msg m;
    int err;

    assert_int_equal(msg_decode(&m, MSG_PACKAGE_SHARED, body, len), 0);
    assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
    err = deliver(&d, &m, body, len, v);
    if (err != 0)
        sql_rollback(rx->db);
    else
        assert_int_equal(sql_commit(rx->db), 0);
    return err;
}

static void deliver__shared__out_of_order_and_again__each_once_in_the_inbox(void **state)
{
    struct rx *rx = *state;
    uint8_t *body[2];
    struct sfx_common c;
    struct rx_package alone;
    struct verdict v, again;
    size_t len[2];

    sfx_make(&c, PROFILE_AUTH, "to all", 0);
    for (uint64_t i = 0; i < 2; i++)
        body[i] = for_bob(&rx->keys, PROFILE_AUTH, 2 * i, &c, &len[i]);
    for (int i = 1; i >= 0; i--) {
        assert_int_equal(deliver_body(rx, body[i], len[i], &v), 0);
        assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
        assert_int_equal(v.receipt.index, 2 * i);
        assert_int_equal(v.line, LINE_MESSAGE);
        assert_true(rx_is_signed(&v, &rx->keys));
        assert_int_equal(deliver_body(rx, body[i], len[i], &again), 0);
        assert_int_equal(again.line, LINE_NONE);
        assert_memory_equal(&again.receipt, &v.receipt, sizeof(v.receipt));
    }
    rx_make(&alone, &rx->keys, 1, 2, "to bob"); /* in the same session */
    rx_deliver(rx, &alone, &v);
    assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox"), 3);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox WHERE CAST(message AS TEXT) ="
                                   " 'to all'"),
                     2);
    rx_package_free(&alone);
    free(body[0]);
    free(body[1]);
    sfx_free(&c);
}

static void deliver__shared_sealed__the_message_and_its_suite(void **state)
{
    struct keybuf key = sfx_key(PROFILE_SEALED, 1);
    struct rx *rx = *state;
    struct session_keys keys;
    struct sfx_common c;
    struct verdict v;
    uint8_t *body;
    size_t len;

    rx_session_sealed(rx, 2, key.b[KEY_BYTES], &keys);
    sfx_make(&c, PROFILE_SEALED, "for some only", 0);
    body = for_bob(&keys, PROFILE_SEALED, 0, &c, &len);
    assert_int_equal(deliver_body(rx, body, len, &v), 0);
    assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox WHERE CAST(message AS TEXT) ="
                                   " 'for some only'"),
                     1);
    free(body);
    sfx_free(&c);
}

static void deliver__shared_any_bit_flipped__refused_and_nothing_recorded(void **state)
{
    struct rx *rx = *state;
    struct sfx_common c;
    struct verdict v;
    uint8_t *body;
    size_t len;

    sfx_make(&c, PROFILE_AUTH, "to all", 0);
    body = for_bob(&rx->keys, PROFILE_AUTH, 0, &c, &len);
    for (size_t at = 8; at < len; at += 7) {
        struct msg m;

        body[at] ^= (uint8_t)(1u << at % 8);
        if (msg_decode(&m, MSG_PACKAGE_SHARED, body, len) == 0 &&
            deliver_body(rx, body, len, &v) == 0) {
            assert_int_not_equal(v.receipt.status, RECEIPT_VERIFIED);
            assert_int_equal(v.line, LINE_FAILURE);
        }
        body[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox"), 0);
    assert_int_equal(deliver_body(rx, body, len, &v), 0);
    assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
    free(body);
    sfx_free(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rx_setup, rx_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(outbox__set__text_until_the_last_is_packed_common_part_until_it_ended),
        TEST(outbox__another_suite_or_code__is_another_common_part),
        TEST(outbox__member_that_ends_unpacked__takes_the_text_with_it),
        TEST(names__added_and_removed__listed_in_order),
        TEST(deliver__shared__out_of_order_and_again__each_once_in_the_inbox),
        TEST(deliver__shared_sealed__the_message_and_its_suite),
        TEST(deliver__shared_any_bit_flipped__refused_and_nothing_recorded),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_inbox.c - the receiving side of state.db, the accept list, and what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/agent/show.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"
#include "tests/unit/recv_fixture.h"

#define DAY_US (INT64_C(86400) * 1000000)

static int64_t put(struct rx *rx, uint64_t index, const char *text, int64_t received)
{
    struct inbox_record r = {.index = index, .seq = index + 1, .profile = PROFILE_AUTH};
    struct blob message = {(const uint8_t *)text, strlen(text)};
    int64_t id;

    text_copy(r.peer, sizeof(r.peer), "alice");
    memcpy(r.session, rx->keys.session, SESSION_ID_BYTES);
    r.received = received;
    assert_int_equal(inbox_put(rx->db, &r, &message, &id), 0);
    return id;
}

static void inbox_put__same_session_and_index__once(void **state)
{
    struct rx *rx = *state;
    struct inbox_record r = {.index = 4};
    int64_t id;

    (void)put(rx, 4, "a", 1);
    memcpy(r.session, rx->keys.session, SESSION_ID_BYTES);
    assert_int_equal(inbox_put(rx->db, &r, &(struct blob){NULL, 0}, &id), ERR_EXISTS);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox"), 1);
}

static void inbox_next__several__in_the_order_they_came(void **state)
{
    struct rx *rx = *state;
    struct inbox_record r;
    int64_t id = 0;

    (void)put(rx, 9, "first", 1);
    (void)put(rx, 3, "", 2);
    assert_int_equal(inbox_next(rx->db, id, &r), 0);
    assert_int_equal(r.index, 9);
    assert_int_equal(r.seq, 10);
    assert_int_equal(r.bytes, 5);
    id = r.id;
    inbox_record_free(&r);
    assert_int_equal(inbox_next(rx->db, id, &r), 0);
    assert_int_equal(r.index, 3);
    assert_int_equal(r.bytes, 0);
    assert_int_equal(inbox_next(rx->db, r.id, &r), ERR_NOTFOUND);
}

static void inbox_shown__set__survives_a_restart(void **state)
{
    struct rx *rx = *state;
    int64_t id;

    assert_int_equal(inbox_shown(rx->db, &id), 0);
    assert_int_equal(id, 0);
    assert_int_equal(inbox_set_shown(rx->db, 7), 0);
    /* the next commits wait for the disk again */
    assert_int_equal(rx_number(rx, "PRAGMA synchronous"), 2);
    rx_reopen(rx);
    assert_int_equal(inbox_shown(rx->db, &id), 0);
    assert_int_equal(id, 7);
}

static void put_answer(struct rx *rx, uint8_t name, int64_t created)
{
    struct recv_answer a = {.negotiation = {name}, .len = 3, .created = created};

    assert_int_equal(recv_answer_put(rx->db, &a), 0);
}

static void inbox_purge__old_and_new__only_the_old_goes(void **state)
{
    struct rx *rx = *state;
    const int64_t now = 1000 * DAY_US;
    uint8_t bytes[32] = {0};
    struct keybuf key = {.len = KEY_BYTES};
    struct session_keys keys[3];
    struct recv_session s;

    put_answer(rx, 1, now - 8 * DAY_US);
    put_answer(rx, 2, now - 6 * DAY_US);
    (void)put(rx, 4, "shown, very old", now - (RECORD_DAYS + 1) * DAY_US);
    (void)put(rx, 0, "shown, old", now - 31 * DAY_US);
    (void)put(rx, 1, "shown, new", now - 29 * DAY_US);
    assert_int_equal(inbox_set_shown(rx->db, put(rx, 2, "shown, new", now)), 0);
    (void)put(rx, 3, "not shown, old", now - 31 * DAY_US);
    for (unsigned i = 0; i < 3; i++) {
        rx_session(rx, 10 + i, now, &keys[i]);
        assert_int_equal(recv_session_get(rx->db, keys[i].session, &s), 0);
        s.used = 1;
        assert_int_equal(recv_session_save(rx->db, &s), 0);
        assert_int_equal(recv_skipped_put(rx->db, keys[i].session, 5, &key), 0);
        assert_int_equal(recv_seen_put(rx->db, keys[i].session, 6, bytes), 0);
    }
    assert_int_equal(sql_exec(rx->db, "UPDATE recv_session SET retired = created - 2764800000000"
                                      " WHERE used = 1 AND rowid = 2"),
                     0);
    assert_int_equal(inbox_purge(rx->db, now), 0);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_answer"), 1);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox"), 4);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox WHERE message IS NOT NULL"), 3);
    assert_int_equal(rx_number(rx, "SELECT idx FROM inbox WHERE gone AND message IS NULL"), 0);
    /* also the provisional one of the fixture, made at the beginning of time */
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_session"), 2);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_skipped"), 2);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_seen"), 2);
}

static void recv_session_put__unused_without_end__only_the_newest_kept(void **state)
{
    struct rx *rx = *state;
    struct session_keys keys;
    struct recv_session s;

    for (unsigned i = 0; i < PROVISIONAL_MAX; i++)
        rx_session(rx, 10 + i, 2000 + i, &keys);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_session"), PROVISIONAL_MAX);
    assert_int_equal(recv_session_get(rx->db, rx->keys.session, &s), ERR_NOTFOUND);
    assert_int_equal(recv_session_get(rx->db, keys.session, &s), 0);
}

static void accept_parse__lists__hold_what_they_name(void **state)
{
    static const char *const bad[] = {"",      ",",   "alice,", ",alice", "alice,,bob",
                                      "Alice", "a b", "any,",   "a/b"};
    struct accept_policy policy;
    char why[WHY_MAX];

    (void)state;
    assert_int_equal(accept_parse(&policy, "any", why, sizeof(why)), 0);
    assert_true(accept_has(&policy, "whoever"));
    accept_free(&policy);
    assert_int_equal(accept_parse(&policy, "alice,bob.x", why, sizeof(why)), 0);
    assert_true(accept_has(&policy, "alice"));
    assert_true(accept_has(&policy, "bob.x"));
    assert_false(accept_has(&policy, "bob"));
    assert_false(accept_has(&policy, "any"));
    accept_free(&policy);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(accept_parse(&policy, bad[i], why, sizeof(why)), ERR_MALFORMED);
        assert_false(accept_has(&policy, "alice"));
    }
}

/* What show_message prints for these bytes. */
static void check_line(const char *bytes, size_t len, int json, const char *expected)
{
    struct inbox_record r = {
        .index = 2, .seq = 3, .profile = PROFILE_AUTH, .suite = SUITE_NONE, .bytes = len};
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    struct show s = {f, f, json};

    assert_non_null(f);
    text_copy(r.peer, sizeof(r.peer), "alice");
    r.message = malloc(len + 1);
    assert_non_null(r.message);
    memcpy(r.message, bytes, len);
    assert_int_equal(show_message(&s, &r), 0);
    fclose(f);
    assert_string_equal(out, expected);
    free(out);
    free(r.message);
}

#define CHECK(bytes, json, expected) check_line(bytes, sizeof(bytes) - 1, json, expected)
#define ZEROS_32                     "00000000000000000000000000000000"
#define WHO                          "{\"from\":\"alice\",\"session\":\""
#define HEAD                         WHO ZEROS_32 ZEROS_32 "\",\"index\":2,"
#define VERIFIED                                                                                   \
    HEAD "\"seq\":3,\"profile\":\"auth\",\"suite\":\"none\",\"verified\":true,"

static void show_message__text_and_bytes__json_says_which(void **state)
{
    (void)state;
    CHECK("hi \"there\"\n", 1, VERIFIED "\"text\":\"hi \\\"there\\\"\\n\",\"bytes\":11}\n");
    CHECK("", 1, VERIFIED "\"text\":\"\",\"bytes\":0}\n");
    CHECK("a\0b", 1, VERIFIED "\"message_b64\":\"YQBi\",\"bytes\":3}\n");
    CHECK("\xff\xfe", 1, VERIFIED "\"message_b64\":\"//4=\",\"bytes\":2}\n");
}

static void show_message__steering_characters__made_harmless(void **state)
{
    (void)state;
    CHECK("gr\xc3\xbc\xc3\x9f", 0, "alice: gr\xc3\xbc\xc3\x9f\n");
    CHECK("a\x1b[2Jb\nbob: c\r\t\x7f", 0, "alice: a\\x1b[2Jb\\nbob: c\\x0d\\x09\\x7f\n");
    CHECK("a\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6z", 0,
          "alice: a\\xc2\\x9b\\xe2\\x80\\xae\\xe2\\x80\\xa8\\xe2\\x81\\xa6z\n");
    CHECK("\xe2\x82\xac", 0, "alice: \xe2\x82\xac\n");
    CHECK("a\0b", 0, "alice: (3 bytes that are not text)\n");
}

static void show_failure__json__never_a_message(void **state)
{
    struct verdict v = {.line = LINE_FAILURE, .reason = REASON_INDEX, .profile = 99};
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    struct show s = {f, f, 1};

    (void)state;
    text_copy(v.receipt.peer, sizeof(v.receipt.peer), "alice");
    v.receipt.index = 2;
    assert_int_equal(show_failure(&s, &v), 0);
    fclose(f);
    assert_string_equal(out, HEAD "\"profile\":\"unknown\",\"verified\":false,\"reason\":\"the "
                                  "package's number is used up or too far ahead\"}\n");
    free(out);
}

static void show_message__nobody_reads__an_error(void **state)
{
    struct inbox_record r = {.index = 2};
    FILE *f = fopen("/dev/full", "w");
    struct show s = {f, f, 1};

    (void)state;
    assert_non_null(f);
    assert_int_equal(show_message(&s, &r), ERR_SYS);
    fclose(f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rx_setup, rx_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(inbox_put__same_session_and_index__once),
        T(inbox_next__several__in_the_order_they_came),
        T(inbox_shown__set__survives_a_restart),
        T(inbox_purge__old_and_new__only_the_old_goes),
        T(recv_session_put__unused_without_end__only_the_newest_kept),
        cmocka_unit_test(accept_parse__lists__hold_what_they_name),
        cmocka_unit_test(show_message__text_and_bytes__json_says_which),
        cmocka_unit_test(show_message__steering_characters__made_harmless),
        cmocka_unit_test(show_failure__json__never_a_message),
        cmocka_unit_test(show_message__nobody_reads__an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

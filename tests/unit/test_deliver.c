/* test_deliver.c - what becomes of packages: genuine, repeated, reordered, altered, and when the
 * disk is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"
#include "tests/unit/recv_fixture.h"
#include "tests/unit/store_fixture.h"

static int64_t messages(struct rx *rx)
{
    return rx_number(rx, "SELECT count(*) FROM inbox");
}

/* A number that changes when anything of the receiving state does. */
static void fingerprint(struct rx *rx, uint8_t out[32])
{
    static const char *const texts[] = {
        "SELECT count(*) FROM inbox", "SELECT count(*) FROM recv_seen",
        "SELECT count(*) FROM recv_skipped", "SELECT coalesce(sum(seq), 0) FROM recv_last",
        "SELECT sum(next) + sum(used) + sum(retired) FROM recv_session"};
    int64_t v[sizeof(texts) / sizeof(texts[0])];
    struct recv_session s;
    crypto_generichash_state h;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        v[i] = rx_number(rx, texts[i]);
    assert_int_equal(recv_session_get(rx->db, rx->keys.session, &s), 0);
    crypto_generichash_init(&h, NULL, 0, 32);
    crypto_generichash_update(&h, (const uint8_t *)v, sizeof(v));
    crypto_generichash_update(&h, s.keys.state.b, KEY_BYTES);
    crypto_generichash_final(&h, out, 32);
}

static void check_text(struct rx *rx, int64_t id, const char *text)
{
    struct inbox_record r;

    assert_int_equal(inbox_next(rx->db, id - 1, &r), 0);
    assert_int_equal(r.id, id);
    assert_int_equal(r.bytes, strlen(text));
    assert_memory_equal(r.message, text, r.bytes);
    inbox_record_free(&r);
}

static void expect(struct rx *rx, const struct rx_package *p, enum receipt_status status,
                   enum verdict_line line)
{
    struct verdict v;

    rx_deliver(rx, p, &v);
    assert_int_equal(v.receipt.status, status);
    assert_int_equal(v.line, line);
}

static void deliver__genuine_package__recorded_and_receipted(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;
    struct verdict v;

    rx_make(&p, &rx->keys, 0, 1, "hello");
    rx_deliver(rx, &p, &v);
    assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
    assert_int_equal(v.line, LINE_MESSAGE);
    assert_true(rx_is_signed(&v, &rx->keys));
    assert_string_equal(v.receipt.peer, "alice");
    check_text(rx, v.inbox_id, "hello");
    rx_package_free(&p);
}

static void deliver__same_package_again__receipt_repeated_once_in_inbox(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;
    struct verdict first, again;

    rx_make(&p, &rx->keys, 0, 1, "hello");
    rx_deliver(rx, &p, &first);
    rx_deliver(rx, &p, &again);
    assert_int_equal(again.line, LINE_NONE);
    assert_memory_equal(&again.receipt, &first.receipt, sizeof(again.receipt));
    rx_reopen(rx);
    rx_deliver(rx, &p, &again);
    assert_int_equal(again.line, LINE_NONE);
    assert_memory_equal(&again.receipt, &first.receipt, sizeof(again.receipt));
    assert_int_equal(messages(rx), 1);
    rx_package_free(&p);
}

static void deliver__other_package_of_a_used_index__rejected(void **state)
{
    struct rx *rx = *state;
    struct rx_package p, other;
    struct verdict v;

    rx_make(&p, &rx->keys, 0, 1, "hello");
    rx_make(&other, &rx->keys, 0, 1, "hello");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_deliver(rx, &other, &v);
    assert_int_equal(v.receipt.status, RECEIPT_REJECTED);
    assert_int_equal(v.reason, REASON_CONFLICT);
    assert_true(rx_is_signed(&v, &rx->keys));
    assert_int_equal(messages(rx), 1);
    rx_package_free(&p);
    rx_package_free(&other);
}

/* Late, early and repeated, in every suite; and what is kept of it says so. */
static void deliver__sealed__out_of_order__the_messages_and_their_suite(void **state)
{
    static const uint8_t suites[] = {SUITE_XCHACHA20_POLY1305, SUITE_CHACHA20_POLY1305};
    static const uint64_t order[] = {3, 0, 2, 1};
    struct rx *rx = *state;
    struct session_keys keys;
    struct inbox_record r;
    struct rx_package p;
    struct verdict v;
    char text[16];

    for (unsigned i = 0; i < sizeof(suites); i++) {
        rx_session_sealed(rx, 10 + i, suites[i], &keys);
        for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
            snprintf(text, sizeof(text), "number %u", (unsigned)order[k]);
            rx_make(&p, &keys, order[k], order[k] + 1, text);
            rx_deliver(rx, &p, &v);
            assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
            assert_true(rx_is_signed(&v, &keys));
            check_text(rx, v.inbox_id, text);
            assert_int_equal(inbox_next(rx->db, v.inbox_id - 1, &r), 0);
            assert_int_equal(r.profile, PROFILE_SEALED);
            assert_int_equal(r.suite, suites[i]);
            inbox_record_free(&r);
            expect(rx, &p, RECEIPT_VERIFIED, LINE_NONE);
            rx_package_free(&p);
        }
    }
}

/* A session has one profile: a package in clear is no message of a sealed one, nor the reverse. */
static void deliver__sealed__package_in_clear__rejected(void **state)
{
    struct rx *rx = *state;
    struct session_keys sealed, clear;
    struct rx_package p;

    rx_session_sealed(rx, 10, SUITE_XCHACHA20_POLY1305, &sealed);
    clear = sealed;
    clear.state.len = KEY_BYTES; /* as if the sender, or the cloud, left the suite out */
    rx_make(&p, &clear, 0, 1, "in clear");
    assert_int_equal(p.m.u.package.profile, PROFILE_AUTH);
    expect(rx, &p, RECEIPT_REJECTED, LINE_FAILURE);
    p.m.u.package.profile = PROFILE_SEALED;
    rx_encode_again(&p);
    expect(rx, &p, RECEIPT_REJECTED, LINE_FAILURE);
    rx_package_free(&p);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox"), 0);
}

static void deliver__out_of_order__all_verified_and_late_ones_marked(void **state)
{
    static const uint64_t order[] = {3, 0, 2, 1, 4};
    struct rx *rx = *state;
    struct rx_package p;

    for (size_t i = 0; i < 5; i++) {
        rx_make(&p, &rx->keys, order[i], order[i] + 1, "m");
        expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
        rx_package_free(&p);
        rx_reopen(rx);
    }
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_skipped"), 0);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM inbox WHERE late = 1 AND idx IN (0,1,2)"),
                     3);
    assert_int_equal(rx_number(rx, "SELECT sum(late) FROM inbox"), 3);
    assert_int_equal(rx_number(rx, "SELECT next FROM recv_session"), 5);
}

static void deliver__too_far_ahead__unverifiable_and_unchanged(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;
    struct verdict v;
    uint8_t before[32], after[32];

    fingerprint(rx, before);
    rx_make(&p, &rx->keys, 0, 1, "m");
    for (int i = 0; i < 3; i++) {
        p.m.u.package.index = i == 0   ? SESSION_AHEAD_MAX + 1
                              : i == 1 ? SESSION_INDEX_MAX
                                       : UINT64_MAX;
        rx_encode_again(&p);
        rx_deliver(rx, &p, &v);
        assert_int_equal(v.receipt.status, RECEIPT_UNVERIFIABLE);
        assert_int_equal(v.reason, REASON_INDEX);
        assert_true(sodium_is_zero(v.receipt.mac, MAC_BYTES));
    }
    fingerprint(rx, after);
    assert_memory_equal(before, after, sizeof(before));
    rx_package_free(&p);
}

static void deliver__as_far_ahead_as_allowed__skipped_ones_still_verify(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;

    rx_make(&p, &rx->keys, SESSION_AHEAD_MAX, 2, "far");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_skipped"), SESSION_AHEAD_MAX);
    rx_make(&p, &rx->keys, 0, 1, "near");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    rx_make(&p, &rx->keys, SESSION_AHEAD_MAX + 2, 3, "farther");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    /* 2 .. 4098 less 4096 and 4098: what is older has been forgotten. */
    assert_int_equal(rx_number(rx, "SELECT min(idx) FROM recv_skipped"), 2);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_skipped"), SESSION_AHEAD_MAX - 1);
    rx_make(&p, &rx->keys, 1, 9, "forgotten");
    expect(rx, &p, RECEIPT_UNVERIFIABLE, LINE_FAILURE);
    rx_package_free(&p);
    rx_make(&p, &rx->keys, 2, 9, "kept");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
}

static void change_field(struct msg_package *f, int field)
{
    switch (field) {
    case 0:
        f->profile++;
        break;
    case 1:
        f->codec = f->codec == 1 ? 2 : 1;
        break;
    case 2:
        f->session[31] ^= 1;
        break;
    case 3:
        f->direction = 1;
        break;
    case 4:
        f->index++;
        break;
    case 5:
        f->seq++;
        break;
    case 6:
        f->from[0] = 'b';
        break;
    case 7:
        f->to[0] = 'r';
        break;
    case 8:
        f->message_bytes++;
        break;
    case 9:
        f->width--;
        break;
    case 10:
        f->height--;
        break;
    case 11:
        f->message.len--;
        break;
    case 12:
        f->message.len--;
        f->message_bytes--;
        break;
    case 13:
        f->message = (struct blob){NULL, 0};
        f->message_bytes = 0;
        break;
    case 14:
        f->image.len--;
        break;
    default:
        f->codec = 77;
    }
}

static void deliver__each_header_field_changed__refused_and_unchanged(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;
    struct verdict v;
    uint8_t before[32], after[32];

    fingerprint(rx, before);
    for (int field = 0; field <= 15; field++) {
        rx_make(&p, &rx->keys, 2, 1, "hello");
        change_field(&p.m.u.package, field);
        rx_encode_again(&p);
        rx_deliver(rx, &p, &v);
        assert_int_not_equal(v.receipt.status, RECEIPT_VERIFIED);
        assert_int_equal(v.line, LINE_FAILURE);
        if (v.receipt.status == RECEIPT_REJECTED)
            assert_true(rx_is_signed(&v, &rx->keys));
        fingerprint(rx, after);
        assert_memory_equal(before, after, sizeof(before));
        rx_package_free(&p);
    }
    rx_make(&p, &rx->keys, 2, 1, "hello");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
}

static void deliver__any_bit_of_header_or_message_flipped__never_verified(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;
    struct verdict v;
    struct msg m;
    size_t end;
    unsigned refused = 0;

    rx_make(&p, &rx->keys, 0, 1, "sixteen bytes ok");
    end = (size_t)(p.m.u.package.message.p - p.body) + 16;
    for (size_t bit = 0; bit < end * 8; bit++) {
        struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};

        p.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (msg_decode(&m, MSG_PACKAGE, p.body, p.len) == 0) {
            assert_int_equal(deliver(&d, &m, p.body, p.len, &v), 0);
            assert_int_not_equal(v.receipt.status, RECEIPT_VERIFIED);
            refused++;
        }
        p.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 16 * 8);
    assert_int_equal(messages(rx), 0);
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
}

/* A changed pixel destroys the hidden payload or leaves it whole; there is no third outcome. */
static void deliver__any_pixel_changed__rejected_or_the_genuine_message(void **state)
{
    struct rx *rx = *state;
    struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};
    struct rx_package p;
    struct verdict v;
    unsigned rejected = 0;

    rx_make(&p, &rx->keys, 0, 1, "hello");
    for (size_t i = p.len - RX_SIDE * RX_SIDE; i < p.len; i++) {
        p.body[i] ^= 1;
        assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
        assert_int_equal(deliver(&d, &p.m, p.body, p.len, &v), 0);
        if (v.receipt.status == RECEIPT_VERIFIED) {
            check_text(rx, v.inbox_id, "hello");
        } else {
            assert_int_equal(v.receipt.status, RECEIPT_REJECTED);
            assert_int_equal(v.reason, REASON_BAD_TAG);
            rejected++;
        }
        sql_rollback(rx->db);
        p.body[i] ^= 1;
    }
    assert_true(rejected >= RX_SIDE * RX_SIDE / 2);
    assert_int_equal(messages(rx), 0);
    rx_package_free(&p);
}

static void deliver__rolled_back__as_if_never_come(void **state)
{
    struct rx *rx = *state;
    struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};
    struct rx_package p;
    struct verdict v;
    uint8_t before[32], after[32];

    fingerprint(rx, before);
    rx_make(&p, &rx->keys, 7, 1, "hello");
    assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
    assert_int_equal(deliver(&d, &p.m, p.body, p.len, &v), 0);
    fingerprint(rx, after);
    assert_memory_not_equal(before, after, sizeof(before));
    sql_rollback(rx->db);
    rx_reopen(rx);
    fingerprint(rx, after);
    assert_memory_equal(before, after, sizeof(before));
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
}

static void deliver__disk_full__an_error_and_later_verified(void **state)
{
    struct rx *rx = *state;
    struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};
    char text[20001];
    struct rx_package p;
    struct verdict v;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    rx_make(&p, &rx->keys, 0, 1, text);
    assert_int_equal(sql_set_page_limit(rx->db, sql_pages_used(rx->db)), 0);
    assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
    assert_int_equal(deliver(&d, &p.m, p.body, p.len, &v), ERR_FULL);
    sql_rollback(rx->db);
    assert_int_equal(sql_set_page_limit(rx->db, 0), 0);
    assert_int_equal(messages(rx), 0);
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
}

static void deliver__first_package_of_a_new_session__retires_the_older(void **state)
{
    struct rx *rx = *state;
    struct session_keys second;
    struct rx_package p, old;

    rx_make(&p, &rx->keys, 0, 1, "old");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    rx_session(rx, 2, 2000, &second);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_session WHERE retired > 0"), 0);
    rx_make(&p, &second, 0, 3, "new");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_session WHERE retired > 0"), 1);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_session WHERE used > 0"), 2);
    rx_make(&old, &rx->keys, 1, 2, "still on its way");
    expect(rx, &old, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&old);
}

static void deliver__late_use_of_an_older_session__does_not_retire_the_newer(void **state)
{
    struct rx *rx = *state;
    struct session_keys second;
    struct rx_package p;

    rx_session(rx, 2, 2000, &second);
    rx_make(&p, &rx->keys, 0, 1, "m");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    assert_int_equal(rx_number(rx, "SELECT count(*) FROM recv_session WHERE retired > 0"), 0);
    rx_package_free(&p);
}

/* Each session of the fixture is of another enrolment. */
static void deliver__peer_enrolled_anew__its_first_messages_are_not_late(void **state)
{
    struct rx *rx = *state;
    struct session_keys second;
    struct rx_package p;

    rx_make(&p, &rx->keys, 0, 50, "old");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    rx_session(rx, 2, 2000, &second);
    rx_make(&p, &second, 0, 1, "new");
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
    assert_int_equal(rx_number(rx, "SELECT sum(late) FROM inbox"), 0);
}

static void save__verified_and_failed_package__only_the_verified_has_files(void **state)
{
    struct rx *rx = *state;
    char folder[96], why[WHY_MAX], path[400], content[8] = "";
    struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};
    struct inbox_record r;
    struct rx_package p;
    struct verdict v;
    struct stat st;
    FILE *f;

    snprintf(folder, sizeof(folder), "%s/in", rx->dir);
    assert_int_equal(save_open(&d.save, folder, why, sizeof(why)), 0);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    rx_make(&p, &rx->keys, 0, 1, "hello");
    p.m.u.package.seq = 2;
    assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
    assert_int_equal(deliver(&d, &p.m, p.body, p.len, &v), 0);
    assert_int_equal(v.receipt.status, RECEIPT_REJECTED);
    snprintf(path, sizeof(path), "ls -A %s | wc -l | grep -qx 0", folder);
    assert_int_equal(system(path), 0);
    p.m.u.package.seq = 1;
    assert_int_equal(deliver(&d, &p.m, p.body, p.len, &v), 0);
    assert_int_equal(save_sync(d.save), 0);
    assert_int_equal(sql_commit(rx->db), 0);
    assert_int_equal(inbox_next(rx->db, 0, &r), 0);
    assert_int_equal(stat(r.stego, &st), 0);
    assert_int_equal(st.st_size, (long)p.m.u.package.image.len);
    snprintf(path, sizeof(path), "%.*smsg", (int)strlen(r.stego) - 3, r.stego);
    assert_non_null(strstr(path, "/in/from-alice-0000000001-"));
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(content, 1, sizeof(content), f), 5);
    assert_memory_equal(content, "hello", 5);
    fclose(f);
    inbox_record_free(&r);
    save_close(d.save);
    fix_remove(folder);
    rx_package_free(&p);
}

static void save__folder_gone__an_error_and_nothing_recorded(void **state)
{
    struct rx *rx = *state;
    char folder[96], why[WHY_MAX];
    struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};
    struct rx_package p;
    struct verdict v;

    snprintf(folder, sizeof(folder), "%s/in", rx->dir);
    assert_int_equal(save_open(&d.save, folder, why, sizeof(why)), 0);
    assert_int_equal(rmdir(folder), 0);
    rx_make(&p, &rx->keys, 0, 1, "hello");
    assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
    assert_int_equal(deliver(&d, &p.m, p.body, p.len, &v), ERR_SYS);
    sql_rollback(rx->db);
    assert_int_equal(messages(rx), 0);
    save_close(d.save);
    expect(rx, &p, RECEIPT_VERIFIED, LINE_MESSAGE);
    rx_package_free(&p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rx_setup, rx_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(deliver__genuine_package__recorded_and_receipted),
        T(deliver__same_package_again__receipt_repeated_once_in_inbox),
        T(deliver__other_package_of_a_used_index__rejected),
        T(deliver__sealed__out_of_order__the_messages_and_their_suite),
        T(deliver__sealed__package_in_clear__rejected),
        T(deliver__out_of_order__all_verified_and_late_ones_marked),
        T(deliver__too_far_ahead__unverifiable_and_unchanged),
        T(deliver__as_far_ahead_as_allowed__skipped_ones_still_verify),
        T(deliver__each_header_field_changed__refused_and_unchanged),
        T(deliver__any_bit_of_header_or_message_flipped__never_verified),
        T(deliver__any_pixel_changed__rejected_or_the_genuine_message),
        T(deliver__rolled_back__as_if_never_come),
        T(deliver__disk_full__an_error_and_later_verified),
        T(deliver__first_package_of_a_new_session__retires_the_older),
        T(deliver__late_use_of_an_older_session__does_not_retire_the_newer),
        T(deliver__peer_enrolled_anew__its_first_messages_are_not_late),
        T(save__verified_and_failed_package__only_the_verified_has_files),
        T(save__folder_gone__an_error_and_nothing_recorded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_history.c - packages that the cloud kept, held against the receiver's own record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/agent/history.h"
#include "common/agent/show.h"
#include "common/suite.h"
#include "tests/unit/recv_fixture.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* A package that bob got and verified. */
static void get(struct rx *rx, struct rx_package *p, const struct session_keys *keys,
                uint64_t index, const char *text)
{
    struct verdict v;

    rx_make(p, keys, index, index + 1, text);
    rx_deliver(rx, p, &v);
    assert_int_equal(v.receipt.status, RECEIPT_VERIFIED);
}

static void expect(struct rx *rx, const char *from, const uint8_t *body, size_t len,
                   enum kept_kind kind)
{
    struct kept k;

    assert_int_equal(kept_judge(&k, rx->db, from, &(struct msg_kept){1, MSG_PACKAGE, {body, len}}),
                     0);
    assert_int_equal(k.kind, kind);
    assert_true((kept_why(kind) == NULL) == (kind == KEPT_OURS));
    kept_free(&k);
}

static void expect_text(struct rx *rx, const struct rx_package *p, const char *text)
{
    struct kept k;

    assert_int_equal(kept_judge(&k, rx->db, "alice",
                                &(struct msg_kept){1, MSG_PACKAGE, {p->body, p->len}}),
                     0);
    assert_int_equal(k.kind, KEPT_OURS);
    assert_int_equal(k.record.gone, text == NULL);
    assert_int_equal(k.record.bytes, text == NULL ? 0 : strlen(text));
    if (text != NULL && text[0] != '\0')
        assert_memory_equal(k.record.message, text, strlen(text));
    kept_free(&k);
}

static void kept__verified_when_it_came__is_ours_with_its_text(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;

    get(rx, &p, &rx->keys, 0, "hello");
    expect_text(rx, &p, "hello");
    rx_reopen(rx);
    expect_text(rx, &p, "hello");
    rx_package_free(&p);
    get(rx, &p, &rx->keys, 1, "");
    expect_text(rx, &p, "");
    rx_package_free(&p);
}

static void kept__any_bit_flipped_or_byte_cut__is_never_ours(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;
    struct kept k;

    get(rx, &p, &rx->keys, 0, "hello");
    for (size_t bit = 0; bit < p.len * 8; bit += bit < 2048 ? 1 : 97) {
        p.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(kept_judge(&k, rx->db, "alice",
                                    &(struct msg_kept){1, MSG_PACKAGE, {p.body, p.len}}),
                         0);
        assert_int_not_equal(k.kind, KEPT_OURS);
        kept_free(&k);
        p.body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < p.len; len += len < 256 ? 1 : 97)
        expect(rx, "alice", p.body, len, KEPT_UNREADABLE);
    expect(rx, "alice", p.body, p.len, KEPT_OURS);
    rx_package_free(&p);
}

static void kept__another_genuine_package_of_the_same_name__is_altered(void **state)
{
    struct rx *rx = *state;
    struct rx_package first, second;

    get(rx, &first, &rx->keys, 0, "hello");
    rx_make(&second, &rx->keys, 0, 1, "hello"); /* another nonce */
    expect(rx, "alice", second.body, second.len, KEPT_ALTERED);
    rx_package_free(&first);
    rx_package_free(&second);
}

static void kept__without_a_record__is_unknown(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;

    rx_make(&p, &rx->keys, 3, 4, "never came");
    expect(rx, "alice", p.body, p.len, KEPT_UNKNOWN);
    rx_package_free(&p);
    get(rx, &p, &rx->keys, 0, "from before there were digests");
    assert_int_equal(sql_exec(rx->db, "UPDATE inbox SET digest = NULL"), 0);
    expect(rx, "alice", p.body, p.len, KEPT_UNKNOWN);
    rx_package_free(&p);
}

static void kept__of_another_sender__is_foreign(void **state)
{
    struct rx *rx = *state;
    struct rx_package p;

    get(rx, &p, &rx->keys, 0, "hello");
    expect(rx, "carol", p.body, p.len, KEPT_FOREIGN);
    rx_package_free(&p);
}

static void kept__sealed__has_the_text_of_the_record_while_that_is_there(void **state)
{
    struct rx *rx = *state;
    struct session_keys keys;
    struct rx_package sealed, clear;

    rx_session_sealed(rx, 2, SUITE_XCHACHA20_POLY1305, &keys);
    get(rx, &sealed, &keys, 0, "secret");
    get(rx, &clear, &rx->keys, 0, "hello");
    expect_text(rx, &sealed, "secret");
    assert_int_equal(sql_exec(rx->db, "UPDATE shown SET id = 1000"), 0);
    assert_int_equal(inbox_purge(rx->db, 40 * DAY_US), 0);
    assert_int_equal(rx_number(rx, "SELECT COUNT(*) FROM inbox WHERE message IS NOT NULL"), 0);
    expect_text(rx, &sealed, NULL);
    expect_text(rx, &clear, "hello"); /* it is in the package */
    assert_int_equal(inbox_purge(rx->db, (RECORD_DAYS + 1) * DAY_US), 0);
    expect(rx, "alice", sealed.body, sealed.len, KEPT_UNKNOWN);
    rx_package_free(&sealed);
    rx_package_free(&clear);
}

static void unverified__whatever_it_holds__shows_no_text(void **state)
{
    struct rx *rx = *state;
    char *text = NULL;
    size_t size = 0;
    struct rx_package p;

    rx_make(&p, &rx->keys, 3, 4, "never came");
    for (int json = 0; json < 2; json++) {
        FILE *f = open_memstream(&text, &size);
        struct show s = {f, f, json};

        assert_non_null(f);
        assert_int_equal(show_unverified(&s, "alice", &p.m.u.package, kept_why(KEPT_UNKNOWN)), 0);
        assert_int_equal(show_unverified(&s, "alice", NULL, kept_why(KEPT_UNREADABLE)), 0);
        fclose(f);
        assert_null(strstr(text, "never came"));
        assert_non_null(strstr(text, "no record"));
        assert_non_null(strstr(text, "alice"));
        free(text);
        text = NULL;
    }
    rx_package_free(&p);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, rx_setup, rx_teardown)
    const struct CMUnitTest tests[] = {
        T(kept__verified_when_it_came__is_ours_with_its_text),
        T(kept__any_bit_flipped_or_byte_cut__is_never_ours),
        T(kept__another_genuine_package_of_the_same_name__is_altered),
        T(kept__without_a_record__is_unknown),
        T(kept__of_another_sender__is_foreign),
        T(kept__sealed__has_the_text_of_the_record_while_that_is_there),
        T(unverified__whatever_it_holds__shows_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

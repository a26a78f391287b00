/* test_text.c - text at the edges: what is taken, what is refused, what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "common/text.h"

/* ---- hex ---- */

static void text_hex__all_bytes__there_and_back(void **state)
{
    uint8_t bytes[256], back[256];
    char hex[513];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    text_hex(hex, bytes, sizeof(bytes));
    assert_int_equal(strlen(hex), 512);
    assert_memory_equal(hex, "000102", 6);
    assert_int_equal(text_unhex(back, sizeof(back), hex), 0);
    assert_memory_equal(bytes, back, sizeof(bytes));
}

static void text_unhex__either_case(void **state)
{
    uint8_t out[2];

    (void)state;
    assert_int_equal(text_unhex(out, 2, "aBCd"), 0);
    assert_int_equal(out[0], 0xab);
    assert_int_equal(out[1], 0xcd);
}

static void text_unhex__wrong_length_or_digit__malformed(void **state)
{
    static const char *const bad[] = {"", "a", "abc", "abcde", "abcdef", "ab c", "0xab", "abcg",
                                      "ab:cd", "abc\n", " abcd"};
    uint8_t out[2];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_unhex(out, 2, bad[i]), ERR_MALFORMED);
}

/* ---- UTF-8 ---- */

/* Encode c as RFC 3629 has it, without its exceptions. */
static size_t encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

static void text_is_utf8__every_code_point_but_surrogates_and_those_above_the_last(void **state)
{
    uint8_t p[4];

    (void)state;
    for (uint32_t c = 0; c < 0x1fffff; c += c < 0x11000 ? 1 : 97) {
        size_t n = encode(c, p);
        int valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

        if (text_is_utf8(p, n) != valid)
            fail_msg("U+%04X", c);
        for (size_t cut = 1; cut < n; cut++)
            assert_false(text_is_utf8(p, cut));
    }
}

static void text_is_utf8__overlong_and_stray_bytes__not(void **state)
{
    static const char *const bad[] = {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
                                      "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\x80", "\xbf",
                                      "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xc3(",
                                      "\xe2\x28\xa1", "\xe2\x82(", "\xf0\x9f\x98(", "ok\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(text_is_utf8((const uint8_t *)bad[i], strlen(bad[i])));
    assert_true(text_is_utf8((const uint8_t *)"", 0));
}

/* ---- JSON ---- */

static void expect_json(const char *s, size_t len, const char *expected)
{
    char *got = NULL;
    size_t got_len;
    FILE *f = open_memstream(&got, &got_len);

    assert_non_null(f);
    text_json(f, s, len);
    fclose(f);
    assert_string_equal(got, expected);
    free(got);
}

static void text_json__escapes_what_json_and_terminals_need(void **state)
{
    (void)state;
    expect_json("", 0, "\"\"");
    expect_json("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    expect_json("\n\t\r", 3, "\"\\n\\u0009\\u000d\"");
    expect_json("\0\x1b[2J\x7f", 6, "\"\\u0000\\u001b[2J\\u007f\"");
    expect_json("\xc2\x9b" "1m", 4, "\"\\u009b1m\"");
    expect_json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

/* Long runs are looked at in strides: what is special is found wherever it lies. */
static void text_json__special_byte_anywhere_in_a_long_text__escaped(void **state)
{
    char text[101], expected[110];

    (void)state;
    for (size_t at = 0; at < 100; at++) {
        memset(text, 'x', 100);
        text[100] = '\0';
        text[at] = '\n';
        snprintf(expected, sizeof(expected), "\"%.*s\\n%s\"", (int)at, text, text + at + 1);
        expect_json(text, 100, expected);
        assert_true(text_is_utf8((const uint8_t *)text, 100));
        text[at] = (char)0xff;
        assert_false(text_is_utf8((const uint8_t *)text, 100));
    }
}

static void text_json__not_utf8__replaced_byte_by_byte(void **state)
{
    (void)state;
    expect_json("a\xff" "b", 3, "\"a\xef\xbf\xbd" "b\"");
    expect_json("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    expect_json("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    expect_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* Whatever the bytes are, the string is UTF-8, has no raw control and ends where it should. */
static void text_json__any_two_bytes__a_closed_string(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 0x10000; v++) {
        char s[2] = {(char)(v >> 8), (char)(v & 0xff)}, *got = NULL;
        size_t len;
        FILE *f = open_memstream(&got, &len);

        assert_non_null(f);
        text_json(f, s, 2);
        fclose(f);
        assert_true(len >= 3 && got[0] == '"' && got[len - 1] == '"');
        assert_true(text_is_utf8((const uint8_t *)got, len));
        for (size_t i = 1; i + 1 < len; i++) {
            assert_true((unsigned char)got[i] >= 0x20);
            if (got[i] == '\\')
                i++;
            else
                assert_int_not_equal(got[i], '"');
        }
        free(got);
    }
}

/* ---- numbers and addresses ---- */

static void text_number__within_its_bounds(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(text_number("0", 0, 10, &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(text_number("0010", 0, 10, &v), 0);
    assert_int_equal(v, 10);
    assert_int_equal(text_number("11", 0, 10, &v), ERR_MALFORMED);
    assert_int_equal(text_number("4", 5, 10, &v), ERR_MALFORMED);
    assert_int_equal(v, 0);
    assert_int_equal(text_number("9223372036854775807", 0, UINT64_MAX, &v), 0);
    assert_int_equal(v, INT64_MAX);
}

static void text_number__not_a_number_or_too_large__malformed(void **state)
{
    static const char *const bad[] = {"", " ", "-1", "+1", "1 ", " 1", "1x", "0x10", "1.0",
                                      "18446744073709551616", "99999999999999999999999"};
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(text_number(bad[i], 0, UINT64_MAX, &v), ERR_MALFORMED);
        assert_int_equal(v, 0);
    }
}

static void expect_address(const char *s, const char *host, uint16_t port)
{
    char got[HOST_MAX + 1];
    uint16_t got_port;

    assert_int_equal(text_host_port(s, got, &got_port), 0);
    assert_string_equal(got, host);
    assert_int_equal(got_port, port);
}

static void text_host_port__names_and_both_kinds_of_address(void **state)
{
    (void)state;
    expect_address("localhost:7411", "localhost", 7411);
    expect_address("127.0.0.1:0", "127.0.0.1", 0);
    expect_address("[::1]:65535", "::1", 65535);
    expect_address("a.b-c.example:1", "a.b-c.example", 1);
}

static void text_host_port__anything_else__malformed(void **state)
{
    static const char *const bad[] = {"", "host", "host:", ":1", "[]:1", "::1:1", "host:65536",
                                      "host:-1", "host:1x", "host: 1", "[::1]", "a:b:1"};
    char host[HOST_MAX + 1], text[HOST_MAX + 16];
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(text_host_port(bad[i], host, &port), ERR_MALFORMED);
        assert_string_equal(host, "");
        assert_int_equal(port, 0);
    }
    memset(text, 'h', sizeof(text));
    memcpy(text + HOST_MAX, ":1", 3);
    assert_int_equal(text_host_port(text, host, &port), 0);
    assert_int_equal(strlen(host), HOST_MAX);
    memset(text, 'h', sizeof(text));
    memcpy(text + HOST_MAX + 1, ":1", 3);
    assert_int_equal(text_host_port(text, host, &port), ERR_MALFORMED);
}

/* ---- sentences ---- */

static void say__cuts_to_its_room_and_returns_the_error(void **state)
{
    char why[8] = "xxxxxxx";

    (void)state;
    assert_int_equal(say(why, sizeof(why), ERR_FULL, "%s %d", "a longer sentence", 1), ERR_FULL);
    assert_string_equal(why, "a longe");
    assert_int_equal(say(NULL, 0, ERR_SYS, "nobody asked"), ERR_SYS);
}

static void text_copy__cuts_to_its_room(void **state)
{
    char out[4] = "abc";

    (void)state;
    text_copy(out, sizeof(out), "bob");
    assert_string_equal(out, "bob");
    text_copy(out, sizeof(out), "alice");
    assert_string_equal(out, "ali");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_hex__all_bytes__there_and_back),
        cmocka_unit_test(text_unhex__either_case),
        cmocka_unit_test(text_unhex__wrong_length_or_digit__malformed),
        cmocka_unit_test(text_is_utf8__every_code_point_but_surrogates_and_those_above_the_last),
        cmocka_unit_test(text_is_utf8__overlong_and_stray_bytes__not),
        cmocka_unit_test(text_json__escapes_what_json_and_terminals_need),
        cmocka_unit_test(text_json__not_utf8__replaced_byte_by_byte),
        cmocka_unit_test(text_json__special_byte_anywhere_in_a_long_text__escaped),
        cmocka_unit_test(text_json__any_two_bytes__a_closed_string),
        cmocka_unit_test(text_number__within_its_bounds),
        cmocka_unit_test(text_number__not_a_number_or_too_large__malformed),
        cmocka_unit_test(text_host_port__names_and_both_kinds_of_address),
        cmocka_unit_test(text_host_port__anything_else__malformed),
        cmocka_unit_test(say__cuts_to_its_room_and_returns_the_error),
        cmocka_unit_test(text_copy__cuts_to_its_room),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

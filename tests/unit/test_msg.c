/*
 * test_msg.c - every message of the table through the codec, with the values and the independent
 * walk of msg_fill.h, so a new row is tested without an edit here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "proto/msg.h"
#include "tests/unit/msg_fill.h"

#define ROOM      (FRAME_MAX + 64)
#define SEAL_CODE 0x80

/* Two buffers for encodings, of the longest message's size. */
static uint8_t *first, *second;

/* A row that neither side receives as a message and no seal holds: opened below this layer. */
static int is_envelope(const struct msg_info *info)
{
    return info->cloud_states == 0 && info->device_states == 0 && info->type < SEAL_CODE;
}

static size_t encode(const struct msg *m, uint8_t *out, size_t cap)
{
    struct wbuf w;

    wbuf_init(&w, out, cap);
    msg_encode(m, &w);
    assert_int_equal(wbuf_err(&w), 0);
    return w.len;
}

static size_t encode_filled(const struct msg_info *info, enum fill f, uint8_t *out)
{
    struct msg m;

    msg_fill(&m, info->type, f);
    return encode(&m, out, ROOM);
}

static int decode(const struct msg_info *info, struct msg *m, const uint8_t *p, size_t len)
{
    return msg_decode(m, (uint8_t)info->type, p, len);
}

static void each_fill_survives(const struct msg_info *info, enum fill f)
{
    struct msg m, back;
    size_t len;

    msg_fill(&m, info->type, f);
    len = encode(&m, first, ROOM);
    assert_true(len <= msg_encoded_max(&m));
    assert_int_equal(msg_offset_of(info->type, NULL, first, len), len);
    assert_int_equal(decode(info, &back, first, len), 0);
    assert_int_equal(back.type, info->type);
    assert_int_equal(msg_encoded_max(&back), msg_encoded_max(&m));
    assert_int_equal(encode(&back, second, ROOM), len);
    assert_memory_equal(first, second, len);
}

static void msg__encode_decode_encode__same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        each_fill_survives(&msg_table[i], FILL_MIN);
        each_fill_survives(&msg_table[i], FILL_SMALL);
        if (!is_envelope(&msg_table[i]))
            each_fill_survives(&msg_table[i], FILL_MAX);
    }
}

static void msg__caps__cover_the_largest_encoding_and_fit_a_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        const struct msg_info *info = &msg_table[i];

        assert_true(info->cap <= FRAME_MAX);
        if (is_envelope(info))
            continue;
        assert_true(encode_filled(info, FILL_MAX, first) <= info->cap);
        /* what a sealed hop adds inside the length: two types and the tag */
        if (info->type < SEAL_CODE)
            assert_true(encode_filled(info, FILL_MAX, first) + 2 + MAC_BYTES <= FRAME_MAX);
    }
}

static void msg_decode__body_above_cap__too_large_before_anything_is_read(void **state)
{
    struct msg m;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++)
        assert_int_equal(decode(&msg_table[i], &m, NULL, msg_table[i].cap + 1), ERR_TOO_LARGE);
}

static void msg_decode__cut_at_every_byte__fails(void **state)
{
    struct msg m;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        size_t len = encode_filled(&msg_table[i], FILL_SMALL, first);

        for (size_t cut = 0; cut < len; cut++) {
            /* a copy of its own size, so that a read past the end is seen by ASan and valgrind */
            uint8_t *copy = malloc(cut + 1);

            assert_non_null(copy);
            memcpy(copy + 1, first, cut);
            assert_int_equal(decode(&msg_table[i], &m, copy + 1, cut), ERR_MALFORMED);
            free(copy);
        }
    }
}

static void msg_decode__one_byte_more__fails(void **state)
{
    struct msg m;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        size_t len = encode_filled(&msg_table[i], FILL_SMALL, first);

        first[len] = 0;
        assert_int_equal(decode(&msg_table[i], &m, first, len), 0);
        assert_int_equal(decode(&msg_table[i], &m, first, len + 1),
                         len + 1 > msg_table[i].cap ? ERR_TOO_LARGE : ERR_MALFORMED);
    }
}

static void msg_decode__every_bit_flipped__fails_or_means_the_new_bytes(void **state)
{
    struct msg m;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        size_t len = encode_filled(&msg_table[i], FILL_SMALL, first);

        for (size_t bit = 0; bit < 8 * len; bit++) {
            int err;

            first[bit / 8] ^= (uint8_t)(1u << bit % 8);
            err = decode(&msg_table[i], &m, first, len);
            if (err == 0) {
                assert_int_equal(encode(&m, second, ROOM), len);
                assert_memory_equal(first, second, len);
            } else {
                assert_true(err == ERR_MALFORMED || err == ERR_TOO_LARGE);
            }
            first[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void msg_encode__one_byte_short__says_so(void **state)
{
    struct msg m;
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        size_t len = encode_filled(&msg_table[i], FILL_SMALL, first);

        if (len == 0)
            continue;
        msg_fill(&m, msg_table[i].type, FILL_SMALL);
        wbuf_init(&w, first, len - 1);
        msg_encode(&m, &w);
        assert_int_equal(wbuf_err(&w), ERR_TOO_SMALL);
    }
}

static void msg_encode_before__each_field__is_the_prefix_up_to_it(void **state)
{
    struct msg m;
    struct wbuf w;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        size_t count, len = encode_filled(&msg_table[i], FILL_SMALL, first);
        const struct field_info *f = msg_fields_of(msg_table[i].type, &count);

        msg_fill(&m, msg_table[i].type, FILL_SMALL);
        for (size_t k = 0; k < count; k++) {
            wbuf_init(&w, second, ROOM);
            msg_encode_before(&m, f[k].name, &w);
            assert_int_equal(wbuf_err(&w), 0);
            assert_int_equal(w.len, msg_offset_of(m.type, f[k].name, first, len));
            assert_memory_equal(second, first, w.len);
        }
    }
}

static void msg_encode_before__message_of_a_package__is_its_header(void **state)
{
    struct msg m;
    struct wbuf w;
    size_t len;

    (void)state;
    msg_fill(&m, MSG_PACKAGE, FILL_SMALL);
    len = encode(&m, first, ROOM);
    wbuf_init(&w, second, ROOM);
    msg_encode_before(&m, "message", &w);
    assert_int_equal(w.len, len - (4 + m.u.package.message.len) - (4 + m.u.package.image.len));
    assert_memory_equal(second, first, w.len);
}

static void msg_encode__type_not_in_the_table__bad_argument(void **state)
{
    struct msg m;
    struct wbuf w;

    (void)state;
    memset(&m, 0, sizeof(m));
    wbuf_init(&w, first, ROOM);
    msg_encode(&m, &w);
    assert_int_equal(wbuf_err(&w), ERR_ARG);
    assert_int_equal(msg_encoded_max(&m), 0);
}

static void msg_is_legal__every_row_side_and_state__as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        const struct msg_info *info = &msg_table[i];
        uint8_t code = (uint8_t)info->type;

        for (int s = 0; s < CONN_STATES; s++) {
            unsigned bit = 1u << s;

            assert_int_equal(msg_is_legal(code, SIDE_CLOUD, (enum conn_state)s),
                             (info->cloud_states & bit) != 0);
            assert_int_equal(msg_is_legal(code, SIDE_DEVICE, (enum conn_state)s),
                             (info->device_states & bit) != 0);
        }
        assert_int_equal(info->cloud_states >> CONN_STATES, 0);
        assert_int_equal(info->device_states >> CONN_STATES, 0);
    }
}

static void msg_is_legal__closing_or_inside_a_seal__never(void **state)
{
    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        uint8_t code = (uint8_t)msg_table[i].type;

        assert_false(msg_is_legal(code, SIDE_CLOUD, CONN_CLOSING));
        assert_false(msg_is_legal(code, SIDE_DEVICE, CONN_CLOSING));
        for (int s = 0; code >= SEAL_CODE && s < CONN_STATES; s++) {
            assert_false(msg_is_legal(code, SIDE_CLOUD, (enum conn_state)s));
            assert_false(msg_is_legal(code, SIDE_DEVICE, (enum conn_state)s));
        }
    }
}

static void msg_cap_in__every_state__largest_legal_cap_and_small_before_authentication(void **state)
{
    static const enum side sides[] = {SIDE_CLOUD, SIDE_DEVICE};

    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (int s = 0; s < CONN_STATES; s++) {
            size_t want = 0;

            for (size_t i = 0; i < msg_table_len; i++) {
                const struct msg_info *row = &msg_table[i];
                unsigned states = sides[k] == SIDE_CLOUD ? row->cloud_states : row->device_states;

                if ((states >> s & 1u) != 0 && row->cap > want)
                    want = row->cap;
            }
            assert_int_equal(msg_cap_in(sides[k], (enum conn_state)s), want);
        }
    assert_true(msg_cap_in(SIDE_CLOUD, CONN_NEW) + FRAME_HEADER <= FRAME_PREAUTH_MAX);
    assert_true(msg_cap_in(SIDE_CLOUD, CONN_HANDSHAKE) + FRAME_HEADER + 1 + MAC_BYTES <=
                FRAME_PREAUTH_MAX);
}

static void msg__codes_not_in_the_table__unknown_everywhere(void **state)
{
    int known[256] = {0};
    struct msg m;

    (void)state;
    for (size_t i = 0; i < msg_table_len; i++) {
        assert_true(msg_table[i].type >= 1 && msg_table[i].type <= 255);
        known[msg_table[i].type]++;
    }
    for (unsigned code = 0; code < 256; code++) {
        uint8_t c = (uint8_t)code;

        assert_true(known[code] <= 1);
        assert_int_equal(msg_find(c) != NULL, known[code]);
        if (known[code])
            continue;
        assert_string_equal(msg_name(c), "unknown");
        assert_int_equal(msg_decode(&m, c, first, 0), ERR_MALFORMED);
        assert_false(msg_is_legal(c, SIDE_CLOUD, CONN_NEW));
    }
}

static void msg_table__rows__named_documented_and_with_distinct_fields(void **state)
{
    size_t rows = 0;

    (void)state;
    for (size_t i = 0; i < msg_fields_len; i++)
        rows += msg_fields[i].kind == FIELD_NONE;
    assert_int_equal(rows, msg_table_len);
    for (size_t i = 0; i < msg_table_len; i++) {
        size_t count;
        const struct field_info *f = msg_fields_of(msg_table[i].type, &count);

        assert_string_equal(msg_name((uint8_t)msg_table[i].type), msg_table[i].name);
        assert_true(strlen(msg_table[i].doc) > 0);
        for (size_t k = 0; k < count; k++) {
            assert_true(strlen(f[k].doc) > 0);
            for (size_t j = 0; j < k; j++)
                assert_string_not_equal(f[k].name, f[j].name);
        }
    }
}

static void reasons__every_number__has_its_text_and_name_or_is_unknown(void **state)
{
    size_t known = 0, rows = 0;

    (void)state;
    for (unsigned n = 0; n <= 0xffff; n++) {
        assert_true(strlen(reason_text(n)) > 0);
        known += strcmp(reason_name(n), "UNKNOWN") != 0;
    }
#define REASON(NAME, number, text)                                                                 \
    assert_string_equal(reason_name(number), #NAME);                                               \
    assert_string_equal(reason_text(number), text);                                                \
    rows++;
#include "proto/reasons.def"
#undef REASON
    assert_int_equal(known, rows);
}

static void conn_state_name__every_state__distinct(void **state)
{
    (void)state;
    for (int a = 0; a < CONN_STATES; a++) {
        assert_string_not_equal(conn_state_name((enum conn_state)a), "unknown");
        for (int b = 0; b < a; b++)
            assert_string_not_equal(conn_state_name((enum conn_state)a),
                                    conn_state_name((enum conn_state)b));
    }
}

/* Two messages written out by hand: the table-driven tests would not see a change of byte order. */
static void msg_encode__two_known_messages__exact_bytes(void **state)
{
    static const uint8_t refused[] = {0x01, 0x02, 0, 0, 0, 2, 'n', 'o'};
    static const uint8_t attach[] = {3, 'p', '-', '1', 2, 9, 8, 0, 1, 7};
    struct msg m;

    (void)state;
    memset(&m, 0, sizeof(m));
    m.type = MSG_HOP_REFUSED;
    m.u.hop_refused.reason = 0x0102;
    m.u.hop_refused.detail = (struct blob){(const uint8_t *)"no", 2};
    assert_int_equal(encode(&m, first, ROOM), sizeof(refused));
    assert_memory_equal(first, refused, sizeof(refused));
    assert_int_equal(msg_decode(&m, MSG_ATTACH, attach, sizeof(attach)), 0);
    assert_string_equal(m.u.attach.id, "p-1");
    assert_int_equal(m.u.attach.profiles.n, 2);
    assert_int_equal(m.u.attach.profiles.v[1], 8);
    assert_int_equal(m.u.attach.suites.n, 0);
    assert_int_equal(m.u.attach.codecs.v[0], 7);
}

static int set_up(void **state)
{
    (void)state;
    first = malloc(ROOM);
    second = malloc(ROOM);
    if (first == NULL || second == NULL)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(first);
    free(second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(msg__encode_decode_encode__same_bytes),
        cmocka_unit_test(msg__caps__cover_the_largest_encoding_and_fit_a_frame),
        cmocka_unit_test(msg_decode__body_above_cap__too_large_before_anything_is_read),
        cmocka_unit_test(msg_decode__cut_at_every_byte__fails),
        cmocka_unit_test(msg_decode__one_byte_more__fails),
        cmocka_unit_test(msg_decode__every_bit_flipped__fails_or_means_the_new_bytes),
        cmocka_unit_test(msg_encode__one_byte_short__says_so),
        cmocka_unit_test(msg_encode_before__each_field__is_the_prefix_up_to_it),
        cmocka_unit_test(msg_encode_before__message_of_a_package__is_its_header),
        cmocka_unit_test(msg_encode__type_not_in_the_table__bad_argument),
        cmocka_unit_test(msg_is_legal__every_row_side_and_state__as_the_table_says),
        cmocka_unit_test(msg_is_legal__closing_or_inside_a_seal__never),
        cmocka_unit_test(
            msg_cap_in__every_state__largest_legal_cap_and_small_before_authentication),
        cmocka_unit_test(msg__codes_not_in_the_table__unknown_everywhere),
        cmocka_unit_test(msg_table__rows__named_documented_and_with_distinct_fields),
        cmocka_unit_test(reasons__every_number__has_its_text_and_name_or_is_unknown),
        cmocka_unit_test(conn_state_name__every_state__distinct),
        cmocka_unit_test(msg_encode__two_known_messages__exact_bytes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

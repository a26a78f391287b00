/* test_rbuf.c - the read and write cursors at their edges: caps, short input, sticky errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "proto/rbuf.h"
#include "proto/wbuf.h"

/* The cursor is where it stood, to the byte. */
static void assert_unchanged(const struct rbuf *r, const uint8_t *p, size_t left)
{
    assert_ptr_equal(r->p, p);
    assert_int_equal(r->left, left);
}

static void rbuf_integers__big_endian__read_in_order(void **state)
{
    static const uint8_t in[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32};
    struct rbuf r;
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;

    (void)state;
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_u8(&r, &a), 0);
    assert_int_equal(rbuf_u16(&r, &b), 0);
    assert_int_equal(rbuf_u32(&r, &c), 0);
    assert_int_equal(rbuf_u64(&r, &d), 0);
    assert_int_equal(a, 0x01);
    assert_int_equal(b, 0x2345);
    assert_int_equal(c, 0x6789abcd);
    assert_true(d == 0xeffedcba98765432u);
    assert_int_equal(rbuf_end(&r), 0);
}

static void rbuf_integers__one_byte_short__fail_unchanged_and_zeroed(void **state)
{
    static const uint8_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct rbuf r;
    uint8_t a = 0xff;
    uint16_t b = 0xffff;
    uint32_t c = 0xffffffff;
    uint64_t d = UINT64_MAX;

    (void)state;
    rbuf_init(&r, in, 0);
    assert_int_equal(rbuf_u8(&r, &a), ERR_MALFORMED);
    assert_int_equal(a, 0);
    assert_unchanged(&r, in, 0);
    rbuf_init(&r, in, 1);
    assert_int_equal(rbuf_u16(&r, &b), ERR_MALFORMED);
    assert_int_equal(b, 0);
    assert_unchanged(&r, in, 1);
    rbuf_init(&r, in, 3);
    assert_int_equal(rbuf_u32(&r, &c), ERR_MALFORMED);
    assert_int_equal(c, 0);
    assert_unchanged(&r, in, 3);
    rbuf_init(&r, in, 7);
    assert_int_equal(rbuf_u64(&r, &d), ERR_MALFORMED);
    assert_true(d == 0);
    assert_unchanged(&r, in, 7);
}

static void rbuf_bytes__one_byte_short__fails_unchanged_and_zeroed(void **state)
{
    static const uint8_t in[4] = {1, 2, 3, 4}, zeros[5];
    uint8_t out[5];
    struct rbuf r;

    (void)state;
    memset(out, 0xff, sizeof(out));
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_bytes(&r, out, 5), ERR_MALFORMED);
    assert_memory_equal(out, zeros, sizeof(out));
    assert_unchanged(&r, in, 4);
    assert_int_equal(rbuf_bytes(&r, out, 4), 0);
    assert_memory_equal(out, in, 4);
    assert_unchanged(&r, in + 4, 0);
}

static void rbuf_bytes__no_bytes__succeeds_unmoved_even_on_nothing(void **state)
{
    static const uint8_t in[4] = {1, 2, 3, 4};
    struct rbuf r;
    uint8_t out[1] = {7};

    (void)state;
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_bytes(&r, out, 0), 0);
    assert_unchanged(&r, in, 4);
    rbuf_init(&r, NULL, 0);
    assert_int_equal(rbuf_bytes(&r, out, 0), 0);
    assert_int_equal(rbuf_end(&r), 0);
    assert_int_equal(out[0], 7);
}

static void rbuf_blob__fits__lent_from_the_input(void **state)
{
    static const uint8_t in[] = {0, 0, 0, 3, 'a', 'b', 'c', 9};
    struct rbuf r;
    struct blob b;

    (void)state;
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_blob(&r, &b, 3), 0);
    assert_ptr_equal(b.p, in + 4);
    assert_int_equal(b.len, 3);
    assert_unchanged(&r, in + 7, 1);
    assert_int_equal(rbuf_end(&r), ERR_MALFORMED);
}

static void rbuf_blob__empty__accepted_with_cap_zero(void **state)
{
    static const uint8_t in[4] = {0};
    struct rbuf r;
    struct blob b = {in, 7};

    (void)state;
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_blob(&r, &b, 0), 0);
    assert_int_equal(b.len, 0);
    assert_int_equal(rbuf_end(&r), 0);
}

/* Expects err for the given input, the cursor at its start, and the blob zeroed. */
static void blob_fails(const uint8_t *in, size_t len, size_t cap, int err)
{
    struct rbuf r;
    struct blob b = {in, 99};

    rbuf_init(&r, in, len);
    assert_int_equal(rbuf_blob(&r, &b, cap), err);
    assert_null(b.p);
    assert_int_equal(b.len, 0);
    assert_unchanged(&r, in, len);
}

static void rbuf_blob__length_past_end__fails_unchanged(void **state)
{
    static const uint8_t in[] = {0, 0, 0, 3, 'a', 'b', 'c'};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};

    (void)state;
    for (size_t len = 0; len < sizeof(in); len++)
        blob_fails(in, len, 16, ERR_MALFORMED);
    blob_fails(huge, sizeof(huge), SIZE_MAX, ERR_MALFORMED);
}

static void rbuf_blob__above_cap__cap_is_checked_before_what_is_left(void **state)
{
    static const uint8_t in[] = {0, 0, 0, 3, 'a', 'b', 'c'};

    (void)state;
    blob_fails(in, sizeof(in), 2, ERR_TOO_LARGE);
    blob_fails(in, 4, 2, ERR_TOO_LARGE);
    blob_fails(in, 5, 2, ERR_TOO_LARGE);
}

static void rbuf_id__longest_and_shortest__read(void **state)
{
    uint8_t in[1 + ID_MAX + 2];
    char id[ID_MAX + 1], want[ID_MAX + 1];
    struct rbuf r;

    (void)state;
    memset(want, 'z', ID_MAX);
    want[ID_MAX] = '\0';
    in[0] = ID_MAX;
    memcpy(in + 1, want, ID_MAX);
    in[1 + ID_MAX] = 1;
    in[2 + ID_MAX] = '-';
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_id(&r, id), 0);
    assert_string_equal(id, want);
    assert_int_equal(rbuf_id(&r, id), 0);
    assert_string_equal(id, "-");
    assert_int_equal(rbuf_end(&r), 0);
}

/* Expects err, the cursor at its start, and every byte of the id zeroed. */
static void id_fails(const uint8_t *in, size_t len, int err)
{
    static const char zeros[ID_MAX + 1];
    char id[ID_MAX + 1];
    struct rbuf r;

    memset(id, 'x', sizeof(id));
    rbuf_init(&r, in, len);
    assert_int_equal(rbuf_id(&r, id), err);
    assert_memory_equal(id, zeros, sizeof(id));
    assert_unchanged(&r, in, len);
}

static void rbuf_id__empty_long_or_cut__fails_unchanged(void **state)
{
    uint8_t in[1 + ID_MAX + 1];

    (void)state;
    memset(in, 'a', sizeof(in));
    in[0] = 0;
    id_fails(in, sizeof(in), ERR_MALFORMED);
    in[0] = ID_MAX + 1;
    id_fails(in, sizeof(in), ERR_TOO_LARGE);
    id_fails(in, 1, ERR_TOO_LARGE);
    in[0] = ID_MAX;
    for (size_t len = 0; len <= ID_MAX; len++)
        id_fails(in, len, ERR_MALFORMED);
}

static void rbuf_id__every_byte_value__only_the_alphabet_passes(void **state)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    char id[ID_MAX + 1];
    struct rbuf r;

    (void)state;
    for (int c = 0; c < 256; c++) {
        uint8_t in[4] = {3, 'a', (uint8_t)c, 'b'};

        if (c != 0 && strchr(alphabet, c) != NULL) {
            rbuf_init(&r, in, sizeof(in));
            assert_int_equal(rbuf_id(&r, id), 0);
            assert_memory_equal(id, in + 1, 3);
        } else {
            id_fails(in, sizeof(in), ERR_MALFORMED);
        }
    }
}

static void id_is_valid__lengths__one_to_max(void **state)
{
    char id[ID_MAX + 1];

    (void)state;
    memset(id, 'a', sizeof(id));
    for (size_t len = 0; len <= ID_MAX + 1; len++)
        assert_int_equal(id_is_valid(id, len), len >= 1 && len <= ID_MAX);
}

static void rbuf_list__full_and_empty__read(void **state)
{
    uint8_t in[1 + LIST_MAX + 1] = {LIST_MAX};
    struct rbuf r;
    struct list l;

    (void)state;
    for (size_t i = 1; i <= LIST_MAX; i++)
        in[i] = (uint8_t)(200 + i);
    rbuf_init(&r, in, sizeof(in));
    assert_int_equal(rbuf_list(&r, &l), 0);
    assert_int_equal(l.n, LIST_MAX);
    assert_memory_equal(l.v, in + 1, LIST_MAX);
    assert_int_equal(rbuf_list(&r, &l), 0);
    assert_int_equal(l.n, 0);
    assert_int_equal(rbuf_end(&r), 0);
}

/* Expects err, the cursor at its start, and the list zeroed. */
static void list_fails(const uint8_t *in, size_t len, int err)
{
    static const struct list zeros;
    struct rbuf r;
    struct list l;

    memset(&l, 0xff, sizeof(l));
    rbuf_init(&r, in, len);
    assert_int_equal(rbuf_list(&r, &l), err);
    assert_memory_equal(&l, &zeros, sizeof(l));
    assert_unchanged(&r, in, len);
}

static void rbuf_list__long_or_cut__fails_unchanged_and_zeroed(void **state)
{
    uint8_t in[2 + LIST_MAX] = {LIST_MAX + 1};

    (void)state;
    list_fails(in, sizeof(in), ERR_TOO_LARGE);
    list_fails(in, 1, ERR_TOO_LARGE);
    in[0] = LIST_MAX;
    for (size_t len = 0; len <= LIST_MAX; len++)
        list_fails(in, len, ERR_MALFORMED);
}

static void rbuf_end__anything_left__malformed(void **state)
{
    static const uint8_t in[1];
    struct rbuf r;

    (void)state;
    rbuf_init(&r, in, 0);
    assert_int_equal(rbuf_end(&r), 0);
    rbuf_init(&r, in, 1);
    assert_int_equal(rbuf_end(&r), ERR_MALFORMED);
}

static void wbuf__exactly_full__ok_and_one_more_byte_sticks(void **state)
{
    uint8_t out[9];
    struct wbuf w;

    (void)state;
    memset(out, 0xee, sizeof(out));
    wbuf_init(&w, out, 8);
    wbuf_u64(&w, 0x0102030405060708u);
    assert_int_equal(wbuf_err(&w), 0);
    assert_int_equal(w.len, 8);
    assert_memory_equal(out, "\1\2\3\4\5\6\7\10", 8);
    wbuf_u8(&w, 1);
    assert_int_equal(wbuf_err(&w), ERR_TOO_SMALL);
    assert_int_equal(w.len, 8);
    assert_int_equal(out[8], 0xee);
}

static void wbuf__after_an_error__smaller_writes_do_nothing(void **state)
{
    uint8_t out[4] = {0};
    struct wbuf w;

    (void)state;
    wbuf_init(&w, out, sizeof(out));
    wbuf_u64(&w, 1);
    wbuf_u16(&w, 0xffff);
    wbuf_bytes(&w, NULL, 0);
    assert_int_equal(wbuf_err(&w), ERR_TOO_SMALL);
    assert_int_equal(w.len, 0);
    assert_int_equal(out[0], 0);
}

static void wbuf__values_the_wire_cannot_hold__bad_argument(void **state)
{
    uint8_t out[128];
    char longest[ID_MAX + 2];
    const struct list l = {.n = LIST_MAX + 1};
    const struct blob b = {out, (size_t)FRAME_MAX + 1};
    struct wbuf w;

    (void)state;
    memset(longest, 'a', ID_MAX + 1);
    longest[ID_MAX + 1] = '\0';
    wbuf_init(&w, out, sizeof(out));
    wbuf_list(&w, &l);
    assert_int_equal(wbuf_err(&w), ERR_ARG);
    wbuf_init(&w, out, sizeof(out));
    wbuf_blob(&w, &b);
    assert_int_equal(wbuf_err(&w), ERR_ARG);
    wbuf_init(&w, out, sizeof(out));
    wbuf_id(&w, longest);
    assert_int_equal(wbuf_err(&w), ERR_ARG);
    wbuf_init(&w, out, sizeof(out));
    wbuf_id(&w, "");
    assert_int_equal(wbuf_err(&w), ERR_ARG);
    assert_int_equal(w.len, 0);
}

static void wbuf__first_error__is_the_one_reported(void **state)
{
    uint8_t out[2];
    struct wbuf w;

    (void)state;
    wbuf_init(&w, out, sizeof(out));
    wbuf_u32(&w, 1);
    wbuf_id(&w, "NOT AN ID");
    assert_int_equal(wbuf_err(&w), ERR_TOO_SMALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rbuf_integers__big_endian__read_in_order),
        cmocka_unit_test(rbuf_integers__one_byte_short__fail_unchanged_and_zeroed),
        cmocka_unit_test(rbuf_bytes__one_byte_short__fails_unchanged_and_zeroed),
        cmocka_unit_test(rbuf_bytes__no_bytes__succeeds_unmoved_even_on_nothing),
        cmocka_unit_test(rbuf_blob__fits__lent_from_the_input),
        cmocka_unit_test(rbuf_blob__empty__accepted_with_cap_zero),
        cmocka_unit_test(rbuf_blob__length_past_end__fails_unchanged),
        cmocka_unit_test(rbuf_blob__above_cap__cap_is_checked_before_what_is_left),
        cmocka_unit_test(rbuf_id__longest_and_shortest__read),
        cmocka_unit_test(rbuf_id__empty_long_or_cut__fails_unchanged),
        cmocka_unit_test(rbuf_id__every_byte_value__only_the_alphabet_passes),
        cmocka_unit_test(id_is_valid__lengths__one_to_max),
        cmocka_unit_test(rbuf_list__full_and_empty__read),
        cmocka_unit_test(rbuf_list__long_or_cut__fails_unchanged_and_zeroed),
        cmocka_unit_test(rbuf_end__anything_left__malformed),
        cmocka_unit_test(wbuf__exactly_full__ok_and_one_more_byte_sticks),
        cmocka_unit_test(wbuf__after_an_error__smaller_writes_do_nothing),
        cmocka_unit_test(wbuf__values_the_wire_cannot_hold__bad_argument),
        cmocka_unit_test(wbuf__first_error__is_the_one_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

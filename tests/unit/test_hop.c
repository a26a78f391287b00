/* test_hop.c - frames of the hop in both modes: round trips, and everything that must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/hop.h"
#include "proto/limits.h"

#define TYPE 0x21
#define CAP  256

static const enum hop_mode modes[] = {HOP_SEALED, HOP_CLEAR}; /* those that protect frames */

struct link {
    struct hop_keys device, cloud;
};

/* The handshake with the two ends' ideas of mode and role; 0 or the first error. */
static int try_connect(struct link *l, const enum hop_mode mode[2], const uint8_t role[2])
{
    struct noise_keypair device, cloud;
    struct noise_handshake d, c;
    uint8_t msg[NOISE_IK_1_OVERHEAD];
    size_t len;
    int rc;

    noise_keypair_new(&device);
    noise_keypair_new(&cloud);
    assert_int_equal(hop_start_device(&d, mode[0], role[0], &device, cloud.public_key), 0);
    assert_int_equal(hop_start_cloud(&c, mode[1], role[1], &cloud), 0);
    assert_int_equal(hop_finish(&d, mode[0], &l->device), ERR_STATE);
    assert_int_equal(noise_write(&d, NULL, 0, msg, sizeof msg, &len), 0);
    rc = noise_read(&c, msg, len, NULL, 0, &len);
    if (rc != 0)
        return rc;
    assert_memory_equal(c.rs, device.public_key, NOISE_KEY_BYTES);
    assert_int_equal(noise_write(&c, NULL, 0, msg, sizeof msg, &len), 0);
    assert_int_equal(noise_read(&d, msg, len, NULL, 0, &len), 0);
    assert_int_equal(hop_finish(&d, mode[0], &l->device), 0);
    assert_int_equal(hop_finish(&c, mode[1], &l->cloud), 0);
    assert_true(sodium_is_zero((const uint8_t *)&d, sizeof d));
    return 0;
}

static void connect(struct link *l, enum hop_mode mode)
{
    const enum hop_mode both[2] = {mode, mode};
    const uint8_t roles[2] = {1, 1};

    assert_int_equal(try_connect(l, both, roles), 0);
}

static size_t seal(struct hop_keys *keys, uint8_t type, const char *body, uint8_t out[CAP])
{
    size_t len = hop_frame_size((enum hop_mode)keys->mode, strlen(body));

    assert_int_equal(hop_seal_frame(keys, type, (const uint8_t *)body, strlen(body), out, len), 0);
    return len;
}

static void assert_opens(struct hop_keys *keys, uint8_t *frame, size_t len, const char *want)
{
    uint8_t type, *body;
    size_t body_len;

    assert_int_equal(hop_open_frame(keys, frame, len, &type, &body, &body_len), 0);
    assert_int_equal(type, TYPE);
    assert_int_equal(body_len, strlen(want));
    assert_memory_equal(body, want, body_len);
}

/* Opens a copy with a copy of the keys, so that a refusal, being final, ends only this attempt. */
static int open_copy(const struct hop_keys *keys, const uint8_t *frame, size_t len)
{
    struct hop_keys k = *keys;
    uint8_t *copy = malloc(len > 0 ? len : 1), type, *body;
    size_t body_len;
    int rc;

    assert_non_null(copy);
    memcpy(copy, frame, len);
    rc = hop_open_frame(&k, copy, len, &type, &body, &body_len);
    if (rc != 0) {
        assert_int_equal(type, 0);
        assert_null(body);
        assert_int_equal(body_len, 0);
    }
    free(copy);
    return rc;
}

static void hop_frame__both_modes_both_directions__round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct link l;
        uint8_t frame[CAP];
        size_t len;

        connect(&l, modes[i]);
        for (int n = 0; n < 3; n++) {
            len = seal(&l.device, TYPE, "to the cloud", frame);
            assert_opens(&l.cloud, frame, len, "to the cloud");
            len = seal(&l.cloud, TYPE, "", frame);
            assert_opens(&l.device, frame, len, "");
        }
    }
}

static void hop_frame__on_the_wire__clear_shows_and_sealed_hides(void **state)
{
    struct link l;
    uint8_t frame[CAP];
    size_t len;

    (void)state;
    connect(&l, HOP_CLEAR);
    len = seal(&l.device, TYPE, "visible", frame);
    assert_int_equal(len, 5 + 7 + 16);
    assert_memory_equal(frame, "\x00\x00\x00\x18\x21visible", 12);
    connect(&l, HOP_SEALED);
    len = seal(&l.device, TYPE, "visible", frame);
    assert_int_equal(len, 5 + 1 + 7 + 16);
    assert_memory_equal(frame, "\x00\x00\x00\x19\x03", 5);
    assert_memory_not_equal(frame + 6, "visible", 7);
}

/* The public channel: what it does not stop is what it is for. */
static void hop_open__open_mode__takes_changed_and_repeated_frames(void **state)
{
    struct link l;
    uint8_t frame[CAP];
    size_t len;

    (void)state;
    connect(&l, HOP_OPEN);
    len = seal(&l.device, TYPE, "visible", frame);
    assert_int_equal(len, 5 + 7);
    assert_memory_equal(frame, "\x00\x00\x00\x08\x21visible", 12);
    assert_opens(&l.cloud, frame, len, "visible");
    frame[5] = 'r';
    assert_opens(&l.cloud, frame, len, "risible");
    assert_opens(&l.cloud, frame, len, "risible");
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(open_copy(&l.cloud, frame, cut), ERR_MALFORMED);
    assert_int_equal(open_copy(&l.cloud, frame, len + 1), ERR_MALFORMED);
    frame[4] = HOP_TYPE_SEALED;
    assert_int_equal(open_copy(&l.cloud, frame, len), ERR_MALFORMED);
}

static void hop_frame__largest__round_trips_in_place(void **state)
{
    size_t body_len = FRAME_MAX - 2 - NOISE_TAG_BYTES;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct link l;
        size_t len = hop_frame_size(modes[i], body_len), got_len, total;
        uint8_t *frame = malloc(len), type, *body;

        assert_non_null(frame);
        connect(&l, modes[i]);
        memset(frame, 0x5a, body_len);
        assert_int_equal(hop_seal_frame(&l.device, TYPE, frame, body_len, frame, len), 0);
        assert_int_equal(hop_frame_length(frame, len, FRAME_MAX, &total), 0);
        assert_int_equal(total, len);
        assert_int_equal(hop_open_frame(&l.cloud, frame, len, &type, &body, &got_len), 0);
        assert_int_equal(got_len, body_len);
        assert_true(body[0] == 0x5a && body[body_len - 1] == 0x5a);
        assert_int_equal(hop_seal_frame(&l.device, TYPE, frame, body_len + 1, frame, len + 1),
                         ERR_TOO_LARGE);
        assert_int_equal(hop_seal_frame(&l.device, TYPE, frame, SIZE_MAX, frame, len),
                         ERR_TOO_LARGE);
        free(frame);
    }
}

static void hop_open__any_bit_flipped__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct link l;
        uint8_t frame[CAP];
        size_t len;

        connect(&l, modes[i]);
        len = seal(&l.device, TYPE, "body", frame);
        for (size_t bit = 0; bit < len * 8; bit++) {
            int rc;

            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            rc = open_copy(&l.cloud, frame, len);
            assert_true(rc == ERR_AUTH || (bit < 40 && rc == ERR_MALFORMED) ||
                        (bit < 32 && rc == ERR_TOO_LARGE));
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(open_copy(&l.cloud, frame, len), 0);
    }
}

/* Cut at every place, with the length as it was and with the length made to fit. */
static void hop_open__any_truncation__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct link l;
        uint8_t frame[CAP];
        size_t len;

        connect(&l, modes[i]);
        len = seal(&l.device, TYPE, "body", frame);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t fitted[CAP];
            int rc;

            assert_int_equal(open_copy(&l.cloud, frame, cut), ERR_MALFORMED);
            memcpy(fitted, frame, sizeof fitted);
            fitted[3] = (uint8_t)(cut - 4);
            rc = open_copy(&l.cloud, fitted, cut);
            assert_int_equal(rc, cut < hop_frame_size(modes[i], 0) ? ERR_MALFORMED : ERR_AUTH);
        }
        assert_int_equal(open_copy(&l.cloud, frame, len + 1), ERR_MALFORMED);
    }
}

static void hop_open__replayed_or_reordered_or_reflected__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct link l;
        uint8_t first[CAP], second[CAP], work[CAP];
        size_t len;

        connect(&l, modes[i]);
        len = seal(&l.device, TYPE, "same", first);
        seal(&l.device, TYPE, "same", second);
        assert_memory_not_equal(first, second, len);
        assert_int_equal(open_copy(&l.cloud, second, len), ERR_AUTH);
        assert_int_equal(open_copy(&l.device, first, len), ERR_AUTH);
        memcpy(work, first, sizeof work);
        assert_opens(&l.cloud, work, len, "same");
        assert_int_equal(open_copy(&l.cloud, first, len), ERR_AUTH);
        assert_opens(&l.cloud, second, len, "same");
    }
}

static void hop_open__after_a_refusal__is_final(void **state)
{
    struct link l;
    uint8_t bad[CAP], good[CAP], type, *body;
    size_t len, body_len;

    (void)state;
    connect(&l, HOP_SEALED);
    len = seal(&l.device, TYPE, "body", good);
    memcpy(bad, good, sizeof bad);
    bad[len - 1] ^= 1;
    assert_int_equal(hop_open_frame(&l.cloud, bad, len, &type, &body, &body_len), ERR_AUTH);
    assert_true(sodium_is_zero(l.cloud.recv.key, sizeof l.cloud.recv.key));
    assert_int_equal(hop_open_frame(&l.cloud, good, len, &type, &body, &body_len), ERR_STATE);
}

static void hop_connect__other_mode_or_role__refused(void **state)
{
    const enum hop_mode mixed[][2] = {{HOP_SEALED, HOP_CLEAR}, {HOP_CLEAR, HOP_SEALED},
                                      {HOP_SEALED, HOP_OPEN},  {HOP_OPEN, HOP_SEALED}};
    const uint8_t same_role[2] = {1, 1}, other_role[2] = {1, 2};
    struct link l;

    (void)state;
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++)
        assert_int_equal(try_connect(&l, mixed[i], same_role), ERR_AUTH);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(try_connect(&l, (enum hop_mode[2]){modes[i], modes[i]}, other_role),
                         ERR_AUTH);
    }
}

static void hop_start__unknown_mode__refused(void **state)
{
    struct noise_keypair kp;
    struct noise_handshake hs;
    struct hop_keys keys;

    (void)state;
    noise_keypair_new(&kp);
    assert_int_equal(hop_start_cloud(&hs, (enum hop_mode)3, 1, &kp), ERR_ARG);
    assert_int_equal(hop_start_device(&hs, (enum hop_mode)3, 1, &kp, kp.public_key), ERR_ARG);
    assert_int_equal(hop_finish(&hs, (enum hop_mode)3, &keys), ERR_ARG);
}

/* The same keys, but the frame of the other mode: possible only by a fault of our own. */
static void hop_open__frame_of_other_mode__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct link l;
        uint8_t frame[CAP];
        size_t len;

        connect(&l, modes[i]);
        len = seal(&l.device, TYPE, "body", frame);
        l.cloud.mode = (uint8_t)modes[1 - i];
        assert_int_equal(open_copy(&l.cloud, frame, len), ERR_MALFORMED);
    }
}

static void hop_seal__wrong_type_or_room__refused(void **state)
{
    struct link l;
    uint8_t out[CAP];
    size_t len;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        connect(&l, modes[i]);
        len = hop_frame_size(modes[i], 0);
        assert_int_equal(hop_seal_frame(&l.device, HOP_TYPE_SEALED, NULL, 0, out, len), ERR_ARG);
        assert_int_equal(hop_seal_frame(&l.device, TYPE, NULL, 0, out, len - 1), ERR_ARG);
        assert_int_equal(hop_seal_frame(&l.device, TYPE, NULL, 0, out, len + 1), ERR_ARG);
        assert_int_equal(l.device.send.n, 0);
        l.device.send.n = UINT64_MAX;
        assert_int_equal(hop_seal_frame(&l.device, TYPE, NULL, 0, out, len), ERR_STATE);
    }
}

static void hop_open__sealed_type_inside__refused(void **state)
{
    struct link l;
    uint8_t frame[FRAME_HEADER + 1 + NOISE_TAG_BYTES] = {0, 0, 0, 18, HOP_TYPE_SEALED};
    uint8_t inner = HOP_TYPE_SEALED;

    (void)state;
    connect(&l, HOP_SEALED);
    assert_int_equal(
        noise_encrypt(&l.device.send, frame, FRAME_HEADER, &inner, 1, frame + FRAME_HEADER), 0);
    assert_int_equal(open_copy(&l.cloud, frame, sizeof frame), ERR_MALFORMED);
}

static void hop_frame_length__bounds__before_allocation(void **state)
{
    const uint8_t none[5] = {0, 0, 0, 0, 9}, small[5] = {0, 0, 0, 1, 9};
    const uint8_t at_cap[5] = {0, 0, 0x10, 0, 9}, above[5] = {0, 0, 0x10, 1, 9};
    const uint8_t huge[5] = {0xff, 0xff, 0xff, 0xff, 9};
    size_t total;

    (void)state;
    for (size_t have = 0; have < 5; have++) {
        assert_int_equal(hop_frame_length(huge, have, FRAME_PREAUTH_MAX, &total), ERR_NEED_MORE);
        assert_int_equal(total, 0);
    }
    assert_int_equal(hop_frame_length(none, 5, FRAME_PREAUTH_MAX, &total), ERR_MALFORMED);
    assert_int_equal(hop_frame_length(small, 5, FRAME_PREAUTH_MAX, &total), 0);
    assert_int_equal(total, 5);
    assert_int_equal(hop_frame_length(at_cap, 5, FRAME_PREAUTH_MAX, &total), 0);
    assert_int_equal(total, 4 + FRAME_PREAUTH_MAX);
    assert_int_equal(hop_frame_length(above, 5, FRAME_PREAUTH_MAX, &total), ERR_TOO_LARGE);
    assert_int_equal(hop_frame_length(huge, 5, FRAME_MAX, &total), ERR_TOO_LARGE);
    assert_int_equal(total, 0);
}

static void hop_keys__fit_a_slab_slot(void **state)
{
    (void)state;
    assert_true(sizeof(struct hop_keys) <= 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_frame__both_modes_both_directions__round_trip),
        cmocka_unit_test(hop_frame__on_the_wire__clear_shows_and_sealed_hides),
        cmocka_unit_test(hop_open__open_mode__takes_changed_and_repeated_frames),
        cmocka_unit_test(hop_frame__largest__round_trips_in_place),
        cmocka_unit_test(hop_open__any_bit_flipped__refused),
        cmocka_unit_test(hop_open__any_truncation__refused),
        cmocka_unit_test(hop_open__replayed_or_reordered_or_reflected__refused),
        cmocka_unit_test(hop_open__after_a_refusal__is_final),
        cmocka_unit_test(hop_connect__other_mode_or_role__refused),
        cmocka_unit_test(hop_start__unknown_mode__refused),
        cmocka_unit_test(hop_open__frame_of_other_mode__refused),
        cmocka_unit_test(hop_seal__wrong_type_or_room__refused),
        cmocka_unit_test(hop_open__sealed_type_inside__refused),
        cmocka_unit_test(hop_frame_length__bounds__before_allocation),
        cmocka_unit_test(hop_keys__fit_a_slab_slot),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

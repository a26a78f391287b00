/* test_verdict.c - what the sender makes of the cloud's word that a peer is gone. */
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
#include "common/agent/stream.h"
#include "common/err.h"
#include "tests/unit/covers.h"
#include "tests/unit/store_fixture.h"

static const uint8_t key_old[KEY_BYTES] = {0xaa}, key_new[KEY_BYTES] = {0xbb};

/* A sender without a link, and its stream to bob: a session, and one message that waits. */
struct vx {
    struct home home;
    struct sender sender;
    struct stream bob;
    unsigned rejected;
};

static void on_status(void *arg, const struct out_item *item, enum out_status status,
                      unsigned reason)
{
    struct vx *vx = arg;

    (void)item;
    assert_int_equal(status, STATUS_REJECTED);
    assert_int_equal(reason, REASON_PEER_REVOKED);
    vx->rejected++;
}

static const struct sender_handlers handlers = {.status = on_status};

static void put_session(struct sql *db)
{
    struct out_session s = {.profile = 1, .suite = 4, .created = 1000000};

    cover_random(&s.keys, sizeof(s.keys), 1);
    keybuf_set(&s.keys.state, s.keys.receipt, KEY_BYTES);
    text_copy(s.peer, sizeof(s.peer), "bob");
    assert_int_equal(out_session_put(db, &s), 0);
}

static void put_message(struct sql *db)
{
    static uint8_t bytes[] = "some bytes";
    struct out_item item = {.profile = 1, .codec = 2};

    text_copy(item.peer, sizeof(item.peer), "bob");
    item.message = item.cover = (struct out_bytes){bytes, sizeof(bytes)};
    assert_int_equal(outbox_put(db, &item), 0);
}

static int setup(void **state)
{
    struct vx *vx = calloc(1, sizeof(*vx));
    char why[WHY_MAX];

    assert_non_null(vx);
    if (sodium_init() < 0)
        return -1;
    text_copy(vx->home.dir, sizeof(vx->home.dir), "/tmp/test-verdict-XXXXXX");
    assert_non_null(mkdtemp(vx->home.dir));
    assert_int_equal(state_open(&vx->sender.config.db, &vx->home, why, sizeof(why)), 0);
    vx->sender.config.handlers = &handlers;
    vx->sender.config.arg = vx;
    vx->sender.streams = &vx->bob;
    vx->bob.sender = &vx->sender;
    text_copy(vx->bob.peer, sizeof(vx->bob.peer), "bob");
    put_session(vx->sender.config.db);
    put_message(vx->sender.config.db);
    *state = vx;
    return 0;
}

static int teardown(void **state)
{
    struct vx *vx = *state;

    state_close(vx->sender.config.db);
    fix_remove(vx->home.dir);
    free(vx);
    return 0;
}

static void met(struct vx *vx, const uint8_t *key, uint64_t enrolment)
{
    int is_new;

    assert_int_equal(peer_meet(vx->sender.config.db, "bob", key, enrolment, &is_new), 0);
}

static void gone(struct vx *vx, uint64_t enrolment)
{
    struct msg_peer_gone m = {.enrolment = enrolment};

    text_copy(m.peer, sizeof(m.peer), "bob");
    verdict_on_peer_gone(&vx->sender, &m);
    if (vx->sender.in_transaction)
        assert_int_equal(sql_commit(vx->sender.config.db), 0);
    vx->sender.in_transaction = 0;
}

static void assert_kept(struct vx *vx, int kept)
{
    struct out_session s;

    assert_int_equal(out_session_current(vx->sender.config.db, "bob", &s), kept ? 0 : ERR_NOTFOUND);
    assert_int_equal(outbox_has_queued(vx->sender.config.db, "bob"), kept);
    assert_int_equal(vx->rejected, kept ? 0 : 1);
}

static void peer_gone__the_one_we_know__messages_rejected_and_session_given_up(void **state)
{
    struct vx *vx = *state;

    met(vx, key_old, 7);
    gone(vx, 7);
    assert_kept(vx, 0);
}

static void peer_gone__newer_than_we_know__the_same(void **state)
{
    struct vx *vx = *state;

    met(vx, key_old, 7);
    gone(vx, 9);
    assert_kept(vx, 0);
}

static void peer_gone__never_met__nothing_changes(void **state)
{
    struct vx *vx = *state;

    gone(vx, 7);
    assert_kept(vx, 1);
}

static void peer_gone__late_word_of_an_older_enrolment__nothing_changes(void **state)
{
    struct vx *vx = *state;

    met(vx, key_old, 8);
    gone(vx, 7);
    assert_kept(vx, 1);
}

static void peer_gone__another_key_was_accepted_and_not_met__messages_stay(void **state)
{
    struct vx *vx = *state;

    met(vx, key_old, 7);
    assert_int_equal(peer_trust(vx->sender.config.db, "bob", key_new, PEER_ACCEPTED), 0);
    gone(vx, 7);
    assert_true(outbox_has_queued(vx->sender.config.db, "bob"));
    assert_int_equal(vx->rejected, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(peer_gone__the_one_we_know__messages_rejected_and_session_given_up),
        T(peer_gone__newer_than_we_know__the_same),
        T(peer_gone__never_met__nothing_changes),
        T(peer_gone__late_word_of_an_older_enrolment__nothing_changes),
        T(peer_gone__another_key_was_accepted_and_not_met__messages_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

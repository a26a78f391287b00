/* outbox_fixture.c - a sending device's state.db in a folder of its own, and what goes into it. */
#include "tests/unit/outbox_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "tests/unit/covers.h"
#include "tests/unit/store_fixture.h"

static int open_state(struct tx *tx)
{
    char why[WHY_MAX];

    return state_open(&tx->db, &tx->home, why, sizeof(why));
}

int tx_setup(void **state)
{
    struct tx *tx = calloc(1, sizeof(*tx));

    assert_non_null(tx);
    if (sodium_init() < 0)
        return -1;
    text_copy(tx->home.dir, sizeof(tx->home.dir), "/tmp/test-outbox-XXXXXX");
    assert_non_null(mkdtemp(tx->home.dir));
    *state = tx;
    return open_state(tx);
}

int tx_teardown(void **state)
{
    struct tx *tx = *state;

    state_close(tx->db);
    fix_remove(tx->home.dir);
    free(tx);
    return 0;
}

void tx_reopen(struct tx *tx)
{
    state_close(tx->db);
    assert_int_equal(open_state(tx), 0);
}

struct sql *tx_db(void **state)
{
    return ((struct tx *)*state)->db;
}

int64_t tx_put(struct sql *db, const char *peer, const char *text)
{
    static uint8_t cover[] = "a cover";
    uint8_t message[64];
    struct out_item item = {.profile = 1, .codec = 2, .exact = text[0] == '-'};

    text_copy(item.peer, sizeof(item.peer), peer);
    memcpy(message, text, strlen(text));
    item.message = (struct out_bytes){message, strlen(text)};
    item.cover = (struct out_bytes){cover, sizeof(cover)};
    assert_int_equal(outbox_put(db, &item), 0);
    assert_int_equal(item.state, OUT_QUEUED);
    assert_true(item.queued_at > 0);
    return item.id;
}

int64_t tx_pack(struct sql *db, const char *peer, uint32_t number, uint64_t index)
{
    struct out_item item;
    int64_t id;

    assert_int_equal(outbox_next_queued(db, peer, &item), 0);
    cover_random(item.session, SESSION_ID_BYTES, number);
    cover_random(item.digest, DIGEST_BYTES, (uint32_t)index + 500);
    item.index = index;
    item.suite = 3;
    item.psnr_mdb = 81234;
    item.changed_pixels = 17;
    item.embed_us = 99;
    item.body.p = malloc(3);
    item.body.len = 3;
    assert_non_null(item.body.p);
    memcpy(item.body.p, "PKG", 3);
    assert_int_equal(outbox_packed(db, &item), 0);
    id = item.id;
    out_item_free(&item);
    return id;
}

void tx_make_session(struct out_session *s, uint32_t number, const char *peer)
{
    memset(s, 0, sizeof(*s));
    cover_random(&s->keys, sizeof(s->keys), number);
    keybuf_set(&s->keys.state, s->keys.receipt, KEY_BYTES);
    cover_random(s->keys.session, SESSION_ID_BYTES, number);
    cover_random(s->negotiation, NEG_ID_BYTES, number + 100);
    text_copy(s->peer, sizeof(s->peer), peer);
    s->profile = 1;
    s->suite = 4;
    s->codecs = (struct list){2, {1, 2}};
    s->created = 1000000;
}

void tx_put_session(struct sql *db, uint32_t number, const char *peer)
{
    struct out_session s;

    tx_make_session(&s, number, peer);
    assert_int_equal(out_session_put(db, &s), 0);
}

int tx_has_session(struct sql *db, uint32_t number)
{
    uint8_t name[SESSION_ID_BYTES];
    struct out_session s;

    cover_random(name, sizeof(name), number);
    return out_session_get(db, name, &s) == 0;
}

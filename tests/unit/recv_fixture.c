/* recv_fixture.c - a receiving device for tests; see recv_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/package.h"
#include "common/session.h"
#include "tests/unit/covers.h"
#include "tests/unit/recv_fixture.h"
#include "tests/unit/store_fixture.h"

static void open_state(struct rx *rx)
{
    char why[WHY_MAX];

    assert_int_equal(state_open(&rx->db, &rx->home, why, sizeof(why)), 0);
}

int rx_setup(void **state)
{
    struct rx *rx = calloc(1, sizeof(*rx));

    assert_non_null(rx);
    assert_true(sodium_init() >= 0);
    snprintf(rx->dir, sizeof(rx->dir), "/tmp/test-recv-XXXXXX");
    assert_non_null(mkdtemp(rx->dir));
    text_copy(rx->home.dir, sizeof(rx->home.dir), rx->dir);
    text_copy(rx->home.id, sizeof(rx->home.id), "bob");
    rx->home.lock_fd = -1;
    open_state(rx);
    rx_session(rx, 1, 1000, &rx->keys);
    *state = rx;
    return 0;
}

int rx_teardown(void **state)
{
    struct rx *rx = *state;

    state_close(rx->db);
    fix_remove(rx->dir);
    free(rx);
    return 0;
}

void rx_reopen(struct rx *rx)
{
    state_close(rx->db);
    open_state(rx);
}

static void put_session(struct rx *rx, struct recv_session *s, struct session_keys *keys)
{
    cover_random(&s->keys, sizeof(s->keys), (uint32_t)s->enrolment);
    keybuf_set(&s->keys.state, s->keys.session, KEY_BYTES);
    if (s->profile == PROFILE_SEALED)
        keybuf_append(&s->keys.state, &s->suite, 1);
    cover_random(s->negotiation, sizeof(s->negotiation), (uint32_t)s->enrolment + 1000);
    text_copy(s->peer, sizeof(s->peer), "alice");
    assert_int_equal(recv_session_put(rx->db, s), 0);
    *keys = s->keys;
}

void rx_session(struct rx *rx, unsigned number, int64_t created, struct session_keys *keys)
{
    struct recv_session s = {
        .enrolment = number, .profile = PROFILE_AUTH, .suite = SUITE_NONE, .created = created};

    put_session(rx, &s, keys);
}

void rx_session_sealed(struct rx *rx, unsigned number, uint8_t suite, struct session_keys *keys)
{
    struct recv_session s = {.enrolment = number, .profile = PROFILE_SEALED, .suite = suite};

    put_session(rx, &s, keys);
}

static void decode(struct rx_package *p)
{
    assert_int_equal(msg_decode(&p->m, MSG_PACKAGE, p->body, p->len), 0);
}

void rx_make(struct rx_package *p, const struct session_keys *keys, uint64_t index, uint64_t seq,
             const char *text)
{
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *f = &m.u.package;
    uint8_t *cover = cover_make("busy", RX_SIDE, RX_SIDE);
    struct keybuf chain = keys->state, key = {0};
    struct package made;

    f->profile = keys->state.len == KEY_BYTES ? PROFILE_AUTH : PROFILE_SEALED;
    f->codec = 1;
    memcpy(f->session, keys->session, SESSION_ID_BYTES);
    f->index = index;
    f->seq = seq;
    text_copy(f->from, sizeof(f->from), "alice");
    text_copy(f->to, sizeof(f->to), "bob");
    f->message = (struct blob){(const uint8_t *)text, strlen(text)};
    for (uint64_t i = 0; i <= index; i++)
        assert_int_equal(profile_find(f->profile)->take_key(&key, &chain), 0);
    assert_int_equal(package_make(&made, &m, &(struct pgm_view){RX_SIDE, RX_SIDE, cover}, &key, 0),
                     0);
    free(cover);
    p->body = made.body;
    p->len = made.len;
    decode(p);
}

void rx_encode_again(struct rx_package *p)
{
    size_t cap = msg_encoded_max(&p->m);
    uint8_t *body = malloc(cap);
    struct wbuf w;

    assert_non_null(body);
    wbuf_init(&w, body, cap);
    msg_encode(&p->m, &w);
    assert_int_equal(wbuf_err(&w), 0);
    free(p->body);
    p->body = body;
    p->len = w.len;
    decode(p);
}

void rx_package_free(struct rx_package *p)
{
    free(p->body);
    p->body = NULL;
}

void rx_deliver(struct rx *rx, const struct rx_package *p, struct verdict *v)
{
    struct delivery d = {rx->db, rx->home.id, NULL, 5000, NULL};

    assert_int_equal(sql_begin(rx->db, SQL_WRITE), 0);
    assert_int_equal(deliver(&d, &p->m, p->body, p->len, v), 0);
    assert_int_equal(sql_commit(rx->db), 0);
}

int rx_is_signed(const struct verdict *v, const struct session_keys *keys)
{
    uint8_t mac[MAC_BYTES];

    receipt_mac(mac, keys->receipt, &v->receipt);
    return sodium_memcmp(mac, v->receipt.mac, MAC_BYTES) == 0;
}

int64_t rx_number(struct rx *rx, const char *text)
{
    struct sql_query q;
    int64_t n = -1;

    sql_ask(&q, rx->db, text);
    if (sql_row(&q))
        n = sql_get_i64(&q);
    assert_int_equal(sql_end(&q), 0);
    return n;
}

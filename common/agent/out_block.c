/* out_block.c - reserving indices of a sending session. */
#include "common/agent/out_block.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/profile.h"

void out_block_forget(struct out_block *b)
{
    sodium_memzero(b, sizeof(*b));
}

static int is_of(const struct out_block *b, const uint8_t session[SESSION_ID_BYTES])
{
    return sodium_memcmp(b->session.keys.session, session, SESSION_ID_BYTES) == 0;
}

static int get_reserved_seq(struct sql *db, const char *peer, uint64_t *seq)
{
    struct sql_query q;

    *seq = 0;
    sql_ask(&q, db, "SELECT reserved FROM send_seq WHERE peer = ?");
    sql_put_text(&q, peer);
    if (sql_row(&q))
        *seq = sql_get_u64(&q);
    return sql_end(&q);
}

int out_block_update(struct sql *db, const char *peer, struct out_block *b)
{
    struct out_session row;
    int err = out_session_current(db, peer, &row);

    if (err != 0) {
        out_block_forget(b);
    } else if (is_of(b, row.keys.session) && b->end == row.next) {
        b->session.created = row.created;
    } else {
        b->session = row;
        b->end = row.next;
        err = get_reserved_seq(db, peer, &b->seq_end);
    }
    sodium_memzero(&row, sizeof(row));
    return err;
}

/* With `turn` the state depends on the messages: there is no stepping ahead of them. */
static int has_steps(const struct profile *p)
{
    return p != NULL && p->turn == NULL;
}

static int step(struct keybuf *state, const struct profile *p, size_t n)
{
    struct keybuf key = {0};
    int err = 0;

    for (size_t i = 0; err == 0 && i < n; i++)
        err = p->take_key(&key, state);
    keybuf_wipe(&key);
    return err;
}

int out_block_has(const struct out_block *b, uint64_t seq)
{
    return b->session.next < b->end && seq <= b->seq_end;
}

static int reserve_seq(struct sql *db, const char *peer, uint64_t *seq)
{
    struct sql_query q;
    int err;

    sql_ask(&q, db, "UPDATE send_seq SET reserved = last + ? WHERE peer = ?");
    sql_put_u64(&q, OUT_BLOCK);
    sql_put_text(&q, peer);
    err = sql_do(&q);
    return err != 0 ? err : get_reserved_seq(db, peer, seq);
}

int out_block_reserve(struct sql *db, struct out_block *b)
{
    const struct profile *p = profile_find(b->session.profile);
    struct out_session row;
    int err;

    if (!has_steps(p))
        return 0;
    err = out_session_current(db, b->session.peer, &row);
    if (err == 0 && (!is_of(b, row.keys.session) || row.next != b->end))
        err = ERR_CONFLICT;
    if (err == 0)
        err = step(&row.keys.state, p, OUT_BLOCK);
    if (err == 0) {
        row.next += OUT_BLOCK;
        row.heard = b->session.heard;
        err = out_session_save(db, &row);
    }
    if (err == 0)
        err = reserve_seq(db, b->session.peer, &b->seq_end);
    if (err == 0)
        b->end = row.next;
    sodium_memzero(&row, sizeof(row));
    return err;
}

int out_block_used(struct sql *db, struct out_block *b)
{
    if (has_steps(profile_find(b->session.profile)))
        return 0;
    b->end = b->session.next;
    return out_session_save(db, &b->session);
}

void out_block_hear(struct out_block *b, const uint8_t session[SESSION_ID_BYTES], uint64_t index)
{
    if (is_of(b, session) && index >= b->session.heard && index < b->session.next)
        b->session.heard = index + 1;
}

int out_block_give_back(struct sql *db, struct out_block *b)
{
    struct out_session row;
    struct sql_query q;
    int err = 0;

    if (b->session.next < b->end && out_session_current(db, b->session.peer, &row) == 0) {
        if (is_of(b, row.keys.session) && row.next == b->end)
            err = out_session_save(db, &b->session);
        sodium_memzero(&row, sizeof(row));
    }
    if (err == 0 && b->session.peer[0] != '\0') {
        sql_ask(&q, db, "UPDATE send_seq SET reserved = last WHERE peer = ? AND reserved > last");
        sql_put_text(&q, b->session.peer);
        err = sql_do(&q);
    }
    out_block_forget(b);
    return err;
}

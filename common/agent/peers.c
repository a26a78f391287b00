/* peers.c - keys of peers on record. */
#include "common/agent/peers.h"

#include <string.h>

#include <sodium.h>

#include "common/agent/inbox.h"
#include "common/agent/outbox.h"
#include "common/err.h"

static void read_peer(struct sql_query *q, struct peer *p)
{
    sql_get_text(q, p->id, sizeof(p->id));
    sql_get_fixed(q, p->key, KEY_BYTES);
    p->enrolment = sql_get_u64(q);
    p->trust = (enum peer_trust)sql_get_i64(q);
    p->has_offered = sql_get_short(q, p->offered, KEY_BYTES) == KEY_BYTES;
}

int peer_get(struct sql *db, const char *id, struct peer *p)
{
    struct sql_query q;
    int found, err;

    memset(p, 0, sizeof(*p));
    sql_ask(&q, db, "SELECT id, key, enrolment, trust, offered FROM peer WHERE id = ?");
    sql_put_text(&q, id);
    found = sql_row(&q);
    if (found)
        read_peer(&q, p);
    err = sql_end(&q);
    return err != 0 ? err : found ? 0 : ERR_NOTFOUND;
}

static int put(struct sql *db, const char *id, const uint8_t key[KEY_BYTES], uint64_t enrolment,
               enum peer_trust trust)
{
    struct sql_query q;

    sql_ask(&q, db,
            "INSERT INTO peer (id, key, enrolment, trust, offered) VALUES (?, ?, ?, ?, NULL)"
            " ON CONFLICT (id) DO UPDATE SET key = excluded.key, enrolment = excluded.enrolment,"
            " trust = excluded.trust, offered = NULL");
    sql_put_text(&q, id);
    sql_put_bytes(&q, key, KEY_BYTES);
    sql_put_u64(&q, enrolment);
    sql_put_i64(&q, trust);
    return sql_do(&q);
}

static int keep_offered(struct sql *db, const char *id, const uint8_t key[KEY_BYTES])
{
    struct sql_query q;

    sql_ask(&q, db, "UPDATE peer SET offered = ? WHERE id = ?");
    sql_put_bytes(&q, key, KEY_BYTES);
    sql_put_text(&q, id);
    return sql_do(&q);
}

int peer_meet(struct sql *db, const char *id, const uint8_t key[KEY_BYTES], uint64_t enrolment,
              int *is_new)
{
    struct peer p;
    int err = peer_get(db, id, &p);

    *is_new = err == ERR_NOTFOUND;
    if (err == ERR_NOTFOUND)
        return put(db, id, key, enrolment, PEER_FIRST_USE);
    if (err != 0)
        return err;
    if (sodium_memcmp(p.key, key, KEY_BYTES) != 0) {
        err = keep_offered(db, id, key);
        return err != 0 ? err : ERR_CONFLICT;
    }
    return p.enrolment == enrolment ? 0 : put(db, id, key, enrolment, p.trust);
}

static int forget(struct sql *db, const char *id, enum peer_trust trust)
{
    int err = out_session_retire(db, id);

    if (err == 0)
        err = out_negotiation_delete(db, id);
    if (err == 0 && trust == PEER_PINNED)
        err = recv_session_delete_peer(db, id);
    return err;
}

static int replace_key(struct sql *db, const char *id, const uint8_t key[KEY_BYTES],
                       enum peer_trust trust)
{
    int err = sql_begin(db, SQL_WRITE);

    if (err != 0)
        return err;
    err = forget(db, id, trust);
    if (err == 0)
        err = put(db, id, key, 0, trust);
    if (err == 0)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err;
}

int peer_trust(struct sql *db, const char *id, const uint8_t key[KEY_BYTES], enum peer_trust trust)
{
    struct peer p;
    int err = peer_get(db, id, &p);

    if (err == 0 && sodium_memcmp(p.key, key, KEY_BYTES) == 0)
        return put(db, id, key, p.enrolment, trust);
    return err == 0 || err == ERR_NOTFOUND ? replace_key(db, id, key, trust) : err;
}

int peer_each(struct sql *db, int (*each)(void *arg, const struct peer *p), void *arg)
{
    struct sql_query q;
    struct peer p;
    int err, stop = 0;

    sql_ask(&q, db, "SELECT id, key, enrolment, trust, offered FROM peer ORDER BY id");
    while (stop == 0 && sql_row(&q)) {
        memset(&p, 0, sizeof(p));
        read_peer(&q, &p);
        stop = each(arg, &p);
    }
    err = sql_end(&q);
    return stop != 0 ? stop : err;
}

int peer_parse(const char *text, char id[ID_MAX + 1], uint8_t key[KEY_BYTES])
{
    const char *eq = strchr(text, '=');

    if (eq == NULL || !id_is_valid(text, (size_t)(eq - text)))
        return ERR_MALFORMED;
    memcpy(id, text, (size_t)(eq - text));
    id[eq - text] = '\0';
    return text_unhex(key, KEY_BYTES, eq + 1);
}

const char *peer_trust_name(enum peer_trust t)
{
    switch (t) {
    case PEER_FIRST_USE:
        return "first use";
    case PEER_PINNED:
        return "pinned";
    case PEER_ACCEPTED:
        return "accepted";
    }
    return "unknown";
}

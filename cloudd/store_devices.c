/* store_devices.c - enrolments: added with their token, found by key or id, revoked for good. */
#include <stdlib.h>
#include <string.h>

#include "cloudd/store_sqlite.h"
#include "common/err.h"

#define DEVICE_COLUMNS "id, pubkey, enrolment, profiles, suites, codecs, enrolled_at, revocation"

static void get_list(struct sql_query *q, struct list *l)
{
    l->n = (uint8_t)sql_get_short(q, l->v, LIST_MAX);
}

static void get_device(struct sql_query *q, struct store_device *d)
{
    memset(d, 0, sizeof(*d));
    sql_get_text(q, d->id, sizeof(d->id));
    sql_get_fixed(q, d->key, KEY_BYTES);
    d->enrolment = sql_get_u64(q);
    get_list(q, &d->offer.profiles);
    get_list(q, &d->offer.suites);
    get_list(q, &d->offer.codecs);
    d->enrolled_at = sql_get_i64(q);
    d->revoked = sql_get_i64(q) != 0;
}

static void put_offer(struct sql_query *q, const struct offer *o)
{
    sql_put_bytes(q, o->profiles.v, o->profiles.n);
    sql_put_bytes(q, o->suites.v, o->suites.n);
    sql_put_bytes(q, o->codecs.v, o->codecs.n);
}

/* Does the query of one bound blob find anything? */
static int is_there(struct backend *b, const char *text, const uint8_t bytes[32], int *there)
{
    struct sql_query q;

    sql_ask(&q, b->db, text);
    sql_put_bytes(&q, bytes, 32);
    *there = sql_row(&q);
    return sql_end(&q);
}

/* ID_TAKEN, KEY_TAKEN, SIGNATURE_TAKEN, in this order; else op->result stays OK. */
static int check_free(struct backend *b, struct store_op *op)
{
    uint64_t living;
    int there, err = store_living(b, op->u.add.device.id, &living);

    if (err)
        return err;
    if (living != 0)
        return store_answer(op, STORE_CONFLICT, REASON_ID_TAKEN);
    err = is_there(b, "SELECT 1 FROM devices WHERE pubkey = ?", op->u.add.device.key, &there);
    if (err)
        return err;
    if (there)
        return store_answer(op, STORE_CONFLICT, REASON_KEY_TAKEN);
    err = is_there(b, "SELECT 1 FROM devices WHERE scan_digest = ? AND revocation IS NULL",
                   op->u.add.scan_digest, &there);
    if (!err && there)
        store_answer(op, STORE_CONFLICT, REASON_SIGNATURE_TAKEN);
    return err;
}

static int insert_device(struct backend *b, const struct store_op *op, uint64_t enrolment)
{
    const struct store_device *d = &op->u.add.device;
    struct sql_query q;
    int err;

    sql_ask(&q, b->db,
            "INSERT INTO devices (enrolment, id, pubkey, scan_digest, profiles, suites, codecs,"
            " enrolled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    sql_put_u64(&q, enrolment);
    sql_put_text(&q, d->id);
    sql_put_bytes(&q, d->key, KEY_BYTES);
    sql_put_bytes(&q, op->u.add.scan_digest, DIGEST_BYTES);
    put_offer(&q, &d->offer);
    sql_put_i64(&q, op->now);
    err = sql_do(&q);
    if (err)
        return err;
    sql_ask(&q, b->db, "INSERT INTO records (enrolment, sealed) VALUES (?, ?)");
    sql_put_u64(&q, enrolment);
    sql_put_bytes(&q, op->u.add.sealed.p, op->u.add.sealed.len);
    return sql_do(&q);
}

int store_device_add(struct backend *b, struct store_op *op)
{
    struct store_device *d = &op->u.add.device;
    const struct store_claim claim = {d->id, op->u.add.token_hash, d->key};
    uint64_t enrolment;
    int err = store_token_check(b, op, &claim, &enrolment);

    if (err)
        return err;
    if (op->result == STORE_ALREADY)
        d->enrolment = enrolment;
    if (op->result != STORE_OK)
        return 0;
    err = check_free(b, op);
    if (err || op->result != STORE_OK)
        return err;
    err = store_count_up(b, "enrolment", &enrolment);
    if (!err)
        err = insert_device(b, op, enrolment);
    if (!err)
        err = store_token_use(b, op->u.add.token_hash, enrolment);
    if (!err) {
        d->enrolment = enrolment;
        d->enrolled_at = op->now;
        d->revoked = 0;
    }
    return err;
}

int store_device_attach(struct backend *b, struct store_op *op)
{
    struct store_device d, *in = &op->u.device;
    struct sql_query q;
    int found, err;

    sql_ask(&q, b->db,
            "SELECT " DEVICE_COLUMNS " FROM devices"
            " WHERE pubkey = ? AND id = ? AND revocation IS NULL");
    sql_put_bytes(&q, in->key, KEY_BYTES);
    sql_put_text(&q, in->id);
    found = sql_row(&q);
    if (found)
        get_device(&q, &d);
    err = sql_end(&q);
    if (err)
        return err;
    if (!found)
        return store_answer(op, STORE_NOTFOUND, REASON_NOT_ENROLLED);
    in->enrolment = d.enrolment;
    in->enrolled_at = d.enrolled_at;
    in->revoked = 0;
    if (offer_is_empty(&in->offer) || offer_equal(&d.offer, &in->offer))
        return 0;
    sql_ask(&q, b->db,
            "UPDATE devices SET profiles = ?, suites = ?, codecs = ? WHERE enrolment = ?");
    put_offer(&q, &in->offer);
    sql_put_u64(&q, d.enrolment);
    return sql_do(&q);
}

int store_device_get(struct backend *b, struct store_op *op)
{
    struct store_device d;
    struct sql_query q;
    int found, err;

    sql_ask(&q, b->db,
            "SELECT " DEVICE_COLUMNS " FROM devices WHERE id = ? AND revocation IS NULL");
    sql_put_text(&q, op->u.device.id);
    found = sql_row(&q);
    if (found)
        get_device(&q, &d);
    err = sql_end(&q);
    if (err)
        return err;
    if (!found)
        return store_answer(op, STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    op->u.device = d;
    return 0;
}

/* Read all rows of a started query into an array. */
static int read_devices(struct sql_query *q, struct store_device **v, size_t *n)
{
    struct store_device *more;

    *v = NULL;
    *n = 0;
    while (sql_row(q)) {
        more = store_grow(*v, *n, sizeof(**v));
        if (more == NULL) {
            q->err = ERR_NOMEM;
            break;
        }
        *v = more;
        get_device(q, &(*v)[(*n)++]);
    }
    return sql_end(q);
}

int store_device_list(struct backend *b, struct store_op *op)
{
    struct sql_query q;

    sql_ask(&q, b->db, "SELECT " DEVICE_COLUMNS " FROM devices ORDER BY enrolment");
    return read_devices(&q, &op->u.devices.v, &op->u.devices.n);
}

int store_revoked_since(struct backend *b, struct store_op *op)
{
    uint64_t since = op->u.revoked.since;
    struct sql_query q;
    int err;

    sql_ask(&q, b->db,
            "SELECT " DEVICE_COLUMNS " FROM devices WHERE revocation > ? ORDER BY revocation");
    sql_put_u64(&q, since);
    err = read_devices(&q, &op->u.revoked.v, &op->u.revoked.n);
    if (err)
        return err;
    sql_ask(&q, b->db, "SELECT value FROM counters WHERE name = 'revocation'");
    if (sql_row(&q))
        op->u.revoked.since = sql_get_u64(&q);
    return sql_end(&q);
}

static int run_with_id(struct backend *b, const char *text, const char *id)
{
    struct sql_query q;

    sql_ask(&q, b->db, text);
    sql_put_text(&q, id);
    return sql_do(&q);
}

static int run_with_enrolment(struct backend *b, const char *text, uint64_t enrolment)
{
    struct sql_query q;

    sql_ask(&q, b->db, text);
    sql_put_u64(&q, enrolment);
    return sql_do(&q);
}

/* What the enrolment's secrets were used for, and what waits for it. */
static int forget(struct backend *b, const char *id, uint64_t enrolment)
{
    static const char *const by_enrolment[] = {
        "DELETE FROM pairs WHERE enrolment_a = ?",
        "DELETE FROM pairs WHERE enrolment_b = ?",
        "DELETE FROM records WHERE enrolment = ?",
    };
    static const char *const by_id[] = {
        "DELETE FROM tokens WHERE id = ? AND used_by IS NULL",
        "DELETE FROM negotiations WHERE sender = ?",
        "DELETE FROM negotiations WHERE receiver = ?",
        "DELETE FROM receipts WHERE sender = ?",
        "UPDATE held SET receipts = 0 WHERE sender = ?",
    };
    int err = 0;

    for (size_t i = 0; !err && i < sizeof(by_enrolment) / sizeof(by_enrolment[0]); i++)
        err = run_with_enrolment(b, by_enrolment[i], enrolment);
    for (size_t i = 0; !err && i < sizeof(by_id) / sizeof(by_id[0]); i++)
        err = run_with_id(b, by_id[i], id);
    return err;
}

int store_device_revoke(struct backend *b, struct store_op *op)
{
    const char *id = op->u.revoke.id;
    uint64_t enrolment, revocation;
    struct sql_query q;
    int err = store_living(b, id, &enrolment);

    if (err)
        return err;
    if (enrolment == 0)
        return store_answer(op, STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    err = store_count_up(b, "revocation", &revocation);
    if (err)
        return err;
    sql_ask(&q, b->db, "UPDATE devices SET revocation = ? WHERE enrolment = ?");
    sql_put_u64(&q, revocation);
    sql_put_u64(&q, enrolment);
    err = sql_do(&q);
    if (!err)
        err = forget(b, id, enrolment);
    if (!err)
        err = store_state_forget(b, id);
    if (!err)
        err = store_expire_all_to(b, id, op->now);
    if (!err)
        err = store_kept_forget(b, id);
    return err ? err : store_held_forget(b, id);
}

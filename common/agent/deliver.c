/*
 * deliver.c - what becomes of a package: which session and which key it belongs to, whether it is
 * genuine, and what is recorded of it.
 *
 * The header is not to be believed before the hidden tag has verified: the session's state steps on
 * a copy, and nothing is written for a package that fails; but it ends a session whose profile
 * cannot pass over a message.
 */
#include "common/agent/receiving.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/session.h"
#include "common/set.h"

/* Key material for one index. Secret. */
struct attempt {
    const struct profile *profile; /* the session's */
    struct keybuf key;
    struct keybuf state; /* of index + 1, unless was_skipped */
    int was_skipped;
};

/* What arrived: a package, or a member's share of one. */
struct arrival {
    struct msg m; /* as if it were a PACKAGE for us alone */
    struct set_shared *shared; /* malloc'd; NULL for a PACKAGE */
    uint8_t digest[DIGEST_BYTES];
};

static int read_arrival(struct arrival *a, const struct msg *m, const struct blob *body)
{
    int err;

    a->shared = NULL;
    if (m->type == MSG_PACKAGE) {
        a->m = *m;
        package_digest(a->digest, body->p, body->len);
        return 0;
    }
    a->shared = malloc(sizeof(*a->shared));
    if (a->shared == NULL)
        return ERR_NOMEM;
    err = set_shared_parse(a->shared, &m->u.package_shared);
    if (err == 0) {
        set_shared_view(&a->m, a->shared);
        memcpy(a->digest, a->shared->digest, DIGEST_BYTES);
    }
    return err;
}

static int open_arrival(struct package_opened *out, const struct arrival *a,
                        const struct keybuf *key)
{
    return a->shared != NULL ? set_shared_open(out, a->shared, key) : package_open(out, &a->m, key);
}

static void fail(struct verdict *v, unsigned reason)
{
    v->line = LINE_FAILURE;
    v->reason = reason;
}

/* No session, or no index that it could have: nobody holds a key to answer with. */
static void unverifiable(struct verdict *v, unsigned reason)
{
    v->receipt.status = RECEIPT_UNVERIFIABLE;
    fail(v, reason);
}

static void sign(struct verdict *v, const struct recv_session *s, enum receipt_status status)
{
    v->receipt.status = (uint8_t)status;
    receipt_mac(v->receipt.mac, s->keys.receipt, &v->receipt);
}

static void rejected(struct verdict *v, const struct recv_session *s, unsigned reason)
{
    sign(v, s, RECEIPT_REJECTED);
    fail(v, reason);
}

static void begin(struct verdict *v, const struct arrival *a)
{
    const struct msg_package *p = &a->m.u.package;

    memset(v, 0, sizeof(*v));
    memcpy(v->receipt.peer, p->from, sizeof(v->receipt.peer));
    memcpy(v->receipt.session, p->session, SESSION_ID_BYTES);
    v->receipt.direction = p->direction;
    v->receipt.index = p->index;
    memcpy(v->receipt.digest, a->digest, DIGEST_BYTES);
    v->profile = p->profile;
}

/* The key of an index: kept when the index was passed over, else by stepping a copy of the state.
 * ERR_NOTFOUND when there is none. A state that only a package can turn has one key, whatever index
 * the header claims. */
static int find_key(const struct delivery *d, const struct recv_session *s, uint64_t index,
                    struct attempt *a)
{
    uint64_t first = a->profile->turn == NULL ? s->next : index;
    int err = 0;

    if (index < s->next) {
        a->was_skipped = 1;
        return recv_skipped_get(d->db, s->keys.session, index, &a->key);
    }
    if (index >= SESSION_INDEX_MAX || index - s->next > SESSION_AHEAD_MAX)
        return ERR_NOTFOUND;
    a->state = s->keys.state;
    for (uint64_t i = first; err == 0 && i <= index; i++)
        err = a->profile->take_key(&a->key, &a->state);
    return err;
}

/* Keep the keys from s->next up to index, and move on behind it. */
static int advance(const struct delivery *d, struct recv_session *s, uint64_t index,
                   const struct attempt *a)
{
    struct keybuf key = {0};
    int err = 0;

    for (; err == 0 && a->profile->turn == NULL && s->next < index; s->next++) {
        err = a->profile->take_key(&key, &s->keys.state);
        if (err == 0)
            err = recv_skipped_put(d->db, s->keys.session, s->next, &key);
    }
    keybuf_wipe(&key);
    s->keys.state = a->state;
    s->next = index + 1;
    return err;
}

/* Everything about the session that this verified package changes. */
static int update_session(const struct delivery *d, struct recv_session *s, const struct attempt *a,
                          const struct verdict *v)
{
    const struct msg_receipt *r = &v->receipt;
    int err;

    if (a->was_skipped)
        err = recv_skipped_delete(d->db, s->keys.session, r->index);
    else
        err = advance(d, s, r->index, a);
    if (err == 0)
        err = recv_seen_put(d->db, s->keys.session, r->index, r->digest);
    if (err == 0 && s->next > SESSION_AHEAD_MAX + 1)
        err = recv_window(d->db, s->keys.session, s->next - 1 - SESSION_AHEAD_MAX);
    if (err == 0 && s->used == 0) {
        s->used = d->now;
        err = recv_session_retire_others(d->db, s, d->now);
    }
    return err != 0 ? err : recv_session_save(d->db, s);
}

static int put_message(const struct delivery *d, const struct recv_session *s,
                       const struct msg_package *p, const struct blob *message,
                       struct verdict *v)
{
    struct inbox_record r = {
        .index = p->index, .seq = p->seq, .profile = p->profile, .suite = s->suite};
    uint64_t last;
    int err;

    memcpy(r.peer, p->from, sizeof(r.peer));
    memcpy(r.session, p->session, SESSION_ID_BYTES);
    memcpy(r.digest, v->receipt.digest, DIGEST_BYTES);
    r.received = d->now;
    err = recv_last_get(d->db, s, &last);
    if (err != 0)
        return err;
    r.late = p->seq < last;
    if (p->seq > last)
        err = recv_last_set(d->db, s, p->seq);
    if (err == 0 && d->save != NULL)
        err = save_files(d->save, &r, message, &p->image);
    if (err == 0)
        err = inbox_put(d->db, &r, message, &v->inbox_id);
    v->line = LINE_MESSAGE;
    return err;
}

/* A failed check: where the state turns by each message, the session is over. */
static int refuse(const struct delivery *d, struct recv_session *s, const struct attempt *a,
                  struct verdict *v, unsigned reason)
{
    rejected(v, s, reason);
    if (a->profile->turn == NULL)
        return 0;
    keybuf_wipe(&s->keys.state);
    return recv_session_save(d->db, s);
}

/* There is a key for it: does the package verify? */
static int check(const struct delivery *d, const struct arrival *arrival, struct recv_session *s,
                 struct attempt *a, struct verdict *v)
{
    const struct msg_package *p = &arrival->m.u.package;
    struct package_opened opened = {.buf = NULL};
    int err = ERR_AUTH;

    if (p->profile == s->profile)
        err = open_arrival(&opened, arrival, &a->key);
    if (err == 0) {
        if (a->profile->turn != NULL)
            a->profile->turn(&a->state, opened.hidden);
        err = update_session(d, s, a, v);
        if (err == 0)
            err = put_message(d, s, p, &opened.message, v);
        if (err == 0)
            sign(v, s, RECEIPT_VERIFIED);
    } else if (err != ERR_NOMEM) {
        err = refuse(d, s, a, v, err == ERR_MALFORMED ? REASON_IMAGE : REASON_BAD_TAG);
    }
    package_opened_free(&opened);
    return err;
}

static int judge(const struct delivery *d, const struct arrival *arrival, struct recv_session *s,
                 struct verdict *v)
{
    uint8_t seen[DIGEST_BYTES];
    struct attempt a = {.profile = profile_find(s->profile)};
    int err = recv_seen_get(d->db, s->keys.session, v->receipt.index, seen);

    if (err == 0) {
        if (memcmp(seen, v->receipt.digest, DIGEST_BYTES) == 0)
            sign(v, s, RECEIPT_VERIFIED);
        else
            rejected(v, s, REASON_CONFLICT);
        return 0;
    }
    if (err != ERR_NOTFOUND)
        return err;
    if (d->profiles != NULL && !list_has(d->profiles, s->profile)) {
        rejected(v, s, REASON_RESEARCH);
        return 0;
    }
    err = a.profile != NULL ? find_key(d, s, v->receipt.index, &a) : ERR_VERSION;
    if (err == 0)
        err = check(d, arrival, s, &a, v);
    else if (err == ERR_STATE) {
        unverifiable(v, REASON_NO_SESSION);
        err = 0;
    } else if (err == ERR_NOTFOUND) {
        unverifiable(v, REASON_INDEX);
        err = 0;
    }
    sodium_memzero(&a, sizeof(a));
    return err;
}

static int deliver_arrival(const struct delivery *d, const struct arrival *a, struct verdict *v)
{
    const struct msg_package *p = &a->m.u.package;
    struct recv_session s;
    int err;

    begin(v, a);
    err = recv_session_get(d->db, p->session, &s);
    if (err == ERR_NOTFOUND || (err == 0 && (strcmp(s.peer, p->from) != 0 ||
                                             strcmp(d->self, p->to) != 0 || p->direction != 0))) {
        unverifiable(v, REASON_NO_SESSION);
        err = 0;
    } else if (err == 0) {
        err = judge(d, a, &s, v);
    }
    sodium_memzero(&s, sizeof(s));
    return err;
}

int deliver(const struct delivery *d, const struct msg *m, const uint8_t *body, size_t len,
            struct verdict *v)
{
    struct arrival a;
    int err = read_arrival(&a, m, &(struct blob){body, len});

    if (err == 0)
        err = deliver_arrival(d, &a, v);
    free(a.shared);
    return err;
}

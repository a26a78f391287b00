/*
 * grant.c - the end of the responder's side of a negotiation, in a profile whose cloud has a part
 * in the key: the answer is out, and what was kept with it becomes a session when the grant comes.
 *
 * The session is on the disk before the cloud hears that it is there, and the initiator hears of
 * the session only after that; so no package is under way for which this device has no key.
 */
#include <string.h>

#include <sodium.h>

#include "common/agent/receiving.h"
#include "common/err.h"
#include "common/profile.h"

static void fill_terms(const struct responder *r, const struct recv_ungranted *u,
                       struct neg_terms *t)
{
    memcpy(t->negotiation, u->negotiation, NEG_ID_BYTES);
    memcpy(t->cloud, r->home->cloud_key, KEY_BYTES);
    memcpy(t->initiator, u->peer, sizeof(t->initiator));
    memcpy(t->responder, r->home->id, sizeof(t->responder));
    t->choice = (struct choice){u->profile, u->suite, 0};
}

static int make_session(const struct responder *r, const struct recv_ungranted *u,
                        const struct blob *grant, struct recv_session *s)
{
    const struct neg_gateway *gateway = profile_cloud_side(u->profile);
    struct neg_terms t = {.sk = {.len = 0}};

    if (gateway == NULL)
        return ERR_VERSION;
    fill_terms(r, u, &t);
    s->enrolment = u->enrolment;
    s->profile = u->profile;
    s->suite = u->suite;
    s->created = u->created;
    memcpy(s->peer, u->peer, sizeof(s->peer));
    memcpy(s->negotiation, u->negotiation, NEG_ID_BYTES);
    return gateway->granted(&s->keys, &u->kept, &t, grant);
}

/* s NULL: the grant was refused. */
static int save(struct sql *db, const struct recv_ungranted *u, const struct recv_session *s)
{
    int err = sql_begin(db, SQL_WRITE);

    if (err != 0)
        return err;
    err = recv_ungranted_delete(db, u->peer);
    if (err == 0 && s != NULL)
        err = recv_session_put(db, s);
    if (err == 0)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err;
}

/* A grant that nothing here waits for. */
static int find_made(struct responder *r, const struct msg_neg_grant *m,
                     struct recv_answer *refusal)
{
    int err = recv_session_is_made(r->db, m->negotiation);

    return err == ERR_NOTFOUND
               ? respond_refuse(r, "a peer whose answer is not known here", REASON_STALE, refusal)
               : err;
}

int respond_on_grant(struct responder *r, const struct msg_neg_grant *m,
                     struct recv_answer *refusal)
{
    struct recv_session s = {.next = 0};
    struct recv_ungranted u;
    int err = recv_ungranted_get(r->db, m->negotiation, &u), refused;

    memset(refusal, 0, sizeof(*refusal));
    memcpy(refusal->negotiation, m->negotiation, NEG_ID_BYTES);
    if (err == ERR_NOTFOUND)
        return find_made(r, m, refusal);
    if (err != 0)
        return err;
    refused = make_session(r, &u, &m->grant, &s) != 0;
    err = save(r->db, &u, refused ? NULL : &s);
    if (err == 0 && refused)
        err = respond_refuse(r, u.peer, REASON_CHECK_FAILED, refusal);
    else if (err == 0)
        respond_note(r, "session with %s granted by the cloud", u.peer);
    sodium_memzero(&s, sizeof(s));
    sodium_memzero(&u, sizeof(u));
    return err;
}

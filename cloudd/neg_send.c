/* neg_send.c - steps 1, 3 and 5 of a negotiation, sealed to the device that gets them. */
#include "cloudd/neg_send.h"

#include <string.h>

#include <sodium.h>

#include "common/log.h"

#define SEALED_SMALL 256

/* The negotiation as one of the two devices sees it. */
struct view {
    const char *self, *peer;
    const uint8_t *self_key, *peer_key;
    uint64_t peer_enrolment;
};

static struct view view_of(const struct conn *c, const struct neg_record *rec)
{
    const struct neg_terms *t = &rec->terms;

    if (c->role == ROLE_SEND)
        return (struct view){t->initiator, t->responder, rec->i_key, rec->r_key, rec->r_enrolment};
    return (struct view){t->responder, t->initiator, rec->r_key, rec->i_key, rec->i_enrolment};
}

static void failed(const struct conn *c)
{
    log_error("a part of a negotiation could not be sealed to %s", conn_name(c));
}

static int send_peer(struct conn *c, const struct neg_record *rec, const struct view *v)
{
    struct msg inner = {.type = MSG_PAIR_BODY}, m = {.type = MSG_PEER};
    struct msg_peer *p = &m.u.peer;
    uint8_t sealed[SEALED_SMALL];
    size_t len;
    int err;

    memcpy(inner.u.pair_body.to, v->self, sizeof(inner.u.pair_body.to));
    memcpy(inner.u.pair_body.peer, v->peer, sizeof(inner.u.pair_body.peer));
    memcpy(inner.u.pair_body.shk, rec->terms.shk, KEY_BYTES);
    err = body_seal(&inner, v->self_key, sealed, sizeof(sealed), &len);
    sodium_memzero(&inner, sizeof(inner));
    if (err != 0)
        return err;
    memcpy(p->peer, v->peer, sizeof(p->peer));
    memcpy(p->key, v->peer_key, KEY_BYTES);
    p->enrolment = v->peer_enrolment;
    p->sealed = (struct blob){sealed, len};
    conn_send(c, &m);
    return 0;
}

static void fill_salt(struct msg_salt *s, const struct neg_record *rec)
{
    const struct neg_terms *t = &rec->terms;

    memcpy(s->negotiation, t->negotiation, NEG_ID_BYTES);
    s->request = rec->request;
    memcpy(s->initiator, t->initiator, sizeof(s->initiator));
    memcpy(s->responder, t->responder, sizeof(s->responder));
    s->i_profiles = t->i_offer.profiles;
    s->i_suites = t->i_offer.suites;
    s->i_codecs = t->i_offer.codecs;
    s->r_profiles = t->r_offer.profiles;
    s->r_suites = t->r_offer.suites;
    s->r_codecs = t->r_offer.codecs;
    s->profile = t->choice.profile;
    s->suite = t->choice.suite;
    s->codec = t->choice.codec;
}

void neg_send_salt(struct conn *c, const struct neg_record *rec)
{
    struct msg inner = {.type = MSG_SALT_BODY}, m = {.type = MSG_SALT};
    struct view v = view_of(c, rec);
    uint8_t sealed[SEALED_SMALL];
    size_t len;
    int err = send_peer(c, rec, &v);

    memcpy(inner.u.salt_body.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    memcpy(inner.u.salt_body.salt, rec->terms.salt, KEY_BYTES);
    memcpy(inner.u.salt_body.sk, rec->terms.sk, KEY_BYTES);
    if (err == 0)
        err = body_seal(&inner, v.self_key, sealed, sizeof(sealed), &len);
    sodium_memzero(&inner, sizeof(inner));
    if (err != 0) {
        failed(c);
        return;
    }
    fill_salt(&m.u.salt, rec);
    m.u.salt.sealed = (struct blob){sealed, len};
    conn_send(c, &m);
}

void neg_send_pending(struct conn *c, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_PENDING};

    memcpy(m.u.neg_pending.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    conn_send(c, &m);
}

void neg_send_forward(struct conn *c, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_FORWARD};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;

    if (neg_body_seal(&rec->terms, rec->r_key, sealed, &len) != 0) {
        failed(c);
        return;
    }
    memcpy(m.u.neg_forward.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    m.u.neg_forward.sealed = (struct blob){sealed, len};
    m.u.neg_forward.noise = (struct blob){rec->noise1, rec->noise1_len};
    conn_send(c, &m);
}

void neg_send_result(struct conn *c, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_RESULT};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;

    if (neg_body_seal(&rec->terms, rec->i_key, sealed, &len) != 0) {
        failed(c);
        return;
    }
    memcpy(m.u.neg_result.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    m.u.neg_result.sealed = (struct blob){sealed, len};
    m.u.neg_result.noise = (struct blob){rec->noise2, rec->noise2_len};
    conn_send(c, &m);
}

void neg_send_reject(struct conn *c, uint64_t request, const uint8_t *t, const char *peer,
                     unsigned reason)
{
    struct msg m = {.type = MSG_NEG_REJECT};
    struct msg_neg_reject *r = &m.u.neg_reject;

    log_info("refused: negotiation of %s with %s: %s", conn_name(c), peer, reason_name(reason));
    r->request = request;
    if (t != NULL)
        memcpy(r->negotiation, t, NEG_ID_BYTES);
    memcpy(r->peer, peer, strlen(peer) + 1);
    r->reason = (uint16_t)reason;
    conn_send(c, &m);
}

/* neg_send.c - steps 1, 3 and 5 of a negotiation, sealed to the device that gets them. */
#include "cloudd/neg_send.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/log.h"
#include "common/suite.h"

#define SEALED_SMALL 256

/* The negotiation as one of the two devices sees it. */
struct view {
    const char *self, *peer;
    const uint8_t *self_key, *peer_key;
    uint64_t peer_enrolment;
};

static struct view view_of(const struct neg_record *rec, enum conn_role to)
{
    const struct neg_terms *t = &rec->terms;

    if (to == ROLE_SEND)
        return (struct view){t->initiator, t->responder, rec->i_key, rec->r_key, rec->r_enrolment};
    return (struct view){t->responder, t->initiator, rec->r_key, rec->i_key, rec->i_enrolment};
}

static int add_letter(struct letters *out, const struct msg *m)
{
    struct letter *l = &out->v[out->n];
    struct wbuf w;

    if (out->n == LETTERS_MAX)
        return ERR_TOO_SMALL;
    wbuf_init(&w, l->body, sizeof(l->body));
    msg_encode(m, &w);
    l->type = m->type;
    l->len = w.len;
    out->n++;
    return wbuf_err(&w);
}

static int write_peer(struct letters *out, const struct neg_record *rec, const struct view *v)
{
    struct msg inner = {.type = MSG_PAIR_BODY}, m = {.type = MSG_PEER};
    struct msg_peer *p = &m.u.peer;
    uint8_t sealed[SEALED_SMALL];
    size_t len;
    int err;

    memcpy(inner.u.pair_body.to, v->self, sizeof(inner.u.pair_body.to));
    memcpy(inner.u.pair_body.peer, v->peer, sizeof(inner.u.pair_body.peer));
    inner.u.pair_body.shk = keybuf_blob(&rec->terms.shk);
    err = body_seal(&inner, v->self_key, sealed, sizeof(sealed), &len);
    sodium_memzero(&inner, sizeof(inner));
    if (err != 0)
        return err;
    memcpy(p->peer, v->peer, sizeof(p->peer));
    memcpy(p->key, v->peer_key, KEY_BYTES);
    p->enrolment = v->peer_enrolment;
    p->sealed = (struct blob){sealed, len};
    return add_letter(out, &m);
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
    s->allowed = t->allowed;
    s->profile = t->choice.profile;
    s->suite = t->choice.suite;
    s->codec = t->choice.codec;
}

int neg_write_salt(struct letters *out, const struct neg_record *rec, enum conn_role to)
{
    struct msg inner = {.type = MSG_SALT_BODY}, m = {.type = MSG_SALT};
    struct view v = view_of(rec, to);
    uint8_t sealed[SEALED_SMALL];
    size_t len;
    int err = write_peer(out, rec, &v);

    memcpy(inner.u.salt_body.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    memcpy(inner.u.salt_body.salt, rec->terms.salt, KEY_BYTES);
    inner.u.salt_body.sk = keybuf_blob(&rec->terms.sk);
    if (err == 0)
        err = body_seal(&inner, v.self_key, sealed, sizeof(sealed), &len);
    sodium_memzero(&inner, sizeof(inner));
    if (err != 0)
        return err;
    fill_salt(&m.u.salt, rec);
    m.u.salt.sealed = (struct blob){sealed, len};
    return add_letter(out, &m);
}

/* What we made of a device's message, or else that itself. */
static struct blob made_or_sent(const struct neg_bytes *made, const struct neg_bytes *sent)
{
    const struct neg_bytes *b = made->len > 0 ? made : sent;

    return (struct blob){b->b, b->len};
}

int neg_write_forward(struct letters *out, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_FORWARD};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;
    int err = neg_body_seal(&rec->terms, rec->r_key, sealed, &len);

    if (err != 0)
        return err;
    memcpy(m.u.neg_forward.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    m.u.neg_forward.sealed = (struct blob){sealed, len};
    m.u.neg_forward.noise = made_or_sent(&rec->forwarded, &rec->asked);
    return add_letter(out, &m);
}

int neg_write_result(struct letters *out, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_RESULT};
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;
    int err = neg_body_seal(&rec->terms, rec->i_key, sealed, &len);

    if (err != 0)
        return err;
    memcpy(m.u.neg_result.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    m.u.neg_result.sealed = (struct blob){sealed, len};
    m.u.neg_result.noise = made_or_sent(&rec->result, &rec->answered);
    return add_letter(out, &m);
}

int neg_write_grant(struct letters *out, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_GRANT};

    memcpy(m.u.neg_grant.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
    m.u.neg_grant.grant = (struct blob){rec->grant.b, rec->grant.len};
    return add_letter(out, &m);
}

enum neg_due neg_due(const struct neg_record *rec, enum neg_state state)
{
    switch (state) {
    case NEG_OPENED:
        return NEG_DUE_REQUEST;
    case NEG_ASKED:
        return NEG_DUE_FORWARD;
    case NEG_ANSWERED:
        return rec->grant.len > 0 ? NEG_DUE_GRANT : NEG_DUE_RESULT;
    case NEG_GRANTED:
        return NEG_DUE_RESULT;
    }
    return NEG_DUE_REQUEST;
}

void neg_send(struct conn *c, const struct letters *letters)
{
    for (size_t i = 0; i < letters->n; i++)
        conn_send_body(c, letters->v[i].type, letters->v[i].body, letters->v[i].len);
}

void neg_send_pending(struct conn *c, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_PENDING};

    memcpy(m.u.neg_pending.negotiation, rec->terms.negotiation, NEG_ID_BYTES);
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

void neg_send_no_suite(struct conn *c, const struct neg_record *rec)
{
    struct msg m = {.type = MSG_NEG_REJECT};
    struct msg_neg_reject *r = &m.u.neg_reject;
    const struct neg_terms *t = &rec->terms;
    char ours[SUITE_TEXT_MAX], theirs[SUITE_TEXT_MAX], allowed[SUITE_TEXT_MAX];

    r->request = rec->request;
    memcpy(r->peer, t->responder, sizeof(r->peer));
    r->reason = REASON_NO_SUITE;
    r->i_suites = t->i_offer.suites;
    r->r_suites = t->r_offer.suites;
    r->allowed = t->allowed;
    suite_list_text(ours, &r->i_suites);
    suite_list_text(theirs, &r->r_suites);
    suite_list_text(allowed, &r->allowed);
    log_info("refused: negotiation of %s with %s: no suite; they have %s and %s, allowed are %s",
             conn_name(c), t->responder, ours, theirs, allowed);
    conn_send(c, &m);
}

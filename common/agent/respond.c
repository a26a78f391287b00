/*
 * respond.c - the responder's side of a negotiation: PEER and SALT in step 1, step 3, step 4, and
 * the initiator's confirmation.
 *
 * The session and the answer are on disk before the answer is sent, so a repeated step 3 gets the
 * same bytes, also from a program that was started anew.
 */
#include "common/agent/receiving.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/peers.h"
#include "common/err.h"
#include "common/kdf.h"
#include "common/log.h"
#include "common/profile.h"
#include "common/secret.h"
#include "common/session.h"
#include "common/suite.h"

void respond_note(const struct responder *r, const char *fmt, ...)
{
    char text[WHY_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (r->note != NULL)
        r->note(r->arg, text);
}

int respond_init(struct responder *r)
{
    r->secrets = secret_alloc(sizeof(*r->secrets));
    if (r->secrets == NULL)
        return ERR_NOMEM;
    memset(r->secrets, 0, sizeof(*r->secrets));
    return 0;
}

void respond_close(struct responder *r)
{
    secret_free(r->secrets);
    r->secrets = NULL;
}

static int is_accepted(const struct responder *r, const char *id)
{
    return r->accept == NULL || accept_has(r->accept, id);
}

static struct met *find_met(struct responder *r, const char *id)
{
    for (size_t i = 0; i < MET_MAX; i++)
        if (strcmp(r->secrets->met[i].id, id) == 0)
            return &r->secrets->met[i];
    return NULL;
}

/* The entry of this peer, or the oldest one, empty. */
static struct met *take_met(struct responder *r, const char *id)
{
    struct met *met = find_met(r, id);

    if (met == NULL) {
        met = &r->secrets->met[r->secrets->next_met];
        r->secrets->next_met = (r->secrets->next_met + 1) % MET_MAX;
    }
    sodium_memzero(met, sizeof(*met));
    text_copy(met->id, sizeof(met->id), id);
    return met;
}

static struct pending *find_pending(struct responder *r, const uint8_t negotiation[NEG_ID_BYTES])
{
    struct pending *p = r->secrets->pending;

    for (size_t i = 0; i < PENDING_MAX; i++)
        if (p[i].in_use && memcmp(p[i].terms.negotiation, negotiation, NEG_ID_BYTES) == 0)
            return &p[i];
    return NULL;
}

static struct pending *find_pending_of(struct responder *r, const char *initiator)
{
    struct pending *p = r->secrets->pending;

    for (size_t i = 0; i < PENDING_MAX; i++)
        if (p[i].in_use && strcmp(p[i].terms.initiator, initiator) == 0)
            return &p[i];
    return NULL;
}

/* The cloud keeps one negotiation a pair, so a peer that opens many displaces only its own. */
static struct pending *take_pending(struct responder *r, const struct msg_salt *m)
{
    struct pending *p = find_pending(r, m->negotiation);

    if (p == NULL)
        p = find_pending_of(r, m->initiator);
    if (p == NULL) {
        p = &r->secrets->pending[r->secrets->next_pending];
        r->secrets->next_pending = (r->secrets->next_pending + 1) % PENDING_MAX;
    }
    sodium_memzero(p, sizeof(*p));
    memcpy(p->terms.negotiation, m->negotiation, NEG_ID_BYTES);
    p->in_use = 1;
    return p;
}

static void note_changed_key(const struct responder *r, const struct msg_peer *m)
{
    char old[FINGERPRINT_CHARS] = "?", new[FINGERPRINT_CHARS], hex[2 * KEY_BYTES + 1];
    struct peer known;

    if (peer_get(r->db, m->peer, &known) == 0)
        key_fingerprint(old, known.key);
    key_fingerprint(new, m->key);
    text_hex(hex, m->key, KEY_BYTES);
    respond_note(
        r,
        "the key of %s is not the one on record, so its sessions are refused. On record: %s. "
        "Now: %s. If %s says that the new one is right: sdr peers --accept-key %s=%s",
        m->peer, old, new, m->peer, m->peer, hex);
}

/* The pair key, sealed to us and about this peer. */
static int open_pair(const struct responder *r, const struct msg_peer *m, struct keybuf *shk)
{
    uint8_t plain[256];
    struct msg inner;
    int err =
        body_open(&inner, MSG_PAIR_BODY, &m->sealed, &r->home->secrets->key, plain, sizeof(plain));

    if (err == 0 && (strcmp(inner.u.pair_body.to, r->home->id) != 0 ||
                     strcmp(inner.u.pair_body.peer, m->peer) != 0))
        err = ERR_AUTH;
    if (err == 0)
        keybuf_set(shk, inner.u.pair_body.shk.p, inner.u.pair_body.shk.len);
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&inner, sizeof(inner));
    return err;
}

int respond_on_peer(struct responder *r, const struct msg_peer *m)
{
    struct met *met = take_met(r, m->peer);
    char fingerprint[FINGERPRINT_CHARS];
    int is_new = 0, err;

    memcpy(met->key, m->key, KEY_BYTES);
    met->enrolment = m->enrolment;
    if (!is_accepted(r, m->peer)) {
        met->reason = REASON_POLICY;
        return 0;
    }
    if (open_pair(r, m, &met->shk) != 0) {
        met->reason = REASON_CHECK_FAILED;
        respond_note(r, "the cloud's introduction of %s cannot be opened", m->peer);
        return 0;
    }
    err = peer_meet(r->db, m->peer, m->key, m->enrolment, &is_new);
    if (err == ERR_CONFLICT) {
        met->reason = REASON_PEER_KEY;
        note_changed_key(r, m);
        return 0;
    }
    if (err != 0) {
        sodium_memzero(met, sizeof(*met));
        return err;
    }
    if (is_new) {
        key_fingerprint(fingerprint, m->key);
        respond_note(r, "%s is new to this device; its key is remembered, compare: %s", m->peer,
                     fingerprint);
    }
    return 0;
}

static int open_salt(const struct responder *r, const struct msg_salt *m, struct neg_terms *t)
{
    uint8_t plain[256];
    struct msg inner;
    int err =
        body_open(&inner, MSG_SALT_BODY, &m->sealed, &r->home->secrets->key, plain, sizeof(plain));

    if (err == 0 && sodium_memcmp(inner.u.salt_body.negotiation, t->negotiation, NEG_ID_BYTES) != 0)
        err = ERR_AUTH;
    if (err == 0) {
        memcpy(t->salt, inner.u.salt_body.salt, KEY_BYTES);
        keybuf_set(&t->sk, inner.u.salt_body.sk.p, inner.u.salt_body.sk.len);
    }
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&inner, sizeof(inner));
    return err;
}

static void fill_terms(const struct responder *r, const struct msg_salt *m, struct neg_terms *t)
{
    memcpy(t->cloud, r->home->cloud_key, KEY_BYTES);
    memcpy(t->initiator, m->initiator, sizeof(t->initiator));
    memcpy(t->responder, m->responder, sizeof(t->responder));
    t->i_offer = (struct offer){m->i_profiles, m->i_suites, m->i_codecs};
    t->r_offer = (struct offer){m->r_profiles, m->r_suites, m->r_codecs};
    t->allowed = m->allowed;
    t->choice = (struct choice){m->profile, m->suite, m->codec};
}

/* Why the choice is not one that we can live with, or 0. */
static unsigned check_choice(const struct responder *r, const struct neg_terms *t)
{
    const struct profile *profile = profile_find(t->choice.profile);
    struct choice again;

    if (profile != NULL && profile->research && !list_has(&r->offer->profiles, profile->id))
        return REASON_RESEARCH;
    /* The cloud chose by what we offered when it last saw us: the initiator may start again. */
    if (!offer_equal(&t->r_offer, r->offer))
        return REASON_STALE;
    if (profile == NULL || offer_choose(&again, &t->i_offer, &t->r_offer, &t->allowed) != 0)
        return REASON_NO_COMMON;
    if (again.profile != t->choice.profile || again.suite != t->choice.suite ||
        again.codec != t->choice.codec)
        return REASON_CHECK_FAILED;
    return REASON_NONE;
}

/* The cloud's policy narrows what we could have agreed on. */
static void note_policy(const struct responder *r, const struct list *allowed)
{
    char names[SUITE_TEXT_MAX];

    if (list_covers(allowed, &r->offer->suites))
        return;
    suite_list_text(names, allowed);
    respond_note(r, "the cloud allows only these suites: %s", names);
}

int respond_on_salt(struct responder *r, const struct msg_salt *m)
{
    struct pending *p = take_pending(r, m);
    const struct met *met = find_met(r, m->initiator);

    fill_terms(r, m, &p->terms);
    if (!is_accepted(r, m->initiator))
        p->reason = REASON_POLICY;
    else if (met == NULL || strcmp(m->responder, r->home->id) != 0)
        p->reason = REASON_CHECK_FAILED;
    else if (met->reason != REASON_NONE)
        p->reason = met->reason;
    else
        p->reason = check_choice(r, &p->terms);
    if (p->reason == REASON_NONE && open_salt(r, m, &p->terms) != 0)
        p->reason = REASON_CHECK_FAILED;
    if (p->reason == REASON_NONE) {
        note_policy(r, &m->allowed);
        p->terms.shk = met->shk;
        memcpy(p->key, met->key, KEY_BYTES);
        p->enrolment = met->enrolment;
    }
    return 0;
}

static int encode_answer(struct recv_answer *a, const struct msg_neg_answer *fields)
{
    struct msg m = {.type = MSG_NEG_ANSWER};
    struct wbuf w;

    m.u.neg_answer = *fields;
    wbuf_init(&w, a->body, sizeof(a->body));
    msg_encode(&m, &w);
    a->len = wbuf_err(&w) == 0 ? w.len : 0;
    return wbuf_err(&w);
}

int respond_refuse(const struct responder *r, const char *peer, unsigned reason,
                   struct recv_answer *a)
{
    struct msg_neg_answer fields = {.reason = (uint16_t)reason};

    respond_note(r, "a session with %s was refused: %s", peer, reason_text(reason));
    memcpy(fields.negotiation, a->negotiation, NEG_ID_BYTES);
    return encode_answer(a, &fields);
}

/* What accepting a request makes: a session, or what its grant will make one of. Secret. */
struct accepted {
    struct neg_bytes answer;
    struct recv_session session;
    struct recv_ungranted ungranted;
    int waits; /* for the grant */
};

/* Handshake and keys, by the row of the profile. */
static int make_session(const struct responder *r, const struct pending *p,
                        const struct blob *request, struct accepted *out)
{
    const struct neg_gateway *gateway = profile_cloud_side(p->terms.choice.profile);
    struct neg_ends ends = {&r->home->secrets->key, p->key, r->home->secrets->dev};

    out->waits = gateway != NULL;
    return gateway != NULL
               ? gateway->answer(&out->answer, &out->ungranted.kept, &p->terms, &ends, request)
               : profile_answer(&p->terms, &ends, request, &out->answer, &out->session.keys);
}

static void name_session(const struct pending *p, struct accepted *out, int64_t now)
{
    const struct neg_terms *t = &p->terms;
    struct recv_session *s = &out->session;
    struct recv_ungranted *u = &out->ungranted;

    s->enrolment = u->enrolment = p->enrolment;
    s->profile = u->profile = t->choice.profile;
    s->suite = u->suite = t->choice.suite;
    s->created = u->created = now;
    memcpy(s->peer, t->initiator, sizeof(s->peer));
    memcpy(u->peer, t->initiator, sizeof(u->peer));
    memcpy(s->negotiation, t->negotiation, NEG_ID_BYTES);
    memcpy(u->negotiation, t->negotiation, NEG_ID_BYTES);
}

/* That and the answer, both or none. */
static int save_both(struct sql *db, const struct accepted *made, const struct recv_answer *a)
{
    int err = sql_begin(db, SQL_WRITE);

    if (err != 0)
        return err;
    err = made->waits ? recv_ungranted_put(db, &made->ungranted)
                      : recv_session_put(db, &made->session);
    if (err == 0)
        err = recv_answer_put(db, a);
    if (err == 0)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err;
}

static void note_agreed(const struct responder *r, const struct pending *p, int waits)
{
    char fingerprint[FINGERPRINT_CHARS];

    key_fingerprint(fingerprint, p->key);
    respond_note(r, "session with %s agreed%s, profile %s, suite %s, its key: %s",
                 p->terms.initiator, waits ? " as far as we go" : "",
                 profile_find(p->terms.choice.profile)->name,
                 suite_find(p->terms.choice.suite)->name, fingerprint);
}

/* All checks have passed: make the session, save it, and fill in the answer. */
static int accept_request(const struct responder *r, struct pending *p, const struct blob *request,
                          struct recv_answer *a)
{
    struct msg_neg_answer fields = {.reason = REASON_NONE};
    uint8_t sealed[NEG_SEALED_MAX];
    struct accepted made = {.waits = 0};
    size_t len;
    int err = make_session(r, p, request, &made);

    if (err == 0)
        err = neg_body_seal(&p->terms, r->home->cloud_key, sealed, &len);
    if (err == ERR_NOMEM)
        goto out;
    if (err != 0) {
        err = respond_refuse(r, p->terms.initiator, REASON_CHECK_FAILED, a);
        goto out;
    }
    memcpy(fields.negotiation, p->terms.negotiation, NEG_ID_BYTES);
    fields.sealed = (struct blob){sealed, len};
    fields.noise = (struct blob){made.answer.b, made.answer.len};
    err = encode_answer(a, &fields);
    a->created = state_now_us();
    name_session(p, &made, a->created);
    if (err == 0)
        err = save_both(r->db, &made, a);
    if (err == 0) {
        note_agreed(r, p, made.waits);
        sodium_memzero(p, sizeof(*p));
    }
out:
    if (err != 0)
        a->len = 0;
    sodium_memzero(&made, sizeof(made));
    return err;
}

static void request_digest(uint8_t digest[DIGEST_BYTES], const struct blob *noise)
{
    struct kdf h;

    kdf_init(&h, NULL, 0, "inkpost negotiation request", DIGEST_BYTES);
    kdf_field(&h, noise->p, noise->len);
    kdf_final(&h, digest, DIGEST_BYTES);
}

/* Step 3 of a negotiation that has no answer yet. */
static int answer_first(struct responder *r, struct pending *p, const struct msg_neg_forward *m,
                        struct recv_answer *a)
{
    unsigned reason = p->reason;

    if (!is_accepted(r, p->terms.initiator))
        reason = REASON_POLICY;
    if (reason == REASON_NONE && neg_body_check(&p->terms, &m->sealed, &r->home->secrets->key) != 0)
        reason = REASON_CHECK_FAILED;
    if (reason != REASON_NONE)
        return respond_refuse(r, p->terms.initiator, reason, a);
    return accept_request(r, p, &m->noise, a);
}

int respond_on_forward(struct responder *r, const struct msg_neg_forward *m,
                       struct recv_answer *answer)
{
    uint8_t digest[DIGEST_BYTES];
    struct pending *p;
    int err = recv_answer_get(r->db, m->negotiation, answer);

    request_digest(digest, &m->noise);
    if (err == 0) {
        if (memcmp(answer->request, digest, DIGEST_BYTES) != 0) {
            memset(answer, 0, sizeof(*answer));
            log_warn("another request under the name of a negotiation that was answered");
        }
        return 0;
    }
    if (err != ERR_NOTFOUND)
        return err;
    p = find_pending(r, m->negotiation);
    memcpy(answer->negotiation, m->negotiation, NEG_ID_BYTES);
    memcpy(answer->request, digest, DIGEST_BYTES);
    if (p == NULL) /* or was displaced: silence would leave the initiator waiting */
        return respond_refuse(r, "a peer whose salt is not known here", REASON_STALE, answer);
    return answer_first(r, p, m, answer);
}

int respond_on_confirm(struct responder *r, const struct msg_neg_confirm *m)
{
    struct recv_session s;
    uint8_t mac[MAC_BYTES];
    int err = recv_session_get(r->db, m->session, &s);

    if (err == 0 && memcmp(s.negotiation, m->negotiation, NEG_ID_BYTES) == 0) {
        neg_confirm_mac(mac, &s.keys);
        if (sodium_memcmp(mac, m->mac, MAC_BYTES) == 0) {
            respond_note(r, "session with %s confirmed", s.peer);
        } else {
            respond_note(r, "a confirmation in the name of %s is wrong%s", s.peer,
                         s.used == 0 ? "; the session is dropped" : "");
            if (s.used == 0)
                err = recv_session_delete(r->db, &s);
        }
    }
    sodium_memzero(&s, sizeof(s));
    sodium_memzero(mac, sizeof(mac));
    return err == ERR_NOTFOUND ? 0 : err;
}

void respond_on_reject(struct responder *r, const struct msg_neg_reject *m)
{
    struct pending *p = find_pending(r, m->negotiation);

    if (p != NULL)
        sodium_memzero(p, sizeof(*p));
    respond_note(r, "the negotiation with %s is over without a session: %s", m->peer,
                 reason_text(m->reason));
}

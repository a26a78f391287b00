/*
 * initiate.c - the initiator's side of a negotiation: OPEN, PEER and SALT, step 2, and step 6. What
 * step 6 needs is on the disk before step 2 leaves, so the answer may come days later.
 */
#include "common/agent/stream.h"

#include <string.h>

#include <sodium.h>

#include "common/agent/peers.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"
#include "common/suite.h"

#define NEGOTIATION_AGE_MAX_US (7LL * 24 * 60 * 60 * 1000000)

static void phase(struct stream *s, enum out_phase p, const uint8_t key[KEY_BYTES])
{
    s->sender->config.handlers->phase(s->sender->config.arg, s->peer, p, key);
}

/* A message is sent in the profile that it was queued for: only that one is asked for. */
static void open_session(struct stream *s, uint8_t profile)
{
    const struct offer *o = &s->offer;
    struct msg m = {.type = MSG_OPEN};

    s->offer = s->sender->config.offer;
    s->offer.profiles = (struct list){1, {profile}};
    randombytes_buf(&s->request, sizeof(s->request));
    s->has_peer = 0;
    m.u.open.request = s->request;
    memcpy(m.u.open.peer, s->peer, sizeof(m.u.open.peer));
    m.u.open.profiles = o->profiles;
    m.u.open.suites = o->suites;
    m.u.open.codecs = o->codecs;
    link_send(s->sender->link, &m);
    stream_set_state(s, STREAM_OPENING);
}

/* Take up a negotiation that waits for its answer, or open one. */
void initiate(struct stream *s)
{
    struct sql *db = s->sender->config.db;
    struct out_negotiation n;
    uint8_t profile;

    if (outbox_next_profile(db, s->peer, &profile) != 0)
        return;
    if (!list_has(&s->sender->config.offer.profiles, profile)) {
        stream_block(s, "the next message is in a profile that this program takes no part in; "
                        "start it with --allow-research");
        return;
    }
    if (out_negotiation_get(db, s->peer, &n) == 0 && n.choice.profile == profile &&
        state_now_us() - n.created < NEGOTIATION_AGE_MAX_US) {
        link_send_body(s->sender->link, MSG_NEG_REQUEST, n.body, n.body_len);
        stream_set_state(s, STREAM_ASKED);
    } else {
        (void)out_negotiation_delete(db, s->peer);
        open_session(s, profile);
    }
    sodium_memzero(&n, sizeof(n));
}

static void block_for_key(struct stream *s, const uint8_t key[KEY_BYTES])
{
    char hex[2 * KEY_BYTES + 1], old[FINGERPRINT_CHARS], new[FINGERPRINT_CHARS], why[WHY_MAX];
    struct peer p;

    text_hex(hex, key, KEY_BYTES);
    key_fingerprint(new, key);
    old[0] = '\0';
    if (peer_get(s->sender->config.db, s->peer, &p) == 0)
        key_fingerprint(old, p.key);
    say(why, sizeof(why), 0,
        "the cloud now gives another key for %s (%s) than the one on record (%s). Compare the new "
        "fingerprint with the owner of %s; if it is right: sds peers --home %s --accept-key %s=%s",
        s->peer, new, old, s->peer, s->sender->config.home->dir, s->peer, hex);
    stream_block(s, why);
}

/* The directory's word on the peer, and our pair key, sealed to us. */
static int take_pair(struct stream *s, const struct msg_peer *m)
{
    const struct home *home = s->sender->config.home;
    uint8_t plain[256];
    struct msg body;
    int err =
        body_open(&body, MSG_PAIR_BODY, &m->sealed, &home->secrets->key, plain, sizeof(plain));

    if (err == 0 &&
        (strcmp(body.u.pair_body.to, home->id) != 0 || strcmp(body.u.pair_body.peer, s->peer) != 0))
        err = ERR_AUTH;
    if (err == 0) {
        keybuf_set(&s->shk, body.u.pair_body.shk.p, body.u.pair_body.shk.len);
        memcpy(s->key, m->key, KEY_BYTES);
        s->has_peer = 1;
    }
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&body, sizeof(body));
    return err;
}

void initiate_on_peer(struct sender *sender, const struct msg_peer *m)
{
    struct stream *s = stream_find(sender, m->peer);
    int err, is_new;

    if (s == NULL || s->state == STREAM_BLOCKED)
        return;
    err = peer_meet(sender->config.db, m->peer, m->key, m->enrolment, &is_new);
    if (err == ERR_CONFLICT) {
        block_for_key(s, m->key);
        return;
    }
    if (err == 0)
        err = take_pair(s, m);
    if (err == 0 && is_new)
        phase(s, PHASE_OPENED, m->key);
    if (err != 0)
        stream_wait(s, REASON_SEAL);
}

/* The terms as SALT gives them, each checked against what we know. */
static int take_terms(struct stream *s, const struct msg_salt *m, struct neg_terms *t)
{
    const struct sender_config *c = &s->sender->config;
    uint8_t plain[256];
    struct msg body;
    int err;

    memset(t, 0, sizeof(*t));
    memcpy(t->negotiation, m->negotiation, NEG_ID_BYTES);
    memcpy(t->cloud, c->home->cloud_key, KEY_BYTES);
    memcpy(t->initiator, c->home->id, sizeof(t->initiator));
    memcpy(t->responder, s->peer, sizeof(t->responder));
    t->i_offer = (struct offer){m->i_profiles, m->i_suites, m->i_codecs};
    t->r_offer = (struct offer){m->r_profiles, m->r_suites, m->r_codecs};
    t->allowed = m->allowed;
    t->shk = s->shk;
    if (strcmp(m->initiator, t->initiator) != 0 || strcmp(m->responder, t->responder) != 0 ||
        !offer_equal(&t->i_offer, &s->offer) ||
        offer_choose(&t->choice, &t->i_offer, &t->r_offer, &t->allowed) != 0 ||
        t->choice.profile != m->profile || t->choice.suite != m->suite ||
        t->choice.codec != m->codec)
        return ERR_AUTH;
    err = body_open(&body, MSG_SALT_BODY, &m->sealed, &c->home->secrets->key, plain, sizeof(plain));
    if (err == 0 && sodium_memcmp(body.u.salt_body.negotiation, t->negotiation, NEG_ID_BYTES) != 0)
        err = ERR_AUTH;
    if (err == 0) {
        memcpy(t->salt, body.u.salt_body.salt, KEY_BYTES);
        keybuf_set(&t->sk, body.u.salt_body.sk.p, body.u.salt_body.sk.len);
    }
    sodium_memzero(plain, sizeof(plain));
    sodium_memzero(&body, sizeof(body));
    return err;
}

/* Step 2 as bytes, and the handshake that waits for step 5, both into n. */
static int make_request(struct stream *s, const struct neg_terms *t, struct out_negotiation *n)
{
    const struct home *home = s->sender->config.home;
    struct neg_ends ends = {&home->secrets->key, s->key, home->secrets->dev};
    struct msg m = {.type = MSG_NEG_REQUEST};
    uint8_t sealed[NEG_SEALED_MAX];
    struct neg_bytes asked;
    size_t sealed_len;
    struct wbuf w;
    int err;

    err = profile_ask(t, &ends, &asked, &n->kept);
    if (err == 0)
        err = neg_body_seal(t, home->cloud_key, sealed, &sealed_len);
    if (err != 0)
        return err;
    memcpy(m.u.neg_request.negotiation, t->negotiation, NEG_ID_BYTES);
    m.u.neg_request.sealed = (struct blob){sealed, sealed_len};
    m.u.neg_request.noise = (struct blob){asked.b, asked.len};
    wbuf_init(&w, n->body, sizeof(n->body));
    msg_encode(&m, &w);
    n->body_len = w.len;
    return wbuf_err(&w);
}

static int save_request(struct stream *s, const struct neg_terms *t, struct out_negotiation *n)
{
    memcpy(n->peer, s->peer, sizeof(n->peer));
    n->request = s->request;
    memcpy(n->negotiation, t->negotiation, NEG_ID_BYTES);
    memcpy(n->salt, t->salt, KEY_BYTES);
    n->sk = t->sk;
    n->shk = t->shk;
    n->choice = t->choice;
    n->codecs = t->r_offer.codecs;
    n->created = state_now_us();
    sender_commit(s->sender);
    return out_negotiation_put(s->sender->config.db, n);
}

/* The cloud's policy narrows what we could have agreed on. */
static void tell_policy(struct stream *s, const struct list *allowed)
{
    const struct sender_config *c = &s->sender->config;
    char names[SUITE_TEXT_MAX], text[SUITE_TEXT_MAX + 64];

    if (list_covers(allowed, &s->offer.suites))
        return;
    suite_list_text(names, allowed);
    say(text, sizeof(text), 0, "the cloud allows only these suites: %s", names);
    c->handlers->trouble(c->arg, s->peer, 0, REASON_NONE, text);
}

void initiate_on_salt(struct sender *sender, const struct msg_salt *m)
{
    struct stream *s = stream_find(sender, m->responder);
    struct out_negotiation n = {0};
    struct neg_terms t;
    int err;

    if (s == NULL || s->state != STREAM_OPENING || !s->has_peer || m->request != s->request)
        return;
    err = take_terms(s, m, &t);
    if (err == 0)
        err = make_request(s, &t, &n);
    if (err == 0)
        err = save_request(s, &t, &n);
    if (err == 0) {
        link_send_body(sender->link, MSG_NEG_REQUEST, n.body, n.body_len);
        stream_set_state(s, STREAM_ASKED);
        phase(s, PHASE_ASKED, s->key);
        tell_policy(s, &t.allowed);
    } else {
        stream_wait(s, err == ERR_AUTH ? REASON_CHECK_FAILED : REASON_NONE);
    }
    sodium_memzero(&t, sizeof(t));
    sodium_memzero(&n, sizeof(n));
    keybuf_wipe(&s->shk);
}

void initiate_on_pending(struct sender *sender, const struct msg_neg_pending *m)
{
    struct out_negotiation n;
    struct stream *s;

    if (out_negotiation_by_id(sender->config.db, m->negotiation, &n) == 0 &&
        (s = stream_find(sender, n.peer)) != NULL)
        phase(s, PHASE_PENDING, s->key);
    sodium_memzero(&n, sizeof(n));
}

static void send_confirm(struct sender *sender, const struct out_session *session)
{
    struct msg m = {.type = MSG_NEG_CONFIRM};

    memcpy(m.u.neg_confirm.negotiation, session->negotiation, NEG_ID_BYTES);
    memcpy(m.u.neg_confirm.session, session->keys.session, SESSION_ID_BYTES);
    neg_confirm_mac(m.u.neg_confirm.mac, &session->keys);
    link_send(sender->link, &m);
}

/* Step 6: check the cloud's word and the responder's, and take the session's keys. */
static int finish(struct sender *sender, const struct out_negotiation *n,
                  const struct msg_neg_result *m, struct out_session *out)
{
    const struct home *home = sender->config.home;
    struct neg_ends ends = {&home->secrets->key, NULL, home->secrets->dev};
    struct neg_terms t = {.choice = n->choice, .sk = n->sk, .shk = n->shk};
    int err;

    memcpy(t.negotiation, n->negotiation, NEG_ID_BYTES);
    memcpy(t.cloud, home->cloud_key, KEY_BYTES);
    memcpy(t.initiator, home->id, sizeof(t.initiator));
    memcpy(t.responder, n->peer, sizeof(t.responder));
    memcpy(t.salt, n->salt, KEY_BYTES);
    err = neg_body_check(&t, &m->sealed, &home->secrets->key);
    if (err == 0)
        err = profile_finish(&t, &ends, &n->kept, &m->noise, &out->keys);
    memcpy(out->peer, n->peer, sizeof(out->peer));
    memcpy(out->negotiation, n->negotiation, NEG_ID_BYTES);
    out->profile = n->choice.profile;
    out->suite = n->choice.suite;
    out->codecs = n->codecs;
    out->created = state_now_us();
    sodium_memzero(&t, sizeof(t));
    return err;
}

static int save_session(struct sender *sender, const struct out_session *session)
{
    struct sql *db = sender->config.db;
    int err;

    sender_commit(sender);
    err = sql_begin(db, SQL_WRITE);
    if (err != 0)
        return err;
    err = out_session_put(db, session);
    if (err == 0)
        err = out_negotiation_delete(db, session->peer);
    if (err == 0)
        err = out_session_sweep(db);
    if (err == 0)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err;
}

/* Our confirmation was lost on the way: the session stands, say it again. */
static void confirm_again(struct sender *sender, const uint8_t negotiation[NEG_ID_BYTES])
{
    struct out_session session;

    if (out_session_by_negotiation(sender->config.db, negotiation, &session) == 0)
        send_confirm(sender, &session);
    sodium_memzero(&session, sizeof(session));
}

void initiate_on_result(struct sender *sender, const struct msg_neg_result *m)
{
    struct out_session session = {0};
    struct out_negotiation n;
    struct stream *s;
    int err = out_negotiation_by_id(sender->config.db, m->negotiation, &n);

    if (err != 0) {
        confirm_again(sender, m->negotiation);
        return;
    }
    s = stream_get(sender, n.peer);
    err = s == NULL ? ERR_NOMEM : finish(sender, &n, m, &session);
    if (err == 0)
        err = save_session(sender, &session);
    if (err == 0) {
        send_confirm(sender, &session);
        phase(s, PHASE_AGREED, session.keys.session);
        if (s->state == STREAM_ASKED || s->state == STREAM_IDLE || s->state == STREAM_READY) {
            stream_set_state(s, STREAM_READY);
            stream_pump(s);
        }
    } else if (s != NULL) {
        (void)out_negotiation_delete(sender->config.db, n.peer);
        stream_wait(s, REASON_CHECK_FAILED);
    }
    sodium_memzero(&session, sizeof(session));
    sodium_memzero(&n, sizeof(n));
}

/* Reasons that another try may cure. */
static int is_passing(unsigned reason)
{
    return reason == REASON_STALE || reason == REASON_STORAGE || reason == REASON_RATE ||
           reason == REASON_BUSY || reason == REASON_CHECK_FAILED || reason == REASON_DISK_FULL;
}

/* Reasons that say nothing about messages which want another profile. */
static int is_about_profile(unsigned reason)
{
    return reason == REASON_RESEARCH || reason == REASON_NO_COMMON || reason == REASON_NO_SUITE;
}

/* The stream that a rejection speaks of: by T once we have one, else by the number of our OPEN. */
static struct stream *rejected_stream(struct sender *sender, const struct msg_neg_reject *m)
{
    struct stream *s = NULL;
    struct out_negotiation n;

    if (out_negotiation_by_id(sender->config.db, m->negotiation, &n) == 0)
        s = stream_find(sender, n.peer);
    sodium_memzero(&n, sizeof(n));
    if (s == NULL)
        for (s = sender->streams; s != NULL; s = s->next_stream)
            if (s->state == STREAM_OPENING && s->request == m->request)
                break;
    return s;
}

/* Everybody's suites, as the cloud has them. */
static void tell_no_suite(struct stream *s, const struct msg_neg_reject *m)
{
    const struct sender_config *c = &s->sender->config;
    char ours[SUITE_TEXT_MAX], theirs[SUITE_TEXT_MAX], allowed[SUITE_TEXT_MAX], text[WHY_MAX];

    suite_list_text(ours, &m->i_suites);
    suite_list_text(theirs, &m->r_suites);
    suite_list_text(allowed, &m->allowed);
    say(text, sizeof(text), 0, "no suite in common: %s has %s; %s has %s; the cloud allows %s",
        c->home->id, ours, s->peer, theirs, allowed);
    c->handlers->trouble(c->arg, s->peer, 0, REASON_NONE, text);
}

void initiate_on_reject(struct sender *sender, const struct msg_neg_reject *m)
{
    struct stream *s = rejected_stream(sender, m);
    uint8_t profile;

    if (s == NULL || (s->state != STREAM_OPENING && s->state != STREAM_ASKED))
        return;
    sender_commit(sender);
    (void)out_negotiation_delete(sender->config.db, s->peer);
    if (is_passing(m->reason)) {
        stream_wait(s, m->reason);
        return;
    }
    if (m->reason == REASON_NO_SUITE)
        tell_no_suite(s, m);
    stream_set_state(s, STREAM_IDLE);
    if (is_about_profile(m->reason)) {
        if (outbox_next_profile(sender->config.db, s->peer, &profile) == 0)
            stream_reject_queued(s, profile, m->reason);
        stream_pump(s);
    } else {
        stream_reject_queued(s, 0, m->reason);
    }
}

/* phases.c - registration, negotiation and delivery among three parties in one process. */
#include "tests/reproduce/phases.h"

#include <stdlib.h>

#include <sodium.h>

#include "cloudd/neg_send.h"
#include "cloudd/pairing.h"
#include "common/package.h"

static const char sender_id[] = "sds", receiver_id[] = "sdr";

static void start(struct laps *l)
{
    memset(l, 0, sizeof(*l));
    l->since = cpu_now_us();
}

/* What was done since the last lap was this party's work. */
static void lap(struct laps *l, enum party who)
{
    double now = cpu_now_us();

    l->us[who] += now - l->since;
    l->since = now;
}

/* ---- registration ---- */

static void seal_scan(struct blob *out, const struct testbed *b, const char *id,
                      const struct scan *s)
{
    struct msg m = {.type = MSG_ENROL_BODY};
    uint8_t *sealed = must_alloc(ENROL_SEALED_MAX);

    memcpy(m.u.enrol_body.id, id, strlen(id) + 1);
    randombytes_buf(m.u.enrol_body.dev, KEY_BYTES);
    m.u.enrol_body.width = (uint16_t)s->grey.width;
    m.u.enrol_body.height = (uint16_t)s->grey.height;
    m.u.enrol_body.pixels = (struct blob){s->grey.pixels, image_pixels(&s->grey)};
    must(body_seal(&m, b->cloud.public_key, sealed, ENROL_SEALED_MAX, &out->len));
    out->p = sealed;
}

/* What the cloud keeps of a device, in buffers of its own. */
struct enrolled {
    char id[ID_MAX + 1];
    uint8_t dev[KEY_BYTES], canvas[FX1_CANVAS];
};

static struct enrolled *open_scan(const struct testbed *b, const struct blob *sealed)
{
    struct enrolled *e = must_alloc(sizeof(*e));
    uint8_t *plain = must_alloc(sealed->len);
    const struct msg_enrol_body *body;
    struct msg m;

    must(body_open(&m, MSG_ENROL_BODY, sealed, &b->cloud, plain, sealed->len));
    body = &m.u.enrol_body;
    memcpy(e->id, body->id, sizeof(e->id));
    memcpy(e->dev, body->dev, KEY_BYTES);
    must(fx1_normalise(e->canvas, body->pixels.p, body->width, body->height, 1));
    free(plain);
    return e;
}

void phase_register(struct laps *l, struct testbed *b, const struct profile *p)
{
    struct blob from_sender, from_receiver;
    struct enrolled *i, *r;
    uint8_t secret[KEY_BYTES];
    struct keybuf shk;

    start(l);
    seal_scan(&from_sender, b, sender_id, b->sender_scan);
    lap(l, SDS);
    seal_scan(&from_receiver, b, receiver_id, b->receiver_scan);
    lap(l, SDR);
    i = open_scan(b, &from_sender);
    r = open_scan(b, &from_receiver);
    randombytes_buf(secret, sizeof(secret));
    must(pairing_make(&b->pair, &(struct pair_party){i->id, 1, i->dev, i->canvas},
                      &(struct pair_party){r->id, 2, r->dev, r->canvas}, secret));
    must(p->shk(&shk, &b->pair));
    lap(l, CLOUD);
    free((void *)(uintptr_t)from_sender.p);
    free((void *)(uintptr_t)from_receiver.p);
    free(i);
    free(r);
}

/* ---- negotiation ---- */

static void draw(struct neg_record *rec, const struct testbed *b, const struct profile *p)
{
    struct neg_terms *t = &rec->terms;
    struct slice s;
    unsigned redrawn;

    memset(rec, 0, sizeof(*rec));
    memcpy(t->cloud, b->cloud.public_key, KEY_BYTES);
    memcpy(rec->i_key, b->sender.public_key, KEY_BYTES);
    memcpy(rec->r_key, b->receiver.public_key, KEY_BYTES);
    memcpy(t->initiator, sender_id, sizeof(sender_id));
    memcpy(t->responder, receiver_id, sizeof(receiver_id));
    offer_local(&t->i_offer, 1);
    offer_local(&t->r_offer, 1);
    t->i_offer.profiles = (struct list){.n = 1, .v = {p->id}};
    t->allowed = t->i_offer.suites;
    must(offer_choose(&t->choice, &t->i_offer, &t->r_offer, &t->allowed));
    randombytes_buf(t->negotiation, NEG_ID_BYTES);
    pairing_salt(t->salt);
    must(pairing_draw_slice(&b->pair, &s, &redrawn));
    must(p->shk(&t->shk, &b->pair));
    must(p->sk(&t->sk, &b->pair, t->negotiation, s));
}

/* Step 1 as a device reads it. */
static void learn(struct neg_terms *t, const struct testbed *b, const struct letters *in,
                  const struct noise_keypair *self)
{
    const struct letter *peer = &in->v[0], *salt = &in->v[1];
    uint8_t plain[LETTER_MAX];
    struct msg m, inner;

    memset(t, 0, sizeof(*t));
    must(msg_decode(&m, peer->type, peer->body, peer->len));
    must(body_open(&inner, MSG_PAIR_BODY, &m.u.peer.sealed, self, plain, sizeof(plain)));
    keybuf_set(&t->shk, inner.u.pair_body.shk.p, inner.u.pair_body.shk.len);
    must(msg_decode(&m, salt->type, salt->body, salt->len));
    must(body_open(&inner, MSG_SALT_BODY, &m.u.salt.sealed, self, plain, sizeof(plain)));
    keybuf_set(&t->sk, inner.u.salt_body.sk.p, inner.u.salt_body.sk.len);
    memcpy(t->salt, inner.u.salt_body.salt, KEY_BYTES);
    memcpy(t->negotiation, m.u.salt.negotiation, NEG_ID_BYTES);
    memcpy(t->cloud, b->cloud.public_key, KEY_BYTES);
    memcpy(t->initiator, m.u.salt.initiator, sizeof(t->initiator));
    memcpy(t->responder, m.u.salt.responder, sizeof(t->responder));
    t->i_offer = (struct offer){m.u.salt.i_profiles, m.u.salt.i_suites, m.u.salt.i_codecs};
    t->r_offer = (struct offer){m.u.salt.r_profiles, m.u.salt.r_suites, m.u.salt.r_codecs};
    t->allowed = m.u.salt.allowed;
    t->choice = (struct choice){m.u.salt.profile, m.u.salt.suite, m.u.salt.codec};
}

/* A sealed body on its way, and the handshake beside it. */
struct step {
    uint8_t sealed[NEG_SEALED_MAX];
    size_t len;
    struct neg_bytes noise;
};

/* The cloud checks steps 2 and 4 against its own record. */
static void check(const struct neg_record *rec, const struct testbed *b, const struct step *s)
{
    must(neg_body_check(&rec->terms, &(struct blob){s->sealed, s->len}, &b->cloud));
}

static void at_responder(struct step *out, struct testbed *b, const struct letters *step_1,
                         const struct letter *forward)
{
    struct neg_ends ends = {&b->receiver, b->sender.public_key, NULL};
    struct neg_terms t;
    struct msg m;

    learn(&t, b, step_1, &b->receiver);
    must(msg_decode(&m, forward->type, forward->body, forward->len));
    must(neg_body_check(&t, &m.u.neg_forward.sealed, &b->receiver));
    must(profile_answer(&t, &ends, &m.u.neg_forward.noise, &out->noise, &b->at_receiver));
    must(neg_body_seal(&t, b->cloud.public_key, out->sealed, &out->len));
}

static void at_initiator(struct testbed *b, const struct neg_terms *t, const struct neg_bytes *kept,
                         const struct letter *result)
{
    struct neg_ends ends = {&b->sender, b->receiver.public_key, NULL};
    struct msg m;

    must(msg_decode(&m, result->type, result->body, result->len));
    must(neg_body_check(t, &m.u.neg_result.sealed, &b->sender));
    must(profile_finish(t, &ends, kept, &m.u.neg_result.noise, &b->at_sender));
}

void phase_negotiate(struct laps *l, struct testbed *b, const struct profile *p)
{
    struct letters to_sender = {0}, to_receiver = {0}, forward = {0}, result = {0};
    struct neg_ends ends = {&b->sender, b->receiver.public_key, NULL};
    struct session_keys at_cloud;
    struct neg_record rec;
    struct step two, four;
    struct neg_bytes kept;
    struct neg_terms t;

    start(l);
    draw(&rec, b, p);
    must(neg_write_salt(&to_sender, &rec, ROLE_SEND));
    must(neg_write_salt(&to_receiver, &rec, ROLE_RECV));
    lap(l, CLOUD);
    learn(&t, b, &to_sender, &b->sender);
    must(profile_ask(&t, &ends, &two.noise, &kept));
    must(neg_body_seal(&t, b->cloud.public_key, two.sealed, &two.len));
    lap(l, SDS);
    check(&rec, b, &two);
    rec.asked = two.noise;
    must(neg_write_forward(&forward, &rec));
    lap(l, CLOUD);
    at_responder(&four, b, &to_receiver, &forward.v[0]);
    lap(l, SDR);
    check(&rec, b, &four);
    rec.answered = four.noise;
    must(neg_write_result(&result, &rec));
    if (p->at_cloud != NULL) {
        must(p->keys(&at_cloud, &rec.terms));
        b->at_cloud = at_cloud.state;
    }
    lap(l, CLOUD);
    at_initiator(b, &t, &kept, &result.v[0]);
    lap(l, SDS);
    if (!keybuf_equal(&b->at_sender.state, &b->at_receiver.state))
        die("the devices have different keys");
}

/* ---- delivery ---- */

static void write_message(struct msg *m, const struct testbed *b, const struct profile *p,
                          const struct blob *message)
{
    struct msg_package *h = &m->u.package;

    memset(m, 0, sizeof(*m));
    m->type = MSG_PACKAGE;
    h->profile = p->id;
    h->codec = STEGO_LIGHT;
    h->seq = 1;
    memcpy(h->session, b->at_sender.session, SESSION_ID_BYTES);
    memcpy(h->from, sender_id, sizeof(sender_id));
    memcpy(h->to, receiver_id, sizeof(receiver_id));
    h->message = *message;
}

void phase_deliver(struct laps *l, struct testbed *b, const struct profile *p,
                   const struct blob *message)
{
    struct package_opened opened;
    struct package made;
    struct keybuf key;
    struct msg m, got;

    start(l);
    write_message(&m, b, p, message);
    must(p->take_key(&key, &b->at_sender.state));
    must(package_make(&made, &m, &b->cover, &key, 0));
    if (p->turn != NULL)
        p->turn(&b->at_sender.state, made.hidden);
    lap(l, SDS);
    must(msg_decode(&got, MSG_PACKAGE, made.body, made.len));
    if (p->at_cloud != NULL)
        must(p->at_cloud(&b->at_cloud, &got));
    lap(l, CLOUD);
    must(msg_decode(&got, MSG_PACKAGE, made.body, made.len));
    must(p->take_key(&key, &b->at_receiver.state));
    must(package_open(&opened, &got, &key));
    if (p->turn != NULL)
        p->turn(&b->at_receiver.state, opened.hidden);
    lap(l, SDR);
    if (!keybuf_equal(&b->at_sender.state, &b->at_receiver.state) ||
        (p->at_cloud != NULL && !keybuf_equal(&b->at_sender.state, &b->at_cloud)))
        die("the states went apart");
    package_opened_free(&opened);
    free(made.body);
}

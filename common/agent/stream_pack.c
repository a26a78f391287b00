/*
 * stream_pack.c - a message becomes the next package of its stream's session.
 */
#include "common/agent/stream.h"

#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/package.h"

uint8_t stream_codec(const struct out_session *session, uint8_t wanted)
{
    return list_has(&session->codecs, wanted) || session->codecs.n == 0 ? wanted
                                                                        : session->codecs.v[0];
}

int stream_fits(const struct stream *s, uint8_t profile)
{
    const struct out_session *session = &s->block->session;
    const struct offer *o = &s->sender->config.offer;

    return session->profile == profile && list_has(&o->profiles, profile) &&
           list_has(&o->suites, session->suite);
}

static int hides(const struct profile *p)
{
    return p->hidden_bytes > 0;
}

/* The session's next package, as far as its header goes; it borrows the item's message. */
static void begin_package(struct msg *m, const struct stream *s, const struct out_session *session,
                          const struct out_item *item)
{
    struct msg_package *p = &m->u.package;

    *m = (struct msg){.type = MSG_PACKAGE};
    p->profile = session->profile;
    p->codec = hides(profile_find(session->profile)) ? stream_codec(session, item->codec) : 0;
    memcpy(p->session, session->keys.session, sizeof(p->session));
    p->index = session->next;
    p->seq = item->seq;
    memcpy(p->from, s->sender->config.home->id, sizeof(p->from));
    memcpy(p->to, s->peer, sizeof(p->to));
    p->message = (struct blob){item->message.p, item->message.len};
}

/* What the item keeps of its package; takes the body. */
static void keep_package(struct out_item *item, const struct msg_package *p,
                         const struct package *made)
{
    item->profile = p->profile;
    item->codec = p->codec;
    item->body = (struct out_bytes){made->body, made->len};
    memcpy(item->digest, made->digest, DIGEST_BYTES);
    memcpy(item->session, p->session, SESSION_ID_BYTES);
    item->index = p->index;
    item->psnr_mdb = made->psnr_mdb;
    item->changed_pixels = made->changed_pixels;
}

/* Turn the item into the session's next package; both are updated. */
static int make_package(struct stream *s, struct out_session *session, struct out_item *item)
{
    const struct profile *profile = profile_find(session->profile);
    struct pgm_view cover;
    struct package made;
    struct keybuf key = {0};
    struct msg m;
    int64_t start = state_now_us();
    int err = 0;

    if (profile == NULL)
        return ERR_VERSION;
    if (hides(profile))
        err = pgm_parse(item->cover.p, item->cover.len, &cover);
    if (err == 0)
        err = profile->take_key(&key, &session->keys.state);
    if (err == 0) {
        begin_package(&m, s, session, item);
        session->next++;
        err = package_make(&made, &m, hides(profile) ? &cover : NULL, &key, item->exact);
    }
    keybuf_wipe(&key);
    if (err != 0)
        return err;
    if (profile->turn != NULL)
        profile->turn(&session->keys.state, made.hidden);
    sodium_memzero(made.hidden, sizeof(made.hidden));
    keep_package(item, &m.u.package, &made);
    item->suite = session->suite;
    item->embed_us = state_now_us() - start;
    return 0;
}

int stream_pack(struct stream *s, struct out_item *item, int *reserved)
{
    struct sql *db = s->sender->config.db;
    struct out_session *session = &s->block->session;
    int err = 0;

    if (!out_block_has(s->block, item->seq)) {
        err = out_block_reserve(db, s->block);
        *reserved = 1;
    }
    if (err == 0)
        err = item->of_set != 0 ? set_pack(s, session, item) : make_package(s, session, item);
    return err != 0 ? err : out_block_used(db, s->block);
}

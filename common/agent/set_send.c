/*
 * set_send.c - messages to sets on their way out: packed for one member after the other, sent for
 * as many as can be at once.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/set_outbox.h"
#include "common/agent/stream.h"
#include "common/err.h"
#include "common/set.h"

/* ---- packing ---- */

/* Make the common part of item's message; key is that of any member's package. */
static int make_part(const struct stream *s, const struct out_item *item, const struct keybuf *key,
                     struct set_part *part, struct package *made)
{
    const struct profile *profile = profile_find(item->profile);
    struct msg m = {.type = MSG_PACKAGE};
    struct msg_package *p = &m.u.package;
    int64_t start = state_now_us();
    struct keybuf set_key = {0};
    struct set_text text;
    struct pgm_view cover;
    int err = set_outbox_text(s->sender->config.db, item->of_set, &text);

    if (err == 0)
        err = pgm_parse(text.cover.p, text.cover.len, &cover);
    if (err == 0) {
        p->profile = item->profile;
        p->codec = item->codec;
        memcpy(p->from, s->sender->config.home->id, sizeof(p->from));
        set_common_header(p);
        p->message = (struct blob){text.message.p, text.message.len};
        randombytes_buf(part->secret, KEY_BYTES);
        profile->set_key(&set_key, key, part->secret);
        err = package_make(made, &m, &cover, &set_key, item->exact);
    }
    if (err == 0) {
        memcpy(part->digest, made->digest, DIGEST_BYTES);
        part->psnr_mdb = made->psnr_mdb;
        part->changed_pixels = made->changed_pixels;
        part->embed_us = state_now_us() - start;
    }
    keybuf_wipe(&set_key);
    free(text.message.p);
    free(text.cover.p);
    return err;
}

/* The common part that fits item's suite and codec, made when it is the first member's. */
static int get_part(const struct stream *s, const struct out_item *item, const struct keybuf *key,
                    struct set_part *part)
{
    struct sql *db = s->sender->config.db;
    struct package made = {.body = NULL};
    int err = set_outbox_part(db, item, part);

    if (err != ERR_NOTFOUND)
        return err;
    err = make_part(s, item, key, part, &made);
    if (err == 0)
        err = set_outbox_put_part(db, item, part, &made);
    free(made.body);
    sodium_memzero(&made, sizeof(made));
    return err;
}

/* The member's part: item's body and digest. */
static int wrap(struct out_item *item, const struct keybuf *key, const struct set_part *part)
{
    struct msg_set_member m = {.index = item->index, .seq = item->seq};
    uint8_t buf[SET_MEMBER_MAX];
    size_t len;
    int err;

    memcpy(m.session, item->session, sizeof(m.session));
    memcpy(m.to, item->peer, sizeof(m.to));
    err = set_wrap(&m, key, part->digest, part->secret);
    if (err == 0)
        err = set_member_encode(buf, &len, &m);
    if (err != 0)
        return err;
    item->body.p = malloc(len);
    if (item->body.p == NULL)
        return ERR_NOMEM;
    memcpy(item->body.p, buf, len);
    item->body.len = len;
    set_digest(item->digest, &(struct blob){buf, len}, part->digest);
    return 0;
}

int set_pack(struct stream *s, struct out_session *session, struct out_item *item)
{
    const struct profile *profile = profile_find(session->profile);
    struct keybuf key = {0};
    struct set_part part = {0};
    int err;

    if (profile == NULL || profile->set_key == NULL)
        return ERR_VERSION;
    err = profile->take_key(&key, &session->keys.state);
    if (err != 0)
        return err;
    item->profile = session->profile;
    item->codec = stream_codec(session, item->codec);
    item->suite = session->suite;
    memcpy(item->session, session->keys.session, SESSION_ID_BYTES);
    item->index = session->next++;
    err = get_part(s, item, &key, &part);
    if (err == 0) {
        item->common = part.id;
        item->psnr_mdb = part.psnr_mdb;
        item->changed_pixels = part.changed_pixels;
        item->embed_us = part.embed_us;
        err = wrap(item, &key, &part);
    }
    keybuf_wipe(&key);
    sodium_memzero(&part, sizeof(part));
    return err;
}

/* ---- uploads ---- */

/* The upload of a common part, made when there is none. Those of earlier messages stand before it:
 * a stream's packages leave in their order. */
static struct set_upload *upload_of(struct sender *sender, const struct out_item *item)
{
    struct set_upload **at = &sender->uploads, *u;

    while (*at != NULL && (*at)->of_set <= item->of_set && (*at)->common != item->common)
        at = &(*at)->next;
    if (*at != NULL && (*at)->common == item->common)
        return *at;
    u = calloc(1, sizeof(*u));
    if (u == NULL)
        return NULL;
    u->of_set = item->of_set;
    u->common = item->common;
    u->next = *at;
    *at = u;
    return u;
}

static int has_member(const struct set_upload *u, const char *to)
{
    struct msg_set_member m;
    struct blob part;
    struct rbuf r;
    int found = 0;

    rbuf_init(&r, u->table, u->len);
    while (!found && r.left > 0 && set_table_next(&r, &part, &m) == 0)
        found = strcmp(m.to, to) == 0;
    return found;
}

int set_upload_add(struct sender *sender, const struct out_item *item)
{
    struct set_upload *u = upload_of(sender, item);
    size_t more = 4 + item->body.len;
    uint8_t *table;
    struct wbuf w;

    if (u == NULL)
        return ERR_NOMEM;
    if (has_member(u, item->peer))
        return 0;
    table = realloc(u->table, u->len + more);
    if (table == NULL)
        return ERR_NOMEM;
    u->table = table;
    wbuf_init(&w, table + u->len, more);
    wbuf_blob(&w, &(struct blob){item->body.p, item->body.len});
    if (wbuf_err(&w) == 0)
        u->len += w.len;
    return wbuf_err(&w);
}

static void drop_first(struct sender *sender)
{
    struct set_upload *u = sender->uploads;

    sender->uploads = u->next;
    free(u->table);
    free(u);
}

/* Send the first upload; what cannot be read now is sent again on the next connection. */
static void send_first(struct sender *sender)
{
    struct set_upload *u = sender->uploads;
    struct msg m = {.type = MSG_SET_PACKAGE};
    struct out_bytes body = {NULL, 0};

    if (u->len > 0 && set_outbox_body(sender->config.db, u->common, &body) == 0) {
        m.u.set_package.members = (struct blob){u->table, u->len};
        m.u.set_package.common = (struct blob){body.p, body.len};
        link_send(sender->link, &m);
    }
    free(body.p);
    drop_first(sender);
}

int set_upload_flush(struct sender *sender)
{
    if (sender->uploads == NULL)
        return 1;
    sender_commit(sender);
    if (sender->unsaved || sql_sync(sender->config.db) != 0) {
        sender->unsaved = 1;
        sender_settle_later(sender);
        return 0;
    }
    while (sender->uploads != NULL && stream_has_room(sender->streams))
        send_first(sender);
    return sender->uploads == NULL;
}

/* Will it have a session, or know what the cloud has, in a moment? */
static int is_on_its_way(const struct stream *s)
{
    return s->state == STREAM_RESUMING || s->state == STREAM_OPENING || s->state == STREAM_ASKED;
}

void set_upload_soon(struct sender *sender)
{
    const struct stream *s = sender->streams;

    if (sender->uploads == NULL)
        return;
    while (s != NULL && !is_on_its_way(s))
        s = s->next_stream;
    if (s == NULL)
        (void)set_upload_flush(sender);
    else
        sender_settle_later(sender);
}

void set_upload_clear(struct sender *sender)
{
    while (sender->uploads != NULL)
        drop_first(sender);
}

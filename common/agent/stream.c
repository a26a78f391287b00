/* stream.c - one stream a receiver: resume, pack in batches, send, wait, stop. */
#include "common/agent/stream.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/peers.h"
#include "common/agent/set_outbox.h"
#include "common/err.h"
#include "common/secret.h"
#include "common/session.h"

#define BACKLOG_MAX  (1u << 20) /* bytes waiting on the link; more are packed when it drains */
#define PACK_AT_ONCE 32         /* messages that share one commit */
#define RESERVE_LOW  (OUT_BLOCK / 2)
#define WAIT_MIN_MS  200
#define WAIT_MAX_MS  5000

void stream_set_state(struct stream *s, enum stream_state state)
{
    s->state = state;
}

struct stream *stream_find(struct sender *sender, const char *peer)
{
    struct stream *s = sender->streams;

    while (s != NULL && strcmp(s->peer, peer) != 0)
        s = s->next_stream;
    return s;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd;
    (void)what;
    if (s->state == STREAM_WAITING && link_is_up(s->sender->link))
        stream_begin(s);
}

struct stream *stream_get(struct sender *sender, const char *peer)
{
    struct stream *s = stream_find(sender, peer);

    if (s != NULL)
        return s;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->sender = sender;
    s->is_new = 1;
    s->wait_ms = WAIT_MIN_MS;
    text_copy(s->peer, sizeof(s->peer), peer);
    s->timer = evtimer_new(sender->config.base, on_timer, s);
    s->block = secret_alloc(sizeof(*s->block));
    if (s->timer == NULL || s->block == NULL) {
        stream_free(s);
        return NULL;
    }
    out_block_forget(s->block);
    s->next_stream = sender->streams;
    sender->streams = s;
    return s;
}

void stream_free(struct stream *s)
{
    if (s->timer != NULL)
        event_free(s->timer);
    secret_free(s->block);
    sodium_memzero(s, sizeof(*s));
    free(s);
}

void stream_wait(struct stream *s, unsigned reason)
{
    const struct sender_config *c = &s->sender->config;
    struct timeval tv = {.tv_sec = s->wait_ms / 1000, .tv_usec = (s->wait_ms % 1000) * 1000};

    stream_set_state(s, STREAM_WAITING);
    evtimer_add(s->timer, &tv);
    s->wait_ms = s->wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : s->wait_ms * 2;
    c->handlers->trouble(c->arg, s->peer, 0, reason,
                         reason != REASON_NONE ? reason_text(reason)
                                               : "our state cannot be saved now; free some disk "
                                                 "space, or wait for the program that holds it");
}

void stream_block(struct stream *s, const char *why)
{
    const struct sender_config *c = &s->sender->config;

    stream_set_state(s, STREAM_BLOCKED);
    c->handlers->trouble(c->arg, s->peer, 1, REASON_NONE, why);
}

void stream_reject_queued(struct stream *s, uint8_t profile, unsigned reason)
{
    struct out_item item;
    int is_meant = 1;

    while (is_meant && !s->sender->unsaved &&
           outbox_next_queued(s->sender->config.db, s->peer, &item) == 0) {
        is_meant = profile == 0 || profile == item.profile;
        if (is_meant)
            verdict_end(s->sender, &item, STATUS_REJECTED, reason);
        out_item_free(&item);
    }
}

static void ask_resume(struct stream *s, const uint8_t session[SESSION_ID_BYTES])
{
    struct msg m = {.type = MSG_RESUME};

    if (s->resume_n == STREAM_SESSIONS_MAX)
        return;
    memcpy(s->resume[s->resume_n++].session, session, SESSION_ID_BYTES);
    memcpy(m.u.resume.to, s->peer, sizeof(m.u.resume.to));
    memcpy(m.u.resume.session, session, SESSION_ID_BYTES);
    link_send(s->sender->link, &m);
}

/* Every question is asked: resend what the cloud lacks, then go on. */
static void go_on(struct stream *s)
{
    struct out_session current;
    int err = out_session_current(s->sender->config.db, s->peer, &current);

    sodium_memzero(&current.keys, sizeof(current.keys));
    s->resent = 0;
    s->resending = 1;
    stream_set_state(s, err == 0 ? STREAM_READY : STREAM_IDLE);
    stream_pump(s);
}

void stream_begin(struct stream *s)
{
    struct sql *db = s->sender->config.db;
    uint8_t session[SESSION_ID_BYTES], *after = NULL;
    struct out_session current;
    int has_current;

    if (s->state == STREAM_BLOCKED)
        return;
    s->is_new = 0;
    stream_set_state(s, STREAM_RESUMING);
    s->resume_n = s->resumed = 0;
    has_current = out_session_current(db, s->peer, &current) == 0;
    if (has_current)
        ask_resume(s, current.keys.session);
    while (outbox_next_session(db, s->peer, after, session) == 0) {
        after = session;
        if (!has_current || sodium_memcmp(session, current.keys.session, SESSION_ID_BYTES) != 0)
            ask_resume(s, session);
    }
    sodium_memzero(&current.keys, sizeof(current.keys));
    if (s->resume_n == 0)
        go_on(s);
}

static struct stream_resume *find_resume(struct stream *s, const uint8_t *session)
{
    for (size_t i = 0; i < s->resume_n; i++)
        if (memcmp(s->resume[i].session, session, SESSION_ID_BYTES) == 0)
            return &s->resume[i];
    return NULL;
}

/* The cloud has accepted indices that we have not used: our state was rolled back. The messages
 * that it does not know had sequence numbers too; ours must come after them. */
static void check_rollback(struct stream *s, const struct msg_resumed *m)
{
    const struct sender_config *c = &s->sender->config;
    struct out_session current;
    uint64_t lost;

    if (out_session_current(c->db, s->peer, &current) == 0 &&
        sodium_memcmp(current.keys.session, m->session, SESSION_ID_BYTES) == 0 &&
        m->next > current.next) {
        c->handlers->trouble(c->arg, s->peer, 0, REASON_NONE,
                             "our state is older than what the cloud has seen (a restored "
                             "backup?); a new session is negotiated");
        (void)sender_begin(s->sender);
        (void)out_session_retire(c->db, s->peer);
        lost = m->next - current.next;
        (void)outbox_skip_seq(c->db, s->peer, lost < SESSION_INDEX_MAX ? lost : SESSION_INDEX_MAX);
    }
    sodium_memzero(&current.keys, sizeof(current.keys));
}

/* The receiver was enrolled anew, or is enrolled no more: it cannot know our session. */
static void check_enrolment(struct stream *s, uint64_t enrolment)
{
    struct sql *db = s->sender->config.db;
    struct peer p;

    if (peer_get(db, s->peer, &p) != 0 || p.enrolment == 0 || p.enrolment == enrolment)
        return;
    (void)sender_begin(s->sender);
    (void)out_session_retire(db, s->peer);
    (void)out_negotiation_delete(db, s->peer);
    if (enrolment == 0)
        stream_reject_queued(s, 0, REASON_PEER_REVOKED);
}

void stream_on_resumed(struct sender *sender, const struct msg_resumed *m)
{
    struct stream *s = stream_find(sender, m->to);
    struct stream_resume *r;

    if (s == NULL || s->state != STREAM_RESUMING || (r = find_resume(s, m->session)) == NULL)
        return;
    r->next = m->next;
    check_rollback(s, m);
    check_enrolment(s, m->enrolment);
    if (++s->resumed == s->resume_n)
        go_on(s);
}

int stream_has_room(const struct stream *s)
{
    return link_is_up(s->sender->link) && link_backlog(s->sender->link) < BACKLOG_MAX;
}

/* Send a packed item, or gather it; false when it must wait: what is gathered goes first. */
static int send_package(struct stream *s, const struct out_item *item)
{
    if (item->of_set != 0)
        return set_upload_add(s->sender, item) == 0;
    if (!set_upload_flush(s->sender))
        return 0;
    link_send_body(s->sender->link, MSG_PACKAGE, item->body.p, item->body.len);
    return 1;
}

/* Packages that the cloud has not accepted, as it says, or as we know. One that went out again
 * after an altered copy may have lost its receipt: our late acknowledgement of the first one names
 * no copy, and may have met the second. The same bytes again bring the receipt back. */
static void resend(struct stream *s)
{
    struct stream_resume *r;
    struct out_item item;
    int left = 0;

    while (s->resending && !left && stream_has_room(s)) {
        if (outbox_next_packed(s->sender->config.db, s->peer, s->resent, &item) != 0) {
            s->resending = 0;
            return;
        }
        r = find_resume(s, item.session);
        if ((item.state != OUT_PACKED && r != NULL && item.index < r->next && item.resends == 0) ||
            send_package(s, &item))
            s->resent = item.id;
        else
            left = 1;
        out_item_free(&item);
    }
}

static int pack_queued(struct stream *s, struct out_item *item, int *reserved)
{
    struct sql *db = s->sender->config.db;
    int err = stream_pack(s, item, reserved);

    if (err == 0)
        err = outbox_packed(db, item);
    return err != 0 ? err : set_outbox_tidy(db, item->of_set);
}

/* Pack up to PACK_AT_ONCE messages in one transaction, all to sets or none; returns how many, or
 * ERR_*. They were QUEUED, and a power cut must not bring that back once a package has left: it
 * would be packed again, under another index. So this waits for the disk, or, when the packages are
 * gathered first, set_upload_flush() does. */
static int pack_batch(struct stream *s, struct out_item *items, int to_sets)
{
    struct sql *db = s->sender->config.db;
    int n = 0, err, reserved = 0;

    sender_commit(s->sender);
    err = sql_begin(db, to_sets ? SQL_WRITE_SOON : SQL_WRITE);
    if (err != 0)
        return err;
    while (n < PACK_AT_ONCE && !out_session_is_worn(db, &s->block->session, state_now_us()) &&
           outbox_next_queued(db, s->peer, &items[n]) == 0) {
        if (!stream_fits(s, items[n].profile) || (items[n].of_set != 0) != to_sets) {
            out_item_free(&items[n]);
            break;
        }
        err = pack_queued(s, &items[n], &reserved);
        n++;
        if (err != 0)
            break;
    }
    if (err == 0)
        err = sql_commit(db);
    if (err != 0) {
        sql_rollback(db);
        out_block_forget(s->block);
        for (int i = 0; i < n; i++)
            out_item_free(&items[i]);
    }
    return err != 0 ? err : n;
}

/* Save first, send after: a package never leaves before its index is the disk's. */
static int send_batch(struct stream *s)
{
    struct out_item items[PACK_AT_ONCE];
    int to_sets = set_outbox_is_next(s->sender->config.db, s->peer), n;

    if (!to_sets && !set_upload_flush(s->sender))
        return 0;
    n = pack_batch(s, items, to_sets);
    for (int i = 0; i < n; i++) {
        (void)send_package(s, &items[i]);
        s->resent = items[i].id;
        out_item_free(&items[i]);
    }
    return n;
}

/* Nothing is before it, and the package can leave. */
static int can_pack_now(struct stream *s, const struct out_item *item)
{
    struct sql *db = s->sender->config.db;

    return s->state == STREAM_READY && !s->resending && item->of_set == 0 &&
           s->sender->uploads == NULL && stream_has_room(s) && s->added < BACKLOG_MAX &&
           !outbox_has_queued(db, s->peer) && out_block_update(db, s->peer, s->block) == 0 &&
           !out_session_is_worn(db, &s->block->session, state_now_us()) &&
           stream_fits(s, item->profile);
}

int stream_add(struct stream *s, struct out_item *item, int *reserved)
{
    struct sql *db = s->sender->config.db;
    int err;

    if (!can_pack_now(s, item))
        return outbox_put(db, item);
    err = outbox_number(db, item);
    if (err == 0)
        err = stream_pack(s, item, reserved);
    if (err == 0)
        err = outbox_put_packed(db, item);
    if (err == 0)
        s->added += item->body.len;
    return err;
}

void stream_undo_add(struct stream *s)
{
    out_block_forget(s->block);
    s->added = 0;
}

void stream_send(struct stream *s, struct out_item *item)
{
    if (item->state != OUT_PACKED)
        return;
    link_send_body(s->sender->link, MSG_PACKAGE, item->body.p, item->body.len);
    s->resent = item->id;
    s->added -= item->body.len;
    free(item->body.p);
    item->body = (struct out_bytes){NULL, 0};
}

int stream_is_low(const struct stream *s)
{
    const struct out_block *b = s->block;

    return b->session.next < b->end && b->end - b->session.next <= RESERVE_LOW;
}

int stream_reserve_ahead(struct stream *s, int *reserved)
{
    if (!stream_is_low(s))
        return 0;
    *reserved = 1;
    return out_block_reserve(s->sender->config.db, s->block);
}

/* Is it time for another session before the next message? */
static int is_over(const struct stream *s)
{
    struct sql *db = s->sender->config.db;
    uint8_t profile;

    return out_session_is_worn(db, &s->block->session, state_now_us()) ||
           (outbox_next_profile(db, s->peer, &profile) == 0 && !stream_fits(s, profile));
}

static int send_all(struct stream *s)
{
    int n = 1;

    while (n > 0 && stream_has_room(s) && outbox_has_queued(s->sender->config.db, s->peer))
        n = send_batch(s);
    return n == 0 && is_over(s) ? stream_next_session(s) : n;
}

void stream_pump(struct stream *s)
{
    struct sql *db = s->sender->config.db;
    char why[256];
    int n;

    if (s->state != STREAM_READY && s->state != STREAM_IDLE)
        return;
    if (!link_is_up(s->sender->link))
        return;
    resend(s);
    if (s->resending || !outbox_has_queued(db, s->peer))
        return;
    if (out_block_update(db, s->peer, s->block) != 0)
        n = stream_next_session(s);
    else
        n = send_all(s);
    if (n == ERR_LOCKED) {
        stream_wait(s, REASON_NONE);
    } else if (n < 0) {
        say(why, sizeof(why), 0, "cannot save to state.db: %s", state_trouble(n));
        stream_block(s, why);
    }
}

/* sender.c - the sending engine: the link's messages to the streams, one transaction a batch. */
#include "common/agent/sender.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/set_outbox.h"
#include "common/agent/stream.h"
#include "common/err.h"

int sender_begin(struct sender *sender)
{
    int err;

    if (sender->in_transaction)
        return 0;
    err = sql_begin(sender->config.db, SQL_WRITE_SOON);
    sender->in_transaction = err == 0;
    return err;
}

void sender_commit(struct sender *sender)
{
    int err = sender->unsaved ? ERR_SYS : 0;

    if (sender->in_transaction || sender->acks_n > 0)
        sender_settle_later(sender);
    if (sender->in_transaction) {
        sender->in_transaction = 0;
        if (err == 0)
            err = sql_commit(sender->config.db);
        if (err != 0)
            sql_rollback(sender->config.db);
    }
    sender->unsaved = err != 0;
    /* What is not saved is not acknowledged: the cloud will say it again. */
    if (err != 0)
        sender->acks_n = 0;
}

void sender_settle_later(struct sender *sender)
{
    const struct timeval tv = {.tv_usec = SETTLE_MS * 1000};

    if (!evtimer_pending(sender->settle, NULL))
        evtimer_add(sender->settle, &tv);
}

/* What may fail without harm, since it is tried again: a block that could not be reserved or given
 * back is forgotten, and passed over. */
static void change_blocks(struct sender *sender, int (*change)(struct stream *, int *changed))
{
    struct sql *db = sender->config.db;
    int changed = 0, err = sql_begin(db, SQL_WRITE_SOON);

    for (struct stream *s = sender->streams; err == 0 && s != NULL; s = s->next_stream)
        err = change(s, &changed);
    if (err == 0 && changed)
        err = sql_commit(db);
    if (err == 0 && changed)
        err = sql_sync(db);
    if (err != 0 || !changed)
        sql_rollback(db);
    for (struct stream *s = sender->streams; err != 0 && s != NULL; s = s->next_stream)
        out_block_forget(s->block);
}

void sender_settle(struct sender *sender)
{
    struct msg m = {.type = MSG_RECEIPT_ACK};
    int is_low = 0;

    sender_commit(sender);
    for (struct stream *s = sender->streams; s != NULL && !is_low; s = s->next_stream)
        is_low = stream_is_low(s);
    if (is_low)
        change_blocks(sender, stream_reserve_ahead);
    if (sql_sync(sender->config.db) != 0)
        sender->unsaved = 1;
    evtimer_del(sender->settle);
    for (size_t i = 0; !sender->unsaved && i < sender->acks_n; i++) {
        m.u.receipt_ack = sender->acks[i];
        link_send(sender->link, &m);
    }
    sender->acks_n = 0;
}

/* What the cloud said could not be saved: it must say it again. */
static int drop_if_unsaved(struct sender *sender)
{
    if (!sender->unsaved)
        return 0;
    sender->unsaved = 0;
    link_drop(sender->link, "what the cloud said could not be saved to state.db; free some disk "
                            "space. It will be said again");
    return 1;
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    struct sender *sender = arg;

    (void)fd;
    (void)what;
    sender_settle(sender);
    if (!drop_if_unsaved(sender))
        (void)set_upload_flush(sender);
}

static void on_up(void *arg)
{
    struct sender *sender = arg;
    char peer[ID_MAX + 1] = "";

    while (outbox_next_peer(sender->config.db, peer, peer) == 0)
        (void)stream_get(sender, peer);
    for (struct stream *s = sender->streams; s != NULL; s = s->next_stream)
        stream_begin(s);
}

static void on_message(void *arg, const struct msg *m, const uint8_t *body, size_t len)
{
    struct sender *sender = arg;

    (void)body;
    (void)len;
    if (m->type == MSG_PEER)
        initiate_on_peer(sender, &m->u.peer);
    else if (m->type == MSG_SALT)
        initiate_on_salt(sender, &m->u.salt);
    else if (m->type == MSG_NEG_PENDING)
        initiate_on_pending(sender, &m->u.neg_pending);
    else if (m->type == MSG_NEG_RESULT)
        initiate_on_result(sender, &m->u.neg_result);
    else if (m->type == MSG_NEG_REJECT)
        initiate_on_reject(sender, &m->u.neg_reject);
    else if (m->type == MSG_ACCEPTED)
        verdict_on_accepted(sender, &m->u.accepted);
    else if (m->type == MSG_REFUSED)
        verdict_on_refused(sender, &m->u.refused);
    else if (m->type == MSG_RECEIPT)
        verdict_on_receipt(sender, &m->u.receipt);
    else if (m->type == MSG_RESUMED)
        stream_on_resumed(sender, &m->u.resumed);
    else if (m->type == MSG_PEER_GONE)
        verdict_on_peer_gone(sender, &m->u.peer_gone);
}

static void pump_all(struct sender *sender)
{
    for (struct stream *s = sender->streams; s != NULL; s = s->next_stream)
        stream_pump(s);
    set_upload_soon(sender);
}

static void on_idle(void *arg)
{
    struct sender *sender = arg;

    sender_commit(sender);
    if (!drop_if_unsaved(sender))
        pump_all(sender);
}

static void on_down(void *arg, int final, unsigned reason, const char *why)
{
    struct sender *sender = arg;

    (void)reason;
    sender_commit(sender);
    sender->acks_n = 0;
    set_upload_clear(sender);
    for (struct stream *s = sender->streams; s != NULL; s = s->next_stream)
        if (s->state != STREAM_BLOCKED)
            stream_set_state(s, STREAM_IDLE);
    sender->config.handlers->down(sender->config.arg, final, why);
}

static void on_stopped(void *arg)
{
    struct sender *sender = arg;

    sender->config.handlers->stopped(sender->config.arg);
}

static const struct link_handlers link_to_sender = {.up = on_up,
                                                    .message = on_message,
                                                    .idle = on_idle,
                                                    .down = on_down,
                                                    .stopped = on_stopped};

struct sender *sender_new(const struct sender_config *config)
{
    struct sender *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->config = *config;
    s->link = link_new(&(struct link_config){.base = config->base,
                                             .home = config->home,
                                             .role = ROLE_SEND,
                                             .mode = config->mode,
                                             .offer = config->offer,
                                             .retry = 1,
                                             .handlers = &link_to_sender,
                                             .arg = s});
    s->settle = evtimer_new(config->base, on_settle, s);
    if (s->link == NULL || s->settle == NULL || outbox_skip_reserved(config->db) != 0) {
        sender_free(s);
        return NULL;
    }
    return s;
}

void sender_start(struct sender *s)
{
    link_start(s->link);
}

/* Nothing of what was to be added has happened. */
static void undo_add(struct sender *s, struct out_item *items, size_t n)
{
    sql_rollback(s->config.db);
    for (struct stream *stream = s->streams; stream != NULL; stream = stream->next_stream)
        stream_undo_add(stream);
    for (size_t i = 0; i < n; i++) {
        free(items[i].body.p);
        items[i].body = (struct out_bytes){NULL, 0};
    }
}

/* Take the items into the outbox, in one transaction. A message that was never there as QUEUED
 * leaves before the disk has it: if a power cut takes it from here, it has left once. */
static int take_items(struct sender *s, struct out_item *items, size_t n,
                      const struct set_text *text)
{
    int64_t of_set = 0;
    int reserved = 0, err;

    sender_commit(s);
    err = sql_begin(s->config.db, SQL_WRITE_SOON);
    if (err == 0 && text != NULL)
        err = set_outbox_put(s->config.db, text, &of_set);
    for (size_t i = 0; err == 0 && i < n; i++) {
        struct stream *stream = stream_get(s, items[i].peer);

        items[i].of_set = of_set;
        err = stream == NULL ? ERR_NOMEM : stream_add(stream, &items[i], &reserved);
    }
    if (err == 0)
        err = sql_commit(s->config.db);
    if (err == 0 && reserved)
        err = sql_sync(s->config.db);
    if (err != 0)
        undo_add(s, items, n);
    return err;
}

static int add(struct sender *s, struct out_item *items, size_t n, const struct set_text *text)
{
    int err = take_items(s, items, n, text);

    if (err != 0)
        return err;
    sender_settle_later(s);
    for (size_t i = 0; i < n; i++) {
        struct stream *stream = stream_find(s, items[i].peer);

        stream_send(stream, &items[i]);
        s->config.handlers->status(s->config.arg, &items[i], STATUS_QUEUED, REASON_NONE);
        if (stream->is_new && link_is_up(s->link))
            stream_begin(stream);
    }
    pump_all(s);
    return 0;
}

int sender_add_many(struct sender *s, struct out_item *items, size_t n)
{
    return add(s, items, n, NULL);
}

int sender_add_set(struct sender *s, struct out_item *items, size_t n,
                   const struct out_bytes *message, const struct out_bytes *cover)
{
    return add(s, items, n, &(struct set_text){*message, *cover});
}

int sender_add(struct sender *s, struct out_item *item)
{
    return sender_add_many(s, item, 1);
}

static int give_back(struct stream *s, int *changed)
{
    *changed = 1;
    return out_block_give_back(s->sender->config.db, s->block);
}

void sender_flush(struct sender *s)
{
    sender_commit(s);
}

void sender_stop(struct sender *s)
{
    sender_commit(s);
    change_blocks(s, give_back);
    sender_settle(s);
    if (s->unsaved)
        s->config.handlers->down(s->config.arg, 1,
                                 "state.db cannot be saved; what it holds is not safe from a power "
                                 "cut");
    link_stop(s->link);
}

void sender_free(struct sender *s)
{
    if (s == NULL)
        return;
    if (s->in_transaction)
        sender_commit(s);
    while (s->streams != NULL) {
        struct stream *next = s->streams->next_stream;

        stream_free(s->streams);
        s->streams = next;
    }
    set_upload_clear(s);
    if (s->link != NULL)
        link_free(s->link);
    if (s->settle != NULL)
        event_free(s->settle);
    free(s);
}

const char *out_status_name(enum out_status s)
{
    switch (s) {
    case STATUS_QUEUED:
        return "queued";
    case STATUS_ACCEPTED:
        return "accepted";
    case STATUS_RECEIPTED:
        return "receipted";
    case STATUS_REJECTED:
        return "rejected";
    case STATUS_EXPIRED:
        return "expired";
    }
    return "unknown";
}

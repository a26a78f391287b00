/* sender.c - the sending engine: the link's messages to the streams, one transaction a batch. */
#include "common/agent/sender.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/stream.h"
#include "common/err.h"

int sender_begin(struct sender *sender)
{
    int err;

    if (sender->in_transaction)
        return 0;
    err = sql_begin(sender->config.db, SQL_WRITE);
    sender->in_transaction = err == 0;
    return err;
}

void sender_commit(struct sender *sender)
{
    struct msg m = {.type = MSG_RECEIPT_ACK};
    int err = sender->unsaved ? ERR_SYS : 0;

    if (sender->in_transaction) {
        sender->in_transaction = 0;
        if (err == 0)
            err = sql_commit(sender->config.db);
        if (err != 0)
            sql_rollback(sender->config.db);
    }
    sender->unsaved = err != 0;
    /* What is not saved is not acknowledged: the cloud will say it again. */
    for (size_t i = 0; err == 0 && i < sender->acks_n; i++) {
        m.u.receipt_ack = sender->acks[i];
        link_send(sender->link, &m);
    }
    sender->acks_n = 0;
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
}

static void on_idle(void *arg)
{
    struct sender *sender = arg;

    sender_commit(sender);
    if (sender->unsaved) {
        sender->unsaved = 0;
        link_drop(sender->link, "what the cloud said could not be saved to state.db; free some "
                                "disk space. It will be said again");
        return;
    }
    pump_all(sender);
}

static void on_down(void *arg, int final, unsigned reason, const char *why)
{
    struct sender *sender = arg;

    (void)reason;
    sender_commit(sender);
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
    if (s->link == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void sender_start(struct sender *s)
{
    link_start(s->link);
}

int sender_add_many(struct sender *s, struct out_item *items, size_t n)
{
    int err;

    sender_commit(s);
    err = sql_begin(s->config.db, SQL_WRITE);
    for (size_t i = 0; err == 0 && i < n; i++)
        err = outbox_put(s->config.db, &items[i]);
    if (err == 0)
        err = sql_commit(s->config.db);
    if (err != 0) {
        sql_rollback(s->config.db);
        return err;
    }
    for (size_t i = 0; i < n; i++) {
        int is_known = stream_find(s, items[i].peer) != NULL;
        struct stream *stream = stream_get(s, items[i].peer);

        s->config.handlers->status(s->config.arg, &items[i], STATUS_QUEUED, REASON_NONE);
        if (stream != NULL && !is_known && link_is_up(s->link))
            stream_begin(stream);
    }
    pump_all(s);
    return 0;
}

int sender_add(struct sender *s, struct out_item *item)
{
    return sender_add_many(s, item, 1);
}

void sender_stop(struct sender *s)
{
    sender_commit(s);
    link_stop(s->link);
}

void sender_free(struct sender *s)
{
    if (s == NULL)
        return;
    sender_commit(s);
    while (s->streams != NULL) {
        struct stream *next = s->streams->next_stream;

        stream_free(s->streams);
        s->streams = next;
    }
    link_free(s->link);
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

/* verdict.c - what becomes of packages: accepted, refused, receipted. */
#include "common/agent/set_outbox.h"
#include "common/agent/stream.h"

#include <string.h>

#include <sodium.h>

#include "common/agent/peers.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"

static void tell(struct sender *sender, const struct out_item *item, enum out_status status,
                 unsigned reason)
{
    sender->config.handlers->status(sender->config.arg, item, status, reason);
}

/* Where the state turns by each message, one that the receiver has not verified leaves it behind
 * for ever: the next message makes a new session. */
static int ends_its_session(const struct out_item *item)
{
    const struct profile *profile = profile_find(item->profile);

    return profile != NULL && profile->turn != NULL;
}

void verdict_end(struct sender *sender, const struct out_item *item, enum out_status status,
                 unsigned reason)
{
    if (status != STATUS_RECEIPTED && ends_its_session(item))
        (void)out_session_retire_this(sender->config.db, item->session);
    if (sender_begin(sender) == 0 && outbox_delete(sender->config.db, item->id) == 0 &&
        set_outbox_tidy(sender->config.db, item->of_set) == 0)
        tell(sender, item, status, reason);
    else
        sender->unsaved = 1;
}

void verdict_on_accepted(struct sender *sender, const struct msg_accepted *m)
{
    struct out_item item;
    struct stream *s;

    if (outbox_find(sender->config.db, m->session, m->index, &item) != 0)
        return;
    if (item.state != OUT_ACCEPTED) {
        item.accepted_at = state_now_us();
        if (sender_begin(sender) == 0 &&
            outbox_set_accepted(sender->config.db, item.id, item.accepted_at) == 0)
            tell(sender, &item, STATUS_ACCEPTED, REASON_NONE);
    }
    s = stream_find(sender, item.peer);
    if (s != NULL)
        s->wait_ms = 200;
    out_item_free(&item);
}

int sender_lacks_room(unsigned reason)
{
    return reason == REASON_MAILBOX_FULL || reason == REASON_SHARE_FULL ||
           reason == REASON_CLOUD_FULL || reason == REASON_UNACKED || reason == REASON_DISK_FULL;
}

/* Reasons that time or the operator cures; the package is kept and offered again. */
static int is_temporary(unsigned reason)
{
    return sender_lacks_room(reason) || reason == REASON_STORAGE || reason == REASON_STREAM_STOPPED;
}

/*
 * The first refusal of a stream begins the wait; those behind it only follow from it. But while we
 * are READY none is left of them: then the cloud has had no RESUME, since what was refused was
 * receipted meanwhile and its session given up, so that there was nothing to ask for.
 */
static int begins_wait(const struct stream *s, unsigned reason)
{
    if (reason == REASON_STREAM_STOPPED)
        return s->state == STREAM_READY;
    return s->state != STREAM_WAITING && s->state != STREAM_BLOCKED;
}

void verdict_on_refused(struct sender *sender, const struct msg_refused *m)
{
    struct stream *s = stream_find(sender, m->to);
    struct out_item item;

    if (is_temporary(m->reason)) {
        if (s != NULL && begins_wait(s, m->reason))
            stream_wait(s, m->reason);
        return;
    }
    if (outbox_find(sender->config.db, m->session, m->index, &item) != 0)
        return;
    if (m->reason == REASON_CONFLICT)
        (void)out_session_retire_this(sender->config.db, m->session);
    verdict_end(sender, &item, STATUS_REJECTED, m->reason);
    out_item_free(&item);
}

static void acknowledge(struct sender *sender, const struct msg_receipt *r)
{
    struct msg_receipt_ack *ack;

    if (sender->acks_n == ACKS_MAX)
        sender_settle(sender);
    ack = &sender->acks[sender->acks_n++];
    memcpy(ack->peer, r->peer, sizeof(ack->peer));
    memcpy(ack->session, r->session, SESSION_ID_BYTES);
    ack->index = r->index;
}

/* Is it the receiver's own word? */
static int is_authentic(struct sender *sender, const struct msg_receipt *r)
{
    struct out_session session;
    uint8_t mac[MAC_BYTES];
    int ok = 0;

    if (out_session_get(sender->config.db, r->session, &session) == 0) {
        receipt_mac(mac, session.keys.receipt, r);
        ok = sodium_memcmp(mac, r->mac, MAC_BYTES) == 0;
    }
    sodium_memzero(&session, sizeof(session));
    return ok;
}

/*
 * The receiver refused a copy that is not the one we sent: it was altered on the way. Our bytes are
 * unchanged, so they go out again, a few times.
 */
static void send_again(struct sender *sender, struct out_item *item)
{
    struct stream *s = stream_get(sender, item->peer);

    if (item->resends >= RESENDS_MAX || s == NULL) {
        verdict_end(sender, item, STATUS_REJECTED, REASON_BAD_TAG);
        return;
    }
    sender->config.handlers->trouble(sender->config.arg, item->peer, 0, REASON_NONE,
                                     "a package was altered on its way and refused; the "
                                     "original is sent again");
    if (sender_begin(sender) == 0 && outbox_count_resend(sender->config.db, item->id) == 0) {
        s->resent = item->id - 1 < s->resent ? item->id - 1 : s->resent;
        s->resending = 1;
        stream_pump(s);
    } else {
        sender->unsaved = 1;
    }
}

static void judge(struct sender *sender, struct out_item *item, const struct msg_receipt *r)
{
    /* A session that has ended takes no second copy of ours. */
    int final = sodium_memcmp(item->digest, r->digest, DIGEST_BYTES) == 0 || ends_its_session(item);
    struct stream *s = stream_find(sender, item->peer);

    switch ((enum receipt_status)r->status) {
    case RECEIPT_VERIFIED:
        /* A picture that was changed outside the hidden payload carries the genuine message, under
         * another digest: the receiver's word on the message is what counts. */
        if (!is_authentic(sender, r))
            return;
        item->receipted_at = state_now_us();
        if (s != NULL)
            out_block_hear(s->block, r->session, r->index);
        /* A receipt may overtake the word that the package is on the cloud's disk. */
        if (item->accepted_at == 0)
            item->accepted_at = item->receipted_at;
        verdict_end(sender, item, STATUS_RECEIPTED, REASON_NONE);
        return;
    case RECEIPT_REJECTED:
        if (!is_authentic(sender, r))
            return;
        if (final)
            verdict_end(sender, item, STATUS_REJECTED, REASON_REFUSED);
        else
            send_again(sender, item);
        return;
    case RECEIPT_UNVERIFIABLE:
        if (!final) {
            send_again(sender, item);
            return;
        }
        /* The receiver has lost the session: the next message makes a new one. */
        (void)out_session_retire_this(sender->config.db, r->session);
        verdict_end(sender, item, STATUS_REJECTED, REASON_NO_SESSION);
        return;
    case RECEIPT_EXPIRED:
        verdict_end(sender, item, STATUS_EXPIRED, REASON_NONE);
        return;
    }
}

void verdict_on_receipt(struct sender *sender, const struct msg_receipt *m)
{
    struct out_item item;
    int err = outbox_find(sender->config.db, m->session, m->index, &item);

    /* First: the last word on the last message makes the program stop, which commits. */
    acknowledge(sender, m);
    if (err == 0) {
        if (strcmp(item.peer, m->peer) == 0)
            judge(sender, &item, m);
        out_item_free(&item);
    } else if (err != ERR_NOTFOUND) {
        sender->unsaved = 1;
    }
}

/* The word may be late: it is nothing to us when the peer that we know is enrolled anew, or one
 * that we never met, also if the user named its key. Of that one the cloud will tell us when we ask
 * for it; a cloud that was started again may say this before it answers. */
static int is_of_another(struct sql *db, const struct msg_peer_gone *m)
{
    struct peer p;
    int err = peer_get(db, m->peer, &p);

    return err == ERR_NOTFOUND || (err == 0 && (p.enrolment == 0 || p.enrolment > m->enrolment));
}

void verdict_on_peer_gone(struct sender *sender, const struct msg_peer_gone *m)
{
    struct stream *s = stream_find(sender, m->peer);

    if (is_of_another(sender->config.db, m))
        return;
    (void)out_session_retire(sender->config.db, m->peer);
    (void)out_negotiation_delete(sender->config.db, m->peer);
    if (s != NULL) {
        stream_reject_queued(s, 0, REASON_PEER_REVOKED);
        stream_set_state(s, STREAM_IDLE);
    }
}

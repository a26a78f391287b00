/*
 * stream_next.c - which session comes next, when that which there is does not serve the next
 * message: one of its profile that was set aside, or a new one.
 */
#include "common/agent/stream.h"

#include "common/err.h"

static int switch_session(struct stream *s, uint8_t profile)
{
    struct sql *db = s->sender->config.db;
    int err, found;

    sender_commit(s->sender);
    err = sql_begin(db, SQL_WRITE);
    if (err != 0)
        return err;
    err = out_block_give_back(db, s->block);
    if (err == 0)
        err = out_session_switch(db, s->peer, profile);
    found = err == 0;
    if (err == 0 || err == ERR_NOTFOUND)
        err = sql_commit(db);
    if (err != 0)
        sql_rollback(db);
    return err == 0 && !found ? ERR_NOTFOUND : err;
}

int stream_next_session(struct stream *s)
{
    struct sql *db = s->sender->config.db;
    uint8_t profile;
    int err = outbox_next_profile(db, s->peer, &profile);

    if (err == ERR_NOTFOUND)
        return 0;
    if (err == 0 && s->block->session.profile == profile) {
        err = out_session_retire_this(db, s->block->session.keys.session);
        if (err == 0)
            initiate(s);
    } else if (err == 0) {
        err = switch_session(s, profile);
        if (err == 0)
            stream_begin(s); /* what the cloud knows of it is asked before it is used */
        if (err == ERR_NOTFOUND) {
            initiate(s);
            err = 0;
        }
    }
    return err;
}

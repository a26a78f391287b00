/* state.c - the schema of state.db. Migrations are appended, never edited. */
#include "common/agent/state.h"

#include <string.h>
#include <time.h>

#include "common/err.h"

static const char *const migrations[] = {
    /* 1 */
    "CREATE TABLE peer (id TEXT PRIMARY KEY, key BLOB NOT NULL, enrolment INTEGER NOT NULL,"
    "  trust INTEGER NOT NULL, offered BLOB);"
    "CREATE TABLE send_seq (peer TEXT PRIMARY KEY, last INTEGER NOT NULL);"
    "CREATE TABLE send_session (session BLOB PRIMARY KEY, peer TEXT NOT NULL,"
    "  negotiation BLOB NOT NULL, chain BLOB NOT NULL, receipt BLOB NOT NULL,"
    "  confirm BLOB NOT NULL, next INTEGER NOT NULL, profile INTEGER NOT NULL,"
    "  codecs BLOB NOT NULL, created INTEGER NOT NULL, current INTEGER NOT NULL);"
    "CREATE INDEX send_session_peer ON send_session (peer, current);"
    "CREATE TABLE send_negotiation (peer TEXT PRIMARY KEY, request INTEGER NOT NULL,"
    "  negotiation BLOB NOT NULL, salt BLOB NOT NULL, sk BLOB NOT NULL, shk BLOB NOT NULL,"
    "  profile INTEGER NOT NULL, codecs BLOB NOT NULL, handshake BLOB NOT NULL,"
    "  body BLOB NOT NULL, created INTEGER NOT NULL);"
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, peer TEXT NOT NULL,"
    "  seq INTEGER NOT NULL, state INTEGER NOT NULL, profile INTEGER NOT NULL,"
    "  codec INTEGER NOT NULL, message BLOB,"
    "  cover BLOB, session BLOB, idx INTEGER, body BLOB, digest BLOB,"
    "  resends INTEGER NOT NULL DEFAULT 0, psnr INTEGER NOT NULL DEFAULT 0,"
    "  changed INTEGER NOT NULL DEFAULT 0, embed_us INTEGER NOT NULL DEFAULT 0,"
    "  queued_at INTEGER NOT NULL, accepted_at INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX outbox_peer ON outbox (peer, state, id);"
    "CREATE INDEX outbox_index ON outbox (session, idx);"
    "CREATE TABLE recv_session (session BLOB PRIMARY KEY, peer TEXT NOT NULL,"
    "  enrolment INTEGER NOT NULL,"
    "  negotiation BLOB NOT NULL, chain BLOB NOT NULL, receipt BLOB NOT NULL,"
    "  confirm BLOB NOT NULL, next INTEGER NOT NULL, profile INTEGER NOT NULL,"
    "  created INTEGER NOT NULL, used INTEGER NOT NULL, retired INTEGER NOT NULL);"
    "CREATE INDEX recv_session_peer ON recv_session (peer);"
    "CREATE TABLE recv_answer (negotiation BLOB PRIMARY KEY, request BLOB NOT NULL,"
    "  body BLOB NOT NULL, created INTEGER NOT NULL);"
    "CREATE TABLE recv_skipped (session BLOB NOT NULL, idx INTEGER NOT NULL, seed BLOB NOT NULL,"
    "  PRIMARY KEY (session, idx)) WITHOUT ROWID;"
    "CREATE TABLE recv_seen (session BLOB NOT NULL, idx INTEGER NOT NULL, digest BLOB NOT NULL,"
    "  PRIMARY KEY (session, idx)) WITHOUT ROWID;"
    "CREATE TABLE recv_last (peer TEXT NOT NULL, enrolment INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL, PRIMARY KEY (peer, enrolment)) WITHOUT ROWID;"
    "CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, peer TEXT NOT NULL,"
    "  session BLOB NOT NULL, idx INTEGER NOT NULL, seq INTEGER NOT NULL,"
    "  profile INTEGER NOT NULL, late INTEGER NOT NULL, message BLOB, stego TEXT NOT NULL,"
    "  received INTEGER NOT NULL,"
    "  UNIQUE (session, idx));"
    "CREATE TABLE shown (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL);"
    "INSERT INTO shown VALUES (1, 0);",

    /* 2: the suite that was chosen */
    "ALTER TABLE send_negotiation ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;",
    /* 3: until now no index was passed over, so the receiver has heard of all before `next` */
    "ALTER TABLE send_session ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;"
    "UPDATE send_session SET heard = next;"
    "ALTER TABLE send_seq ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;",

    /* 4: the suites of sessions and messages, and messages whose length is not to be hidden */
    "ALTER TABLE send_session ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE recv_session ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE inbox ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE outbox ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE outbox ADD COLUMN exact INTEGER NOT NULL DEFAULT 0;",

    /* 5: what a message came in, by its digest; and messages whose text was deleted for its age */
    "ALTER TABLE inbox ADD COLUMN digest BLOB;"
    "ALTER TABLE inbox ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;"
    "UPDATE inbox SET digest = (SELECT s.digest FROM recv_seen s WHERE s.session = inbox.session"
    "  AND s.idx = inbox.idx);",

    /* 6: messages to sets; in outbox, 0 says that it is none */
    "CREATE TABLE set_message (id INTEGER PRIMARY KEY AUTOINCREMENT, message BLOB, cover BLOB);"
    "CREATE TABLE set_common (id INTEGER PRIMARY KEY AUTOINCREMENT, of_set INTEGER NOT NULL,"
    "  suite INTEGER NOT NULL, codec INTEGER NOT NULL, secret BLOB, digest BLOB NOT NULL,"
    "  psnr INTEGER NOT NULL, changed INTEGER NOT NULL, embed_us INTEGER NOT NULL,"
    "  body BLOB NOT NULL, UNIQUE (of_set, suite, codec));"
    "ALTER TABLE outbox ADD COLUMN of_set INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN common INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX outbox_set ON outbox (of_set, state) WHERE of_set <> 0;"
    "CREATE TABLE set_name (name TEXT NOT NULL, member TEXT NOT NULL,"
    "  PRIMARY KEY (name, member)) WITHOUT ROWID;",

    /* 7: sessions that the cloud has yet to grant */
    "CREATE TABLE recv_ungranted (peer TEXT PRIMARY KEY, negotiation BLOB NOT NULL,"
    "  enrolment INTEGER NOT NULL, profile INTEGER NOT NULL, suite INTEGER NOT NULL,"
    "  kept BLOB NOT NULL, created INTEGER NOT NULL);",
};

/* The file's own words, with its name and the way out. */
static int explain(int err, const char *path, const char *words, char *why, size_t cap)
{
    size_t len = strlen(path);

    if (strncmp(words, path, len) == 0 && strncmp(words + len, ": ", 2) == 0)
        words += len + 2;
    if (err == ERR_VERSION)
        return say(why, cap, err, "%s: %s", path, words);
    if (err == ERR_FORMAT || err == ERR_MALFORMED)
        return say(why, cap, err,
                   "%s is damaged (%s); restore it from a backup, or enrol again into an empty "
                   "folder",
                   path, words);
    if (err == ERR_FULL)
        return say(why, cap, err, "%s cannot be written: the disk is full; free some space", path);
    return say(why, cap, err, "%s cannot be used: %s", path, words);
}

int state_open(struct sql **db, const struct home *h, char *why, size_t cap)
{
    char path[PATH_MAX], words[256] = "";
    int err;

    home_path(h, "state.db", path);
    err = sql_open(db, path, words, sizeof(words));
    if (err == 0)
        err = sql_migrate(*db, migrations, (int)(sizeof(migrations) / sizeof(migrations[0])), words,
                          sizeof(words));
    if (err != 0) {
        explain(err, path, words, why, cap);
        sql_close(*db);
        *db = NULL;
    }
    return err;
}

const char *state_trouble(int err)
{
    return err == ERR_FULL     ? "the disk of this device is full; free some space"
           : err == ERR_LOCKED ? "another program holds the state file for too long"
           : err == ERR_NOMEM  ? "out of memory"
                               : err_str(err);
}

void state_close(struct sql *db)
{
    if (db != NULL)
        (void)sql_checkpoint(db);
    sql_close(db);
}

int64_t state_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

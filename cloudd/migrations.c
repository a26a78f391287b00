/*
 * migrations.c - the cloud's schema. A step is never changed once released; new ones are added at
 * the end. Ids are texts, keys and digests blobs, times unix seconds; what the server sealed is a
 * blob that nothing here can read. A device is living while its revocation number is NULL.
 */
#include "cloudd/migrations.h"

static const char *const steps[] = {
    /* 1: tokens, devices, pairs, negotiations, packages, receipts */
    "CREATE TABLE counters ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  value INTEGER NOT NULL);"

    "CREATE TABLE tokens ("
    "  hash BLOB NOT NULL PRIMARY KEY,"
    "  id TEXT NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  held_by BLOB,"
    "  held_until INTEGER NOT NULL DEFAULT 0,"
    "  used_by INTEGER);"
    "CREATE INDEX tokens_id ON tokens (id);"
    "CREATE INDEX tokens_expires ON tokens (expires);"

    "CREATE TABLE devices ("
    "  enrolment INTEGER NOT NULL PRIMARY KEY,"
    "  id TEXT NOT NULL,"
    "  pubkey BLOB NOT NULL UNIQUE,"
    "  scan_digest BLOB NOT NULL,"
    "  profiles BLOB NOT NULL,"
    "  suites BLOB NOT NULL,"
    "  codecs BLOB NOT NULL,"
    "  enrolled_at INTEGER NOT NULL,"
    "  revocation INTEGER);"
    "CREATE INDEX devices_id ON devices (id);"
    "CREATE UNIQUE INDEX devices_living_id ON devices (id) WHERE revocation IS NULL;"
    "CREATE UNIQUE INDEX devices_living_scan ON devices (scan_digest) WHERE revocation IS NULL;"
    "CREATE INDEX devices_revocation ON devices (revocation) WHERE revocation IS NOT NULL;"

    /* The scan and the device's share, sealed; apart, because the record is large. */
    "CREATE TABLE records ("
    "  enrolment INTEGER NOT NULL PRIMARY KEY REFERENCES devices (enrolment),"
    "  sealed BLOB NOT NULL);"

    "CREATE TABLE pairs ("
    "  enrolment_a INTEGER NOT NULL REFERENCES devices (enrolment),"
    "  enrolment_b INTEGER NOT NULL REFERENCES devices (enrolment),"
    "  sealed BLOB NOT NULL,"
    "  PRIMARY KEY (enrolment_a, enrolment_b));"
    "CREATE INDEX pairs_b ON pairs (enrolment_b);"

    "CREATE TABLE negotiations ("
    "  id BLOB NOT NULL PRIMARY KEY,"
    "  number INTEGER NOT NULL,"
    "  request INTEGER NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  receiver TEXT NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  changed_at INTEGER NOT NULL,"
    "  sealed BLOB NOT NULL);"
    "CREATE UNIQUE INDEX negotiations_pair ON negotiations (sender, receiver);"
    "CREATE INDEX negotiations_sender ON negotiations (sender, number);"
    "CREATE INDEX negotiations_receiver ON negotiations (receiver, number);"
    "CREATE INDEX negotiations_changed ON negotiations (changed_at);"

    /* The body stands last, so that reading the rest does not touch it. */
    "CREATE TABLE packages ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  sender TEXT NOT NULL,"
    "  receiver TEXT NOT NULL,"
    "  session BLOB NOT NULL,"
    "  direction INTEGER NOT NULL,"
    "  idx INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL,"
    "  digest BLOB NOT NULL,"
    "  accepted_at INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX packages_name ON packages (session, idx, sender, receiver);"
    "CREATE INDEX packages_receiver ON packages (receiver, number);"
    "CREATE INDEX packages_accepted ON packages (accepted_at);"

    "CREATE TABLE mailboxes ("
    "  receiver TEXT NOT NULL PRIMARY KEY,"
    "  packages INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL);"

    "CREATE TABLE streams ("
    "  session BLOB NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  receiver TEXT NOT NULL,"
    "  next INTEGER NOT NULL,"
    "  used_at INTEGER NOT NULL,"
    "  PRIMARY KEY (session, sender, receiver));"
    "CREATE INDEX streams_used ON streams (used_at);"

    "CREATE TABLE receipts ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  sender TEXT NOT NULL,"
    "  receiver TEXT NOT NULL,"
    "  session BLOB NOT NULL,"
    "  direction INTEGER NOT NULL,"
    "  idx INTEGER NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  digest BLOB NOT NULL,"
    "  mac BLOB NOT NULL);"
    "CREATE UNIQUE INDEX receipts_name ON receipts (session, idx, sender, receiver);"
    "CREATE INDEX receipts_sender ON receipts (sender, number);",

    /* 2: what is held is counted by sender too, and receipts have an age */
    /* Of one sender for one receiver. Without a sender it is the whole mailbox, without either the
     * whole store. `receipts` wait for the sender's acknowledgement. */
    "CREATE TABLE held ("
    "  receiver TEXT NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  packages INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  receipts INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (receiver, sender)) WITHOUT ROWID;"
    "INSERT INTO held (receiver, sender, packages, bytes)"
    " SELECT '', '', COUNT(*), COALESCE(SUM(bytes), 0) FROM packages;"
    "INSERT INTO held (receiver, sender, packages, bytes)"
    " SELECT receiver, '', COUNT(*), SUM(bytes) FROM packages GROUP BY receiver;"
    "INSERT INTO held (receiver, sender, packages, bytes)"
    " SELECT receiver, sender, COUNT(*), SUM(bytes) FROM packages GROUP BY receiver, sender;"
    "INSERT INTO held (receiver, sender, packages, bytes, receipts)"
    " SELECT receiver, sender, 0, 0, COUNT(*) FROM receipts WHERE true GROUP BY receiver, sender"
    " ON CONFLICT (receiver, sender) DO UPDATE SET receipts = excluded.receipts;"
    "DROP TABLE mailboxes;"
    "ALTER TABLE receipts ADD COLUMN kept_at INTEGER NOT NULL DEFAULT 0;"
    "UPDATE receipts SET kept_at = CAST(strftime('%s', 'now') AS INTEGER);"
    "CREATE INDEX receipts_kept ON receipts (kept_at);"
    "CREATE INDEX streams_pair ON streams (sender, receiver);",

    /* 3: the cloud's copy of a session's state, in profiles whose cloud takes part */
    "CREATE TABLE states ("
    "  session BLOB NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  receiver TEXT NOT NULL,"
    "  next INTEGER NOT NULL,"
    "  used_at INTEGER NOT NULL,"
    "  sealed BLOB NOT NULL,"
    "  PRIMARY KEY (session, sender, receiver));"
    "CREATE INDEX states_pair ON states (sender, receiver);"
    "CREATE INDEX states_receiver ON states (receiver);"
    "CREATE INDEX states_used ON states (used_at);",

    /* 4: packages that their receivers verified, kept to be read again */
    /* The number is that of `packages`. */
    "CREATE TABLE kept ("
    "  number INTEGER NOT NULL PRIMARY KEY,"
    "  sender TEXT NOT NULL,"
    "  receiver TEXT NOT NULL,"
    "  session BLOB NOT NULL,"
    "  idx INTEGER NOT NULL,"
    "  seq INTEGER NOT NULL,"
    "  kept_at INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX kept_name ON kept (session, idx, sender, receiver);"
    "CREATE INDEX kept_receiver ON kept (receiver, number);"
    "CREATE INDEX kept_pair ON kept (receiver, sender, number, seq);"
    "CREATE INDEX kept_since ON kept (kept_at);"
    /* Of one receiver; without one, of all. */
    "CREATE TABLE kept_counts ("
    "  receiver TEXT NOT NULL PRIMARY KEY,"
    "  packages INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO kept_counts VALUES ('', 0, 0);",

    /* 5: what packages to the members of a set have in common; 0: a package of its own */
    "CREATE TABLE commons ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  sender TEXT NOT NULL,"
    "  digest BLOB NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX commons_name ON commons (sender, digest);"
    "ALTER TABLE packages ADD COLUMN common INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX packages_common ON packages (common) WHERE common <> 0;"
    "ALTER TABLE kept ADD COLUMN common INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX kept_common ON kept (common) WHERE common <> 0;",
};

int migrations_run(struct sql *db, char *why, size_t why_len)
{
    return sql_migrate(db, steps, (int)(sizeof(steps) / sizeof(steps[0])), why, why_len);
}

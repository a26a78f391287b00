/*
 * sender.c - lies to sds: frames and answers that cannot be read, terms that differ from what alice
 * asked, another key for a peer that she met, results and receipts that bob did not make.
 */
#include "common/package.h"
#include "common/sql/sql.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

/* Before and behind the handshake: what cannot be read ends the connection, never the program. */
void scenario_frames(void)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0x02};
    uint8_t zeros[64] = {0}, frame[128];
    struct msg m, refused = {.type = MSG_HOP_REFUSED}, reply = {.type = MSG_HOP_REPLY};

    accept_one(); /* not final, and with a text that would steer a terminal */
    read_hello(&m);
    refused.u.hop_refused.reason = REASON_BUSY;
    refused.u.hop_refused.detail = (struct blob){(const uint8_t *)"\x1b[2J\xc2\x9b"
                                                                  "31mx\x9b",
                                                 11};
    send_plain(at.fd, &refused);
    accept_one(); /* the handshake of somebody without the key */
    read_hello(&m);
    reply.u.hop_reply.noise = (struct blob){zeros, 48};
    send_plain(at.fd, &reply);
    CHECK(read_frame(&at) == 0);
    accept_one(); /* a length beyond everything */
    write_all(at.fd, huge, sizeof(huge));
    read_hello(&m);
    CHECK(read_frame(&at) == 0);
    attached(&m); /* the receiver's message to a sender */
    send_body(&at, MSG_NEG_FORWARD, zeros, 16);
    expect_gone();
    attached(&m); /* cut */
    send_body(&at, MSG_RESUMED, zeros, 3);
    expect_gone();
    attached(&m); /* a flipped bit */
    CHECK(hop_seal_frame(&at.hop, MSG_ACCEPTED, zeros, 40, frame, hop_frame_size(0, 40)) == 0);
    frame[9] ^= 1;
    write_all(at.fd, frame, hop_frame_size(0, 40));
    expect_gone();
    accept_one(); /* it was let in: anybody on the way may say this, so it is not believed */
    read_hello(&m);
    refused.u.hop_refused.reason = REASON_NOT_ENROLLED;
    refused.u.hop_refused.detail = (struct blob){NULL, 0};
    send_plain(at.fd, &refused);
    attached(&m);
    expect(&at, &m, MSG_OPEN);
    send_away();
}

/* Terms that differ from what alice asked, or from each other: no step 2. */
void scenario_terms(void)
{
    struct noise_keypair other;
    struct neg_terms t;
    struct msg m;

    noise_keypair_new(&other);
    attached(&m);
    for (int i = 0; i < 6; i++) {
        uint8_t inside[NEG_ID_BYTES];
        struct offer o;

        expect(&at, &m, MSG_OPEN); /* nothing else came of the one before */
        o = offer_of(&m.u.open);
        new_terms(&t, &o);
        memcpy(inside, t.negotiation, NEG_ID_BYTES);
        if (i == 0)
            t.i_offer.codecs = (struct list){1, {2}};
        if (i == 1)
            t.choice.codec = 2;
        if (i == 2)
            t.i_offer.profiles.v[t.i_offer.profiles.n++] = t.choice.profile = 9;
        if (i == 3)
            text_copy(t.initiator, sizeof(t.initiator), "mallory");
        if (i == 4)
            inside[0] ^= 1;
        send_peer(&alice, bob.public_key);
        send_salt(i == 5 ? &other : &alice, &t, m.u.open.request, inside);
    }
    expect(&at, &m, MSG_OPEN);
    send_away();
}

/* Another key for a peer that was met: the user must act. */
void scenario_key(void)
{
    struct msg m, reject = {.type = MSG_NEG_REJECT};
    struct noise_keypair other;
    uint8_t noise[256];
    struct neg_terms t;

    noise_keypair_new(&other);
    attached(&m);
    to_step_2(&t, noise);
    memcpy(reject.u.neg_reject.negotiation, t.negotiation, NEG_ID_BYTES);
    text_copy(reject.u.neg_reject.peer, sizeof(reject.u.neg_reject.peer), "bob");
    reject.u.neg_reject.reason = REASON_STALE;
    send_msg(&at, &reject);
    expect(&at, &m, MSG_OPEN);
    send_peer(&alice, other.public_key);
    CHECK(next(&at, &m) == 0);
}

/* Results that bob did not make: no session, no package. */
void scenario_result(void)
{
    uint8_t request[256], noise[256];
    struct neg_terms t, wrong;
    struct session_keys keys;
    struct msg m;
    size_t n;

    attached(&m);
    for (int i = 0; i < 4; i++) {
        n = to_step_2(&t, request);
        n = bobs_part(&t, request, n, noise, &keys);
        wrong = t;
        if (i == 0)
            noise[n - 1] ^= 1;
        if (i == 1)
            randombytes_buf(noise, n);
        if (i == 2)
            wrong.shk.b[0] ^= 1;
        if (i == 3)
            n = 0;
        send_result(&wrong, &(struct blob){noise, n});
    }
    expect(&at, &m, MSG_OPEN); /* and not NEG_CONFIRM */
    send_away();
}

/* Lies about a package that bob never saw, then an index that was never used. */
void scenario_receipts(void)
{
    uint8_t digest[DIGEST_BYTES], again[DIGEST_BYTES];
    struct session_keys keys, forged = {.receipt = {0}};
    struct msg_package p;
    struct neg_terms t;
    struct msg m;

    first_package(&t, &keys, &m, digest);
    p = m.u.package;
    CHECK(memcmp(p.session, keys.session, SESSION_ID_BYTES) == 0);
    send_receipt(NULL, &p, digest, RECEIPT_VERIFIED);
    send_receipt(&forged, &p, digest, RECEIPT_VERIFIED);
    send_receipt(NULL, &p, digest, RECEIPT_REJECTED);
    send_receipt(&keys, &p, digest, 77);
    close(at.fd);
    at.fd = -1;
    resumed_at(&keys, UINT64_MAX);
    expect(&at, &m, MSG_PACKAGE); /* the same bytes: it was never accepted */
    package_digest(again, at.body, at.body_len);
    CHECK(memcmp(again, digest, DIGEST_BYTES) == 0);
    send_away();
}

/* Bob's true word, while alice cannot save it: not acknowledged, and taken when it is said again.
 */
void scenario_unsaved(void)
{
    uint8_t digest[DIGEST_BYTES];
    char path[512], why[256];
    struct session_keys keys;
    struct msg_package p;
    struct neg_terms t;
    struct msg m;
    struct sql *db;

    first_package(&t, &keys, &m, digest);
    p = m.u.package;
    poll(NULL, 0, 500); /* she looks once more for messages to pack, and must not meet us there */
    CHECK((size_t)snprintf(path, sizeof(path), "%s/state.db", home) < sizeof(path));
    CHECK(sql_open(&db, path, why, sizeof(why)) == 0 && sql_begin(db, SQL_WRITE) == 0);
    tell_receipt(&keys, &p, digest, RECEIPT_VERIFIED);
    CHECK(next(&at, &m) == 0);
    sql_rollback(db);
    sql_close(db);
    resumed_at(&keys, 1);
    expect(&at, &m, MSG_PACKAGE);
    send_receipt(&keys, &p, digest, RECEIPT_VERIFIED);
}

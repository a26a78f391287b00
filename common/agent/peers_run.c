/* peers_run.c - the command `peers`. */
#include "common/agent/enroll.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/device.h"
#include "common/agent/outbox.h"
#include "common/agent/peers.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"

struct listing {
    struct device *device;
    int json;
};

/* What a device keeps about its messages with a peer. */
struct peer_counts {
    uint64_t queued, outstanding, receiving;
};

/* Receiving sessions: those young enough for the peer to go on with. */
static void count(struct sql *db, const char *peer, struct peer_counts *n)
{
    struct sql_query q;

    memset(n, 0, sizeof(*n));
    (void)outbox_count(db, peer, &n->queued, &n->outstanding);
    sql_ask(&q, db, "SELECT COUNT(*) FROM recv_session WHERE peer = ? AND created > ?");
    sql_put_text(&q, peer);
    sql_put_i64(&q, state_now_us() - (int64_t)SESSION_AGE_MAX * 1000000);
    if (sql_row(&q))
        n->receiving = sql_get_u64(&q);
    (void)sql_end(&q);
}

/* Sessions on which messages to the peer go out, one a profile. */
static void print_sending(struct sql *db, const char *peer, int json)
{
    char hex[2 * SESSION_ID_BYTES + 1];
    struct out_session s;

    if (json)
        printf(",\"sending\":[");
    for (size_t i = 0, n = 0; i < profile_count; i++) {
        if (out_session_of(db, peer, profiles[i]->id, &s) != 0)
            continue;
        text_hex(hex, s.keys.session, SESSION_ID_BYTES);
        if (json)
            printf("%s{\"session\":\"%s\",\"profile\":\"%s\",\"sent\":%llu}", n++ > 0 ? "," : "",
                   hex, profiles[i]->name, (unsigned long long)s.next);
        else
            printf("  sending session %.16s..., profile %s, %llu sent\n", hex, profiles[i]->name,
                   (unsigned long long)s.next);
    }
    sodium_memzero(&s, sizeof(s));
    if (json)
        printf("]");
}

static void print_json(struct sql *db, const struct peer *p, const struct peer_counts *n)
{
    char key[2 * KEY_BYTES + 1], print[FINGERPRINT_CHARS];

    text_hex(key, p->key, KEY_BYTES);
    key_fingerprint(print, p->key);
    printf("{\"peer\":\"%s\",\"key\":\"%s\",\"fingerprint\":\"%s\",\"trust\":\"%s\"", p->id, key,
           print, peer_trust_name(p->trust));
    if (p->has_offered) {
        text_hex(key, p->offered, KEY_BYTES);
        key_fingerprint(print, p->offered);
        printf(",\"offered_key\":\"%s\",\"offered_fingerprint\":\"%s\"", key, print);
    }
    print_sending(db, p->id, 1);
    printf(",\"queued\":%llu,\"outstanding\":%llu,\"receiving_sessions\":%llu}\n",
           (unsigned long long)n->queued, (unsigned long long)n->outstanding,
           (unsigned long long)n->receiving);
}

static int print_peer(void *arg, const struct peer *p)
{
    struct listing *l = arg;
    char key[2 * KEY_BYTES + 1], print[FINGERPRINT_CHARS];
    struct peer_counts n;

    count(l->device->db, p->id, &n);
    if (l->json) {
        print_json(l->device->db, p, &n);
        return 0;
    }
    key_fingerprint(print, p->key);
    printf("%-20s %s  %s\n", p->id, print, peer_trust_name(p->trust));
    print_sending(l->device->db, p->id, 0);
    if (n.queued + n.outstanding > 0)
        printf("  outbox: %llu queued, %llu on their way\n", (unsigned long long)n.queued,
               (unsigned long long)n.outstanding);
    if (n.receiving > 0)
        printf("  receiving sessions: %llu\n", (unsigned long long)n.receiving);
    if (p->has_offered) {
        key_fingerprint(print, p->offered);
        text_hex(key, p->offered, KEY_BYTES);
        printf("  REFUSED a changed key: %s\n  to use it: --accept-key %s=%s\n", print, p->id, key);
    }
    return 0;
}

static void print_self(const struct device *d, int json)
{
    char key[2 * KEY_BYTES + 1], print[FINGERPRINT_CHARS];

    text_hex(key, d->home.secrets->key.public_key, KEY_BYTES);
    key_fingerprint(print, d->home.secrets->key.public_key);
    if (json)
        printf("{\"self\":\"%s\",\"key\":\"%s\",\"fingerprint\":\"%s\",\"cloud\":\"%s:%u\"}\n",
               d->home.id, key, print, d->home.host, (unsigned)d->home.port);
    else
        printf("%-20s %s  this device, cloud %s:%u\n", d->home.id, print, d->home.host,
               (unsigned)d->home.port);
}

int peers_run(struct device_options *o)
{
    uint8_t key[KEY_BYTES];
    char id[ID_MAX + 1];
    struct device d;
    int code = device_open(&d, o, 0);

    if (code == 0 && o->accept_key != NULL) {
        if (peer_parse(o->accept_key, id, key) != 0)
            code = fail(EXIT_USAGE, "--accept-key %s is not ID=KEY with 64 hex digits",
                        o->accept_key);
        else if (strcmp(id, d.home.id) == 0)
            code = fail(EXIT_USAGE, "--accept-key %s is this device itself", id);
        else if (peer_trust(d.db, id, key, PEER_ACCEPTED) != 0)
            code = fail(EXIT_FAILED, "cannot save the key of %s to state.db", id);
    }
    if (code == 0) {
        struct listing l = {&d, o->json};

        print_self(&d, o->json);
        if (peer_each(d.db, print_peer, &l) != 0)
            code = fail(EXIT_FAILED, "cannot read state.db");
    }
    device_close(&d);
    return code;
}

/* handle_hop.c - HOP_HELLO: the Noise IK handshake, both messages of it at once. */
#include "cloudd/handle.h"

#include <string.h>

#include <sodium.h>

#include "cloudd/conn_frames.h"
#include "common/err.h"
#include "common/log.h"

#define REPLY_MAX 256

void hop_refuse(struct conn *c, unsigned reason)
{
    struct msg m = {.type = MSG_HOP_REFUSED};

    log_info("refused: a connection before its handshake: %s", reason_name(reason));
    m.u.hop_refused.reason = (uint16_t)reason;
    conn_send_plain(c, &m);
    conn_close(c, REASON_NONE);
}

static unsigned check_hello(const struct server *srv, const struct msg_hop_hello *h)
{
    if (h->version != PROTO_VERSION)
        return REASON_VERSION;
    if (h->mode != HOP_SEALED && (h->mode != HOP_CLEAR || !srv->opt->hop_any))
        return REASON_MODE;
    if (h->role != ROLE_SEND && h->role != ROLE_RECV && h->role != ROLE_ENROL)
        return REASON_MALFORMED;
    /* A token is a secret: it does not travel in clear. */
    if (h->role == ROLE_ENROL && h->mode != HOP_SEALED)
        return REASON_MODE;
    return REASON_NONE;
}

/* Read message 1, write message 2 and take the keys. The handshake's state lives only here. */
static int shake(struct conn *c, const struct msg_hop_hello *h, uint8_t reply[REPLY_MAX],
                 size_t *len)
{
    const struct noise_keypair *key = &c->srv->home->secrets->key;
    enum hop_mode mode = (enum hop_mode)h->mode;
    struct noise_handshake hs;
    uint8_t none[1];
    size_t n;
    int err;

    memset(&hs, 0, sizeof(hs));
    err = hop_start_cloud(&hs, mode, h->role, key);
    if (err == 0)
        err = noise_read(&hs, h->noise.p, h->noise.len, none, 0, &n);
    if (err == 0)
        err = noise_write(&hs, NULL, 0, reply, REPLY_MAX, len);
    if (err == 0) {
        memcpy(c->key, hs.rs, KEY_BYTES);
        err = hop_finish(&hs, mode, c->keys);
    }
    noise_wipe(&hs);
    return err;
}

void handle_hop_hello(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_hop_hello *h = &m->u.hop_hello;
    struct msg answer = {.type = MSG_HOP_REPLY};
    uint8_t reply[REPLY_MAX];
    unsigned reason = check_hello(c->srv, h);
    struct hop_keys *keys;
    size_t len;

    (void)body;
    if (reason != REASON_NONE) {
        hop_refuse(c, reason);
        return;
    }
    keys = slab_take(c->srv->keys);
    if (keys == NULL) {
        log_error("no locked memory for another connection; raise it with: ulimit -l");
        hop_refuse(c, REASON_BUSY);
        return;
    }
    c->keys = keys;
    if (shake(c, h, reply, &len) != 0) {
        c->keys = NULL;
        slab_give(c->srv->keys, keys);
        hop_refuse(c, REASON_HANDSHAKE);
        return;
    }
    c->role = h->role;
    answer.u.hop_reply.noise = (struct blob){reply, len};
    conn_send_plain(c, &answer);
    conn_set_state(c, CONN_HANDSHAKE);
}

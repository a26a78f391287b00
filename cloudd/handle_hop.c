/* handle_hop.c - HOP_HELLO: the Noise IK handshake, both messages of it at once, in the pool. */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/conn_frames.h"
#include "common/err.h"
#include "common/log.h"

#define NOISE1_MAX 256 /* the cap of HOP_HELLO's field */
#define REPLY_MAX  256

void hop_refuse(struct conn *c, unsigned reason)
{
    struct msg m = {.type = MSG_HOP_REFUSED};

    log_info("refused: a connection before its handshake: %s", reason_name(reason));
    m.u.hop_refused.reason = (uint16_t)reason;
    conn_send_plain(c, &m);
    conn_close(c, REASON_NONE);
}

/* Is this mode allowed here? open protects nothing, so it takes both switches. */
static int mode_allowed(const struct server *srv, uint8_t mode)
{
    switch (mode) {
    case HOP_SEALED:
        return 1;
    case HOP_CLEAR:
        return srv->opt->hop_any;
    case HOP_OPEN:
        return srv->opt->hop_any && srv->opt->allow_research;
    }
    return 0;
}

static unsigned check_hello(const struct server *srv, const struct msg_hop_hello *h)
{
    if (h->version != PROTO_VERSION)
        return REASON_VERSION;
    if (!mode_allowed(srv, h->mode))
        return REASON_MODE;
    if (h->role < ROLE_SEND || h->role > ROLE_READ)
        return REASON_MALFORMED;
    /* A token is a secret: it does not travel in clear. */
    if (h->role == ROLE_ENROL && h->mode != HOP_SEALED)
        return REASON_MODE;
    return REASON_NONE;
}

/* One handshake, on its way through the pool. */
struct hello {
    struct job job;
    struct server *srv;
    enum hop_mode mode;
    enum conn_role role;
    uint8_t noise1[NOISE1_MAX], reply[REPLY_MAX];
    size_t noise1_len, reply_len;
    struct hop_keys *keys; /* a slab slot: taken and given back on the loop */
    uint8_t peer[KEY_BYTES];
    int err;
};

/* Read message 1, write message 2 and take the keys. The handshake's state lives only here. */
static void shake(struct job *job)
{
    struct hello *h = job->ctx;
    struct noise_handshake hs;
    uint8_t none[1];
    size_t n;

    memset(&hs, 0, sizeof(hs));
    h->err = hop_start_cloud(&hs, h->mode, (uint8_t)h->role, &h->srv->home->secrets->key);
    if (h->err == 0)
        h->err = noise_read(&hs, h->noise1, h->noise1_len, none, 0, &n);
    if (h->err == 0)
        h->err = noise_write(&hs, NULL, 0, h->reply, REPLY_MAX, &h->reply_len);
    if (h->err == 0) {
        memcpy(h->peer, hs.rs, KEY_BYTES);
        h->err = hop_finish(&hs, h->mode, h->keys);
    }
    noise_wipe(&hs);
}

static void on_shaken(struct job *job)
{
    struct hello *h = job->ctx;
    struct conn *c = server_worked(h->srv, job);
    struct msg answer = {.type = MSG_HOP_REPLY};

    h->srv->shaking--;
    if (c != NULL && h->err == 0) {
        c->keys = h->keys;
        h->keys = NULL;
        c->role = (uint8_t)h->role;
        memcpy(c->key, h->peer, KEY_BYTES);
        answer.u.hop_reply.noise = (struct blob){h->reply, h->reply_len};
        conn_set_state(c, CONN_HANDSHAKE);
        conn_send_plain(c, &answer);
    } else if (c != NULL) {
        hop_refuse(c, REASON_HANDSHAKE);
    }
    slab_give(h->srv->keys, h->keys);
    free(h);
}

void handle_hop_hello(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_hop_hello *hello = &m->u.hop_hello;
    unsigned reason = check_hello(c->srv, hello);
    struct hello *h;

    (void)body;
    if (reason == REASON_NONE && c->srv->shaking >= SHAKING_MAX)
        reason = REASON_BUSY;
    if (reason != REASON_NONE) {
        hop_refuse(c, reason);
        return;
    }
    h = calloc(1, sizeof(*h));
    if (h == NULL || (h->keys = slab_take(c->srv->keys)) == NULL) {
        log_error("no locked memory for another connection; raise it with: ulimit -l");
        free(h);
        hop_refuse(c, REASON_BUSY);
        return;
    }
    h->job = (struct job){.run = shake, .done = on_shaken, .ctx = h};
    h->srv = c->srv;
    h->mode = (enum hop_mode)hello->mode;
    h->role = (enum conn_role)hello->role;
    h->noise1_len = hello->noise.len;
    if (hello->noise.len > 0)
        memcpy(h->noise1, hello->noise.p, hello->noise.len);
    c->srv->shaking++;
    server_work(c->srv, c, &h->job);
}

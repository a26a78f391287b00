/*
 * conn_frames.c - a length is bounded by what the state allows before its bytes are waited for; a
 * frame is opened, then asked whether its type is legal here, then decoded, then handled.
 */
#include "cloudd/conn_frames.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "cloudd/handle.h"
#include "common/err.h"
#include "common/log.h"

#define SMALL_BODY 2048

static const struct {
    enum msg_type type;
    handler handle;
} handlers[] = {
    {MSG_HOP_HELLO, handle_hop_hello},
    {MSG_ATTACH, handle_attach},
    {MSG_ENROL_TOKEN, handle_enrol_token},
    {MSG_ENROL_REQUEST, handle_enrol_request},
    {MSG_OPEN, handle_open},
    {MSG_NEG_REQUEST, handle_neg_request},
    {MSG_NEG_ANSWER, handle_neg_answer},
    {MSG_NEG_GRANTED, handle_neg_granted},
    {MSG_NEG_CONFIRM, handle_neg_confirm},
    {MSG_PACKAGE, handle_package},
    {MSG_SET_PACKAGE, handle_set_package},
    {MSG_RESUME, handle_resume},
    {MSG_RECEIPT, handle_receipt},
    {MSG_RECEIPT_ACK, handle_receipt_ack},
    {MSG_HISTORY, handle_history},
};

static handler find_handler(uint8_t type)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if (handlers[i].type == type)
            return handlers[i].handle;
    return NULL;
}

/* What the length field may say: type, body, and on a protected hop the inner type and the tag. */
static size_t length_cap(const struct conn *c)
{
    size_t cap = msg_cap_in(SIDE_CLOUD, (enum conn_state)c->state) + 2 + NOISE_TAG_BYTES;

    if (c->state == CONN_NEW || c->state == CONN_HANDSHAKE)
        return cap < FRAME_PREAUTH_MAX ? cap : FRAME_PREAUTH_MAX;
    return cap;
}

static void refuse(struct conn *c, int err)
{
    unsigned reason = err == ERR_TOO_LARGE ? REASON_TOO_LARGE : REASON_MALFORMED;

    if (c->keys == NULL)
        hop_refuse(c, reason);
    else
        conn_close(c, reason);
}

static void dispatch(struct conn *c, uint8_t type, const struct blob *body)
{
    handler handle = find_handler(type);
    struct msg m;
    int busy, err;

    /* Before it is attached, and when it reads, a device waits for each answer. */
    busy = c->state != CONN_SEND && c->state != CONN_RECV && c->ops > 0;
    if (busy || handle == NULL || !msg_is_legal(type, SIDE_CLOUD, (enum conn_state)c->state)) {
        log_info("refused: %s from %s in state %s", msg_name(type), conn_name(c),
                 conn_state_name((enum conn_state)c->state));
        if (c->keys == NULL)
            hop_refuse(c, REASON_OUT_OF_ORDER);
        else
            conn_close(c, REASON_OUT_OF_ORDER);
        return;
    }
    err = msg_decode(&m, type, body->p, body->len);
    if (err != 0)
        refuse(c, err);
    else
        handle(c, &m, body);
}

static void take_frame(struct conn *c, uint8_t *frame, size_t total)
{
    uint8_t type, *p;
    struct blob body;
    size_t len;
    int err;

    if (c->keys == NULL) {
        body = (struct blob){frame + FRAME_HEADER, total - FRAME_HEADER};
        dispatch(c, frame[FRAME_HEADER - 1], &body);
        return;
    }
    err = hop_open_frame(c->keys, frame, total, &type, &p, &len);
    if (err != 0) {
        refuse(c, err);
        return;
    }
    body = (struct blob){p, len};
    dispatch(c, type, &body);
}

/* The size of the frame at the head of the buffer, by its header. ERR_NEED_MORE, and what
 * hop_frame_length() says of a wrong one. */
static int head_frame(const struct conn *c, struct evbuffer *in, size_t *total)
{
    uint8_t head[FRAME_HEADER];
    ev_ssize_t have = evbuffer_copyout(in, head, sizeof(head));

    return hop_frame_length(head, have > 0 ? (size_t)have : 0, length_cap(c), total);
}

size_t conn_rest(const struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t total, have = evbuffer_get_length(in);

    return head_frame(c, in, &total) == 0 && total > have ? total - have : 0;
}

/* The size of the frame at the head of the buffer, or 0 when it is not all there yet. */
static size_t next_frame(struct conn *c, struct evbuffer *in)
{
    size_t total, want = FRAME_HEADER;
    int err = head_frame(c, in, &total);

    if (err != 0 && err != ERR_NEED_MORE) {
        refuse(c, err);
        return 0;
    }
    if (err == 0) {
        if (evbuffer_get_length(in) >= total)
            return total;
        want = total;
    }
    bufferevent_setwatermark(c->bev, EV_READ, want, 0);
    return 0;
}

void conn_read(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    uint8_t *frame;
    size_t total;

    while (c->state != CONN_CLOSING && !c->paused && !c->srv->draining) {
        total = next_frame(c, in);
        if (total == 0)
            return;
        frame = evbuffer_pullup(in, (ev_ssize_t)total);
        if (frame == NULL) {
            conn_drop(c);
            return;
        }
        take_frame(c, frame, total);
        evbuffer_drain(in, total);
        conn_check_pressure(c);
    }
}

size_t conn_backlog(const struct conn *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

void conn_send_body(struct conn *c, enum msg_type type, const uint8_t *body, size_t len)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    struct evbuffer_iovec v;
    size_t size;

    if (c->state == CONN_CLOSING || c->keys == NULL)
        return;
    size = hop_frame_size((enum hop_mode)c->keys->mode, len);
    if (conn_backlog(c) > OUT_MAX) {
        log_warn("dropped: %s %s does not read what it is sent", conn_name(c), role_name(c->role));
        conn_drop(c);
        return;
    }
    if (evbuffer_reserve_space(out, (ev_ssize_t)size, &v, 1) < 1 ||
        hop_seal_frame(c->keys, (uint8_t)type, body, len, v.iov_base, size) != 0) {
        conn_drop(c);
        return;
    }
    v.iov_len = size;
    if (evbuffer_commit_space(out, &v, 1) != 0)
        conn_drop(c);
}

void conn_send(struct conn *c, const struct msg *m)
{
    uint8_t body[SMALL_BODY];
    struct wbuf w;

    wbuf_init(&w, body, sizeof(body));
    msg_encode(m, &w);
    if (wbuf_err(&w) != 0) {
        log_error("a %s could not be encoded", msg_name((uint8_t)m->type));
        conn_drop(c);
        return;
    }
    conn_send_body(c, m->type, body, w.len);
}

void conn_send_plain(struct conn *c, const struct msg *m)
{
    uint8_t frame[FRAME_HEADER + 512];
    struct wbuf head, body;

    wbuf_init(&body, frame + FRAME_HEADER, sizeof(frame) - FRAME_HEADER);
    msg_encode(m, &body);
    wbuf_init(&head, frame, FRAME_HEADER);
    wbuf_u32(&head, (uint32_t)(1 + body.len));
    wbuf_u8(&head, (uint8_t)m->type);
    if (wbuf_err(&body) != 0 ||
        evbuffer_add(bufferevent_get_output(c->bev), frame, FRAME_HEADER + body.len) != 0)
        conn_drop(c);
}

void conn_error(struct conn *c, unsigned reason, enum msg_type about)
{
    struct msg m = {.type = MSG_ERROR};

    m.u.error.reason = (uint16_t)reason;
    m.u.error.about = (uint8_t)about;
    conn_send(c, &m);
}

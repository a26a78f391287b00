/*
 * dissector_frames.c - writes captures for the test of the dissector: real hops in both modes, made
 * by hop.c, with every message of the table; and damaged ones.
 *
 *   dissector_frames good FILE     prints a line `STREAM MESSAGE` for each frame, in order
 *   dissector_frames cut FILE      a hello, then packets of one malformed frame; prints how many
 *   dissector_frames flipped FILE  bit flips and wrong lengths, of every message
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/hop.h"
#include "proto/msg.h"

#define BODY_ROOM    2048
#define FRAME_ROOM   (BODY_ROOM + 64)
#define SEGMENT_MAX  1400
#define IP_TCP_BYTES 40
#define LINKTYPE_RAW 101
#define PORT         7717
#define PORT_OTHER   40123 /* one that only the first frame can tell */
#define SEAL_CODE    0x80

enum way { TO_CLOUD, TO_DEVICE };

/* One TCP connection in the capture. */
struct stream {
    FILE *file;
    uint16_t device_port, cloud_port;
    uint32_t seq[2];
    size_t segment; /* bytes of a packet at most */
    unsigned number;
};

static unsigned streams;

static void require(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "dissector_frames: %s\n", what);
        exit(1);
    }
}

/* ---- the capture file: pcap, raw IPv4, no checksums ---- */

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, size_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static FILE *capture_open(const char *path)
{
    uint8_t head[24] = {0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4};
    FILE *f = fopen(path, "wb");

    require(f != NULL, "cannot write the capture");
    put32(head + 16, 65535);
    put32(head + 20, LINKTYPE_RAW);
    require(fwrite(head, 1, sizeof(head), f) == sizeof(head), "short write");
    return f;
}

static struct stream stream_open(FILE *f, uint16_t cloud_port, size_t segment)
{
    struct stream s = {.file = f, .cloud_port = cloud_port, .segment = segment};

    s.number = streams++;
    s.device_port = (uint16_t)(50000 + s.number);
    s.seq[0] = s.seq[1] = 1000;
    return s;
}

static void packet(struct stream *s, enum way way, const uint8_t *p, size_t len)
{
    uint8_t head[16 + IP_TCP_BYTES] = {0};
    uint8_t *ip = head + 16, *tcp = ip + 20;

    put32(head + 8, IP_TCP_BYTES + len);
    put32(head + 12, IP_TCP_BYTES + len);
    ip[0] = 0x45;
    put16(ip + 2, IP_TCP_BYTES + len);
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, way == TO_CLOUD ? 0x0a000001 : 0x0a000002);
    put32(ip + 16, way == TO_CLOUD ? 0x0a000002 : 0x0a000001);
    put16(tcp, way == TO_CLOUD ? s->device_port : s->cloud_port);
    put16(tcp + 2, way == TO_CLOUD ? s->cloud_port : s->device_port);
    put32(tcp + 4, s->seq[way]);
    put32(tcp + 8, s->seq[!way]);
    tcp[12] = 0x50;
    tcp[13] = 0x18;
    put16(tcp + 14, 65535);
    s->seq[way] += (uint32_t)len;
    require(fwrite(head, 1, sizeof(head), s->file) == sizeof(head), "short write");
    require(fwrite(p, 1, len, s->file) == len, "short write");
}

static void stream_write(struct stream *s, enum way way, const uint8_t *p, size_t len)
{
    for (size_t at = 0; at < len; at += s->segment)
        packet(s, way, p + at, len - at < s->segment ? len - at : s->segment);
}

/* A frame without protection, or with a MAC of zeros that nobody checks. */
static void plain_frame(struct stream *s, enum way way, unsigned type, const uint8_t *body,
                        size_t len, size_t mac)
{
    uint8_t frame[FRAME_ROOM] = {0};

    put32(frame, 1 + len + mac);
    frame[4] = (uint8_t)type;
    if (len > 0)
        memcpy(frame + FRAME_HEADER, body, len);
    stream_write(s, way, frame, FRAME_HEADER + len + mac);
}

/* ---- bodies, from the table of fields ---- */

static size_t body_of(const struct msg_info *info, uint8_t body[BODY_ROOM]);

/* A field that holds a body of another message. */
static int inner_write(struct wbuf *w, const struct field_info *f)
{
    enum msg_type inner = strcmp(f->name, "common") == 0 || strcmp(f->name, "package") == 0
                              ? MSG_PACKAGE
                              : MSG_SET_MEMBER;
    int is_table = strcmp(f->name, "members") == 0;
    uint8_t body[BODY_ROOM];
    size_t len;

    if (inner == MSG_SET_MEMBER && !is_table && strcmp(f->name, "member") != 0)
        return 0;
    len = body_of(msg_find((uint8_t)inner), body);
    if (is_table)
        wbuf_u32(w, (uint32_t)(2 * (4 + len)));
    for (int i = 0; i < 1 + is_table; i++)
        wbuf_blob(w, &(struct blob){body, len});
    return 1;
}

static void field_write(struct wbuf *w, const struct field_info *f)
{
    static const uint8_t ones[64] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const struct list list = {2, {1, 2}};
    static const struct blob blob = {(const uint8_t *)"text", 4};

    switch (f->kind) {
    case FIELD_NONE:
        return;
    case FIELD_U8:
        wbuf_u8(w, strcmp(f->name, "type") == 0 ? MSG_PACKAGE : 1);
        return;
    case FIELD_U16:
        wbuf_bytes(w, ones, 2);
        return;
    case FIELD_U32:
        wbuf_bytes(w, ones, 4);
        return;
    case FIELD_U64:
        wbuf_bytes(w, ones, 8);
        return;
    case FIELD_BYTES:
        wbuf_bytes(w, ones, f->size);
        return;
    case FIELD_ID:
        wbuf_id(w, "dev-1");
        return;
    case FIELD_LIST:
        wbuf_list(w, &list);
        return;
    case FIELD_BLOB:
        if (!inner_write(w, f))
            wbuf_blob(w, &blob);
        return;
    }
}

static size_t body_of(const struct msg_info *info, uint8_t body[BODY_ROOM])
{
    struct wbuf w;
    struct msg m;
    size_t at = 0;

    wbuf_init(&w, body, BODY_ROOM);
    while (msg_fields[at].kind != FIELD_NONE || msg_fields[at].code != info->type)
        at++;
    for (at++; at < msg_fields_len && msg_fields[at].kind != FIELD_NONE; at++)
        field_write(&w, &msg_fields[at]);
    require(wbuf_err(&w) == 0, "a body that does not fit");
    require(msg_decode(&m, (uint8_t)info->type, body, w.len) == 0, "a body that does not decode");
    return w.len;
}

static int is_handshake(const struct msg_info *info)
{
    return ((info->cloud_states | info->device_states) >> CONN_NEW & 1u) != 0;
}

/* ---- a real hop ---- */

struct hop {
    struct stream s;
    enum hop_mode mode;
    struct noise_keypair device_key, cloud_key;
    struct noise_handshake device_hs, cloud_hs;
    struct hop_keys device, cloud;
};

static void said(const struct stream *s, const char *name)
{
    printf("%u %s\n", s->number, name);
}

static void handshake_frame(struct hop *h, enum way way, const struct msg *m)
{
    uint8_t body[512];
    struct wbuf w;

    wbuf_init(&w, body, sizeof(body));
    msg_encode(m, &w);
    require(wbuf_err(&w) == 0, "handshake frame");
    plain_frame(&h->s, way, m->type, body, w.len, 0);
    said(&h->s, msg_name((uint8_t)m->type));
}

static void hop_begin(struct hop *h)
{
    struct msg hello = {.type = MSG_HOP_HELLO}, reply = {.type = MSG_HOP_REPLY};
    uint8_t one[256], two[256], none[1];
    size_t n;

    noise_keypair_new(&h->device_key);
    noise_keypair_new(&h->cloud_key);
    require(hop_start_device(&h->device_hs, h->mode, ROLE_SEND, &h->device_key,
                             h->cloud_key.public_key) == 0 &&
                hop_start_cloud(&h->cloud_hs, h->mode, ROLE_SEND, &h->cloud_key) == 0,
            "hop start");
    require(noise_write(&h->device_hs, NULL, 0, one, sizeof(one), &n) == 0, "message 1");
    hello.u.hop_hello.version = PROTO_VERSION;
    hello.u.hop_hello.mode = (uint8_t)h->mode;
    hello.u.hop_hello.role = ROLE_SEND;
    hello.u.hop_hello.noise = (struct blob){one, n};
    handshake_frame(h, TO_CLOUD, &hello);
    require(noise_read(&h->cloud_hs, one, n, none, sizeof(none), &n) == 0, "reading message 1");
    require(noise_write(&h->cloud_hs, NULL, 0, two, sizeof(two), &n) == 0, "message 2");
    reply.u.hop_reply.noise = (struct blob){two, n};
    handshake_frame(h, TO_DEVICE, &reply);
    require(noise_read(&h->device_hs, two, n, none, sizeof(none), &n) == 0, "reading message 2");
    require(hop_finish(&h->device_hs, h->mode, &h->device) == 0 &&
                hop_finish(&h->cloud_hs, h->mode, &h->cloud) == 0,
            "hop finish");
}

static void hop_send(struct hop *h, enum way way, const struct msg_info *info)
{
    uint8_t body[BODY_ROOM], frame[FRAME_ROOM];
    size_t len = body_of(info, body), size = hop_frame_size(h->mode, len);

    require(hop_seal_frame(way == TO_CLOUD ? &h->device : &h->cloud, (uint8_t)info->type, body,
                           len, frame, size) == 0,
            "sealing a frame");
    stream_write(&h->s, way, frame, size);
    said(&h->s, h->mode == HOP_SEALED ? "SEALED" : info->name);
}

/* Every message that a protected hop may carry, each way that it may go. */
static void one_hop(FILE *f, enum hop_mode mode, uint16_t port, size_t segment)
{
    struct hop h = {.mode = mode};

    h.s = stream_open(f, port, segment);
    hop_begin(&h);
    for (size_t i = 0; i < msg_table_len; i++) {
        if (is_handshake(&msg_table[i]))
            continue;
        if (msg_table[i].cloud_states != 0)
            hop_send(&h, TO_CLOUD, &msg_table[i]);
        if (msg_table[i].device_states != 0)
            hop_send(&h, TO_DEVICE, &msg_table[i]);
    }
}

static void good(FILE *f)
{
    one_hop(f, HOP_CLEAR, PORT, SEGMENT_MAX);
    one_hop(f, HOP_CLEAR, PORT_OTHER, SEGMENT_MAX);
    one_hop(f, HOP_CLEAR, PORT, 11);
    one_hop(f, HOP_CLEAR, PORT, 1);
    one_hop(f, HOP_SEALED, PORT_OTHER, SEGMENT_MAX);
    one_hop(f, HOP_SEALED, PORT, 13);
    one_hop(f, HOP_OPEN, PORT, SEGMENT_MAX);
}

/* ---- damage ---- */

static void plain_hello(struct stream *s)
{
    uint8_t body[BODY_ROOM];

    plain_frame(s, TO_CLOUD, MSG_HOP_HELLO, body, body_of(msg_find(MSG_HOP_HELLO), body), 0);
}

static size_t mac_of(const struct msg_info *info)
{
    return is_handshake(info) || info->type == MSG_SEALED ? 0 : MAC_BYTES;
}

/* Every length of a body that is too short, and one that is too long. */
static unsigned cut_message(struct stream *s, const struct msg_info *info)
{
    uint8_t body[BODY_ROOM + 1] = {0};
    size_t len = info->type == MSG_SEALED ? 1 + MAC_BYTES : body_of(info, body);
    unsigned count = 0;

    for (size_t cut = 0; cut < len; cut++, count++)
        plain_frame(s, TO_CLOUD, info->type, body, cut, mac_of(info));
    if (info->type == MSG_SEALED)
        return count;
    plain_frame(s, TO_CLOUD, info->type, body, len + 1, mac_of(info));
    return count + 1;
}

static void cut(FILE *f)
{
    struct stream s = stream_open(f, PORT, SEGMENT_MAX);
    unsigned count = 0;

    plain_hello(&s);
    for (size_t i = 0; i < msg_table_len; i++)
        count += cut_message(&s, &msg_table[i]);
    for (unsigned type = 0; type < 256; type++) {
        if (msg_find((uint8_t)type) != NULL)
            continue;
        plain_frame(&s, TO_CLOUD, type, NULL, 0, 0);
        plain_frame(&s, TO_DEVICE, type, NULL, 0, MAC_BYTES + 3);
        count += 2;
    }
    printf("%u\n", count);
}

static void flip_message(struct stream *s, const struct msg_info *info)
{
    uint8_t body[BODY_ROOM];
    size_t len = body_of(info, body);

    for (size_t bit = 0; bit < 8 * len; bit++) {
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        plain_frame(s, TO_DEVICE, info->type, body, len, mac_of(info));
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* A connection whose first frame announces this length and has some bytes. */
static void wrong_length(FILE *f, uint16_t port, size_t length, size_t len)
{
    struct stream s = stream_open(f, port, SEGMENT_MAX);
    uint8_t bytes[64] = {0};

    put32(bytes, length);
    bytes[4] = MSG_HOP_HELLO;
    stream_write(&s, TO_CLOUD, bytes, len);
    plain_hello(&s);
}

static void flipped(FILE *f)
{
    static const size_t lengths[] = {0,         1,          5,          63,        FRAME_MAX,
                                     FRAME_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff};

    for (size_t i = 0; i < msg_table_len; i++) {
        struct stream s = stream_open(f, i % 2 ? PORT : PORT_OTHER, SEGMENT_MAX);

        plain_hello(&s);
        flip_message(&s, &msg_table[i]);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (size_t len = 1; len <= 64; len += 9) {
            wrong_length(f, PORT, lengths[i], len);
            wrong_length(f, PORT_OTHER, lengths[i], len);
        }
}

int main(int argc, char **argv)
{
    FILE *f;

    require(argc == 3, "usage: dissector_frames good|cut|flipped FILE");
    require(sodium_init() >= 0, "libsodium");
    f = capture_open(argv[2]);
    if (strcmp(argv[1], "good") == 0)
        good(f);
    else if (strcmp(argv[1], "cut") == 0)
        cut(f);
    else if (strcmp(argv[1], "flipped") == 0)
        flipped(f);
    else
        require(0, "good, cut or flipped?");
    require(fclose(f) == 0, "closing the capture");
    return 0;
}

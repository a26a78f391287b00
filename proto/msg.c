/* msg.c - the table of messages and the codec: messages.def read once for each purpose. */
#include "proto/msg.h"

#include <string.h>

#include "common/err.h"

#define IN(state) (1u << CONN_##state)

const struct msg_info msg_table[] = {
#define MSG(NAME, name, code, cloud, device, cap, doc) {MSG_##NAME, #NAME, doc, cloud, device, cap},
#include "proto/messages.def"
};
const size_t msg_table_len = sizeof(msg_table) / sizeof(msg_table[0]);

/* A field's row does not know its message; the row that MSG opens does, and stands before it. */
const struct field_info msg_fields[] = {
#define MSG(NAME, name, code, cloud, device, cap, doc) {MSG_##NAME, NULL, NULL, FIELD_NONE, 0},
#define U8(field, doc)                                 {0, #field, doc, FIELD_U8, 0},
#define U16(field, doc)                                {0, #field, doc, FIELD_U16, 0},
#define U32(field, doc)                                {0, #field, doc, FIELD_U32, 0},
#define U64(field, doc)                                {0, #field, doc, FIELD_U64, 0},
#define BYTES(field, n, doc)                           {0, #field, doc, FIELD_BYTES, n},
#define ID(field, doc)                                 {0, #field, doc, FIELD_ID, 0},
#define LIST(field, doc)                               {0, #field, doc, FIELD_LIST, 0},
#define BLOB(field, cap, doc)                          {0, #field, doc, FIELD_BLOB, cap},
#include "proto/messages.def"
};
const size_t msg_fields_len = sizeof(msg_fields) / sizeof(msg_fields[0]);

/* ---- decode: one function a message, fields in wire order, nothing left over ---- */
#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    static int decode_##name(struct rbuf *r, struct msg_##name *m)                                 \
    {                                                                                              \
        int err = 0;                                                                               \
        (void)m;
#define READ(call) if (err == 0) err = call;
#define U8(field, doc)        READ(rbuf_u8(r, &m->field))
#define U16(field, doc)       READ(rbuf_u16(r, &m->field))
#define U32(field, doc)       READ(rbuf_u32(r, &m->field))
#define U64(field, doc)       READ(rbuf_u64(r, &m->field))
#define BYTES(field, n, doc)  READ(rbuf_bytes(r, m->field, n))
#define ID(field, doc)        READ(rbuf_id(r, m->field))
#define LIST(field, doc)      READ(rbuf_list(r, &m->field))
#define BLOB(field, cap, doc) READ(rbuf_blob(r, &m->field, cap))
#define END(name)                                                                                  \
        return err != 0 ? err : rbuf_end(r);                                                       \
    }
#include "proto/messages.def"

/* ---- encode: stops before the field named `stop`, which may be NULL ---- */
#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    static void encode_##name(struct wbuf *w, const struct msg_##name *m, const char *stop)        \
    {                                                                                              \
        (void)w, (void)m, (void)stop;
#define WRITE(field, call)                                                                         \
        if (stop != NULL && strcmp(stop, #field) == 0)                                             \
            return;                                                                                \
        call;
#define U8(field, doc)        WRITE(field, wbuf_u8(w, m->field))
#define U16(field, doc)       WRITE(field, wbuf_u16(w, m->field))
#define U32(field, doc)       WRITE(field, wbuf_u32(w, m->field))
#define U64(field, doc)       WRITE(field, wbuf_u64(w, m->field))
#define BYTES(field, n, doc)  WRITE(field, wbuf_bytes(w, m->field, n))
#define ID(field, doc)        WRITE(field, wbuf_id(w, m->field))
#define LIST(field, doc)      WRITE(field, wbuf_list(w, &m->field))
#define BLOB(field, cap, doc) WRITE(field, wbuf_blob(w, &m->field))
#define END(name) }
#include "proto/messages.def"

int msg_decode(struct msg *m, uint8_t code, const uint8_t *body, size_t len)
{
    const struct msg_info *info = msg_find(code);
    struct rbuf r;

    memset(m, 0, sizeof(*m));
    if (info == NULL)
        return ERR_MALFORMED;
    if (len > info->cap)
        return ERR_TOO_LARGE;
    m->type = info->type;
    rbuf_init(&r, body, len);
    switch (info->type) {
#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    case MSG_##NAME:                                                                               \
        return decode_##name(&r, &m->u.name);
#include "proto/messages.def"
    }
    return ERR_MALFORMED;
}

void msg_encode_before(const struct msg *m, const char *field, struct wbuf *w)
{
    switch (m->type) {
#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    case MSG_##NAME:                                                                               \
        encode_##name(w, &m->u.name, field);                                                       \
        return;
#include "proto/messages.def"
    }
    w->err = ERR_ARG;
}

void msg_encode(const struct msg *m, struct wbuf *w)
{
    msg_encode_before(m, NULL, w);
}

size_t msg_encoded_max(const struct msg *m)
{
    size_t n = 0;

    switch (m->type) {
#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    case MSG_##NAME: {                                                                             \
        const struct msg_##name *b = &m->u.name;                                                   \
        n = sizeof(*b);
#define BLOB(field, cap, doc) n += b->field.len;
#define U8(field, doc)
#define U16(field, doc)
#define U32(field, doc)
#define U64(field, doc)
#define BYTES(field, n, doc)
#define ID(field, doc)
#define LIST(field, doc)
#define END(name)                                                                                  \
        break;                                                                                     \
    }
#include "proto/messages.def"
    }
    return n;
}

const struct msg_info *msg_find(uint8_t code)
{
    for (size_t i = 0; i < msg_table_len; i++)
        if (msg_table[i].type == code)
            return &msg_table[i];
    return NULL;
}

const char *msg_name(uint8_t code)
{
    const struct msg_info *info = msg_find(code);

    return info != NULL ? info->name : "unknown";
}

int msg_is_legal(uint8_t code, enum side side, enum conn_state state)
{
    const struct msg_info *info = msg_find(code);

    if (info == NULL)
        return 0;
    return ((side == SIDE_CLOUD ? info->cloud_states : info->device_states) >> state & 1u) != 0;
}

size_t msg_cap_in(enum side side, enum conn_state state)
{
    size_t cap = 0;

    for (size_t i = 0; i < msg_table_len; i++)
        if (msg_is_legal((uint8_t)msg_table[i].type, side, state) && msg_table[i].cap > cap)
            cap = msg_table[i].cap;
    return cap;
}

const char *conn_state_name(enum conn_state s)
{
    switch (s) {
    case CONN_NEW:
        return "NEW";
    case CONN_HANDSHAKE:
        return "HANDSHAKE";
    case CONN_ENROL:
        return "ENROL";
    case CONN_SEND:
        return "SEND";
    case CONN_RECV:
        return "RECV";
    case CONN_READ:
        return "READ";
    case CONN_CLOSING:
        return "CLOSING";
    }
    return "unknown";
}

const char *reason_text(unsigned reason)
{
    switch ((enum reason)reason) {
#define REASON(NAME, number, text)                                                                 \
    case REASON_##NAME:                                                                            \
        return text;
#include "proto/reasons.def"
#undef REASON
    }
    return "a reason that this version does not know";
}

const char *reason_name(unsigned reason)
{
    switch ((enum reason)reason) {
#define REASON(NAME, number, text)                                                                 \
    case REASON_##NAME:                                                                            \
        return #NAME;
#include "proto/reasons.def"
#undef REASON
    }
    return "UNKNOWN";
}

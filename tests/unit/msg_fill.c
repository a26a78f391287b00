/*
 * msg_fill.c - values for every message, generated from messages.def, and a walk over the bytes of
 * a message that knows only msg_fields: an oracle that shares no line with the codec.
 */
#include "tests/unit/msg_fill.h"

#include <string.h>

#define SMALL_BLOB 37

static const uint8_t *blob_content(void)
{
    static uint8_t content[FRAME_MAX];

    if (content[1] == 0)
        for (size_t i = 0; i < sizeof(content); i++)
            content[i] = (uint8_t)(i * 31 + (i >> 8));
    return content;
}

static uint64_t fill_number(enum fill f, size_t at)
{
    switch (f) {
    case FILL_MIN:
        return 0;
    case FILL_SMALL:
        return 0x0123456789abcdefu * (at + 1);
    case FILL_MAX:
        return UINT64_MAX;
    }
    return 0;
}

static void fill_bytes(enum fill f, uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)fill_number(f, i);
}

static void fill_id(enum fill f, char id[ID_MAX + 1])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = f == FILL_MIN ? 1 : f == FILL_SMALL ? 6 : ID_MAX;

    memset(id, 0, ID_MAX + 1);
    for (size_t i = 0; i < len; i++)
        id[i] = alphabet[(i * 7) % (sizeof(alphabet) - 1)];
}

static void fill_list(enum fill f, struct list *l)
{
    memset(l, 0, sizeof(*l));
    l->n = f == FILL_MIN ? 0 : f == FILL_SMALL ? 3 : LIST_MAX;
    fill_bytes(f, l->v, l->n);
}

static void fill_blob(enum fill f, struct blob *b, size_t cap)
{
    b->p = blob_content();
    b->len = f == FILL_MIN ? 0 : f == FILL_SMALL && cap > SMALL_BLOB ? SMALL_BLOB : cap;
}

#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    static void fill_##name(struct msg_##name *m, enum fill f)                                     \
    {                                                                                              \
        size_t at = 0;                                                                             \
        (void)m, (void)f, (void)at;
#define U8(field, doc)        m->field = (uint8_t)fill_number(f, at++);
#define U16(field, doc)       m->field = (uint16_t)fill_number(f, at++);
#define U32(field, doc)       m->field = (uint32_t)fill_number(f, at++);
#define U64(field, doc)       m->field = fill_number(f, at++);
#define BYTES(field, n, doc)  fill_bytes(f, m->field, n);
#define ID(field, doc)        fill_id(f, m->field);
#define LIST(field, doc)      fill_list(f, &m->field);
#define BLOB(field, cap, doc) fill_blob(f, &m->field, cap);
#define END(name)             }
#include "proto/messages.def"

void msg_fill(struct msg *m, enum msg_type type, enum fill f)
{
    memset(m, 0, sizeof(*m));
    m->type = type;
    switch (type) {
#define MSG(NAME, name, code, cloud, device, cap, doc)                                             \
    case MSG_##NAME:                                                                               \
        fill_##name(&m->u.name, f);                                                                \
        return;
#include "proto/messages.def"
    }
}

/* Bytes that a field of this kind occupies at p, read without the codec; SIZE_MAX past the end. */
static size_t field_length(const struct field_info *f, const uint8_t *p, size_t left)
{
    size_t n = SIZE_MAX;

    switch (f->kind) {
    case FIELD_NONE:
        return 0;
    case FIELD_U8:
        n = 1;
        break;
    case FIELD_U16:
        n = 2;
        break;
    case FIELD_U32:
        n = 4;
        break;
    case FIELD_U64:
        n = 8;
        break;
    case FIELD_BYTES:
        n = f->size;
        break;
    case FIELD_ID:
    case FIELD_LIST:
        n = left < 1 ? SIZE_MAX : 1 + (size_t)p[0];
        break;
    case FIELD_BLOB:
        n = left < 4 ? SIZE_MAX
                     : 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
        break;
    }
    return n > left ? SIZE_MAX : n;
}

const struct field_info *msg_fields_of(enum msg_type type, size_t *count)
{
    size_t at = 0;

    *count = 0;
    while (at < msg_fields_len &&
           !(msg_fields[at].kind == FIELD_NONE && msg_fields[at].code == type))
        at++;
    if (at == msg_fields_len)
        return NULL;
    while (at + 1 + *count < msg_fields_len && msg_fields[at + 1 + *count].kind != FIELD_NONE)
        *count += 1;
    return &msg_fields[at] + 1;
}

size_t msg_offset_of(enum msg_type type, const char *name, const uint8_t *p, size_t len)
{
    size_t count, at = 0;
    const struct field_info *f = msg_fields_of(type, &count);

    for (size_t i = 0; i < count; i++) {
        size_t n;

        if (name != NULL && strcmp(f[i].name, name) == 0)
            return at;
        n = field_length(&f[i], p + at, len - at);
        if (n == SIZE_MAX)
            return SIZE_MAX;
        at += n;
    }
    return at;
}

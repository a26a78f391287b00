/*
 * msg.h - messages: typed structures, encoded and decoded by the table in messages.def.
 *
 * A decoded message borrows its blobs from the buffer it was decoded from.
 */
#ifndef INKPOST_PROTO_MSG_H
#define INKPOST_PROTO_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/rbuf.h"
#include "proto/wbuf.h"

/* Where a connection stands; both sides use the same names. */
enum conn_state {
    CONN_NEW,       /* nothing exchanged yet: only the two handshake frames */
    CONN_HANDSHAKE, /* Noise is done, the device has not said who it is */
    CONN_ENROL,     /* a token is reserved to this connection's key */
    CONN_SEND,      /* attached in the sending role */
    CONN_RECV,      /* attached in the receiving role */
    CONN_READ,      /* attached to read what the cloud kept */
    CONN_CLOSING    /* nothing is read any more */
};
#define CONN_STATES (CONN_CLOSING + 1)

enum conn_role { ROLE_SEND = 1, ROLE_RECV = 2, ROLE_ENROL = 3, ROLE_READ = 4 };
enum side { SIDE_CLOUD, SIDE_DEVICE };

enum receipt_status {
    RECEIPT_VERIFIED = 1,
    RECEIPT_REJECTED = 2,
    RECEIPT_UNVERIFIABLE = 3,
    RECEIPT_EXPIRED = 4
};

enum reason {
#define REASON(NAME, number, text) REASON_##NAME = number,
#include "proto/reasons.def"
#undef REASON
};

enum msg_type {
#define MSG(NAME, name, code, cloud, device, cap, doc) MSG_##NAME = code,
#include "proto/messages.def"
};

#define MSG(NAME, name, code, cloud, device, cap, doc) struct msg_##name {
#define U8(field, doc)       uint8_t field;
#define U16(field, doc)      uint16_t field;
#define U32(field, doc)      uint32_t field;
#define U64(field, doc)      uint64_t field;
#define BYTES(field, n, doc) uint8_t field[n];
#define ID(field, doc)       char field[ID_MAX + 1];
#define LIST(field, doc)     struct list field;
#define BLOB(field, cap, doc) struct blob field;
#define END(name)             };
#include "proto/messages.def"

struct msg {
    enum msg_type type;
    union {
#define MSG(NAME, name, code, cloud, device, cap, doc) struct msg_##name name;
#include "proto/messages.def"
    } u;
};

enum field_kind {
    FIELD_NONE,
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_BYTES,
    FIELD_ID,
    FIELD_LIST,
    FIELD_BLOB
};

/* A row of FIELD_NONE opens the message of its code; the rows up to the next are its fields. */
struct field_info {
    unsigned code;
    const char *name, *doc;
    enum field_kind kind;
    size_t size; /* BYTES: length; BLOB: cap; else 0 */
};

struct msg_info {
    enum msg_type type;
    const char *name, *doc;
    unsigned cloud_states, device_states; /* bit 1 << enum conn_state */
    size_t cap;                           /* longest body */
};

/* The table, for the codec, the checks and the tools. Rows of fields stand in wire order. */
extern const struct msg_info msg_table[];
extern const size_t msg_table_len;
extern const struct field_info msg_fields[];
extern const size_t msg_fields_len;

/* NULL for a code that is not in the table. */
const struct msg_info *msg_find(uint8_t code);
const char *msg_name(uint8_t code);
/* May this side receive it in this state? False for unknown codes and for bodies inside seals. */
int msg_is_legal(uint8_t code, enum side side, enum conn_state state);
/* The longest body of any message that this side may receive in this state, in bytes. */
size_t msg_cap_in(enum side side, enum conn_state state);

/* Decode a body of exactly len bytes. ERR_MALFORMED, ERR_TOO_LARGE; *m is zeroed first. */
int msg_decode(struct msg *m, uint8_t code, const uint8_t *body, size_t len);
/* Append the body of m to w; ask wbuf_err(w). */
void msg_encode(const struct msg *m, struct wbuf *w);
/* Append only the fields before the one named: the authenticated header of a PACKAGE. */
void msg_encode_before(const struct msg *m, const char *field, struct wbuf *w);
/* An upper bound of the encoded body of m, in bytes. */
size_t msg_encoded_max(const struct msg *m);

const char *conn_state_name(enum conn_state s);
/* What is wrong and what to do, for any number; and the reason's own name. */
const char *reason_text(unsigned reason);
const char *reason_name(unsigned reason);

#endif

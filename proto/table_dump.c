/*
 * table_dump.c - a tool: prints the message table for docs/protocol.md (--markdown) and for the
 * dissector inkpost.lua (--lua). tests/check-source compares both with what those files hold.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/msg.h"

#define SEAL_CODE 0x80 /* from here: bodies inside seals */

struct limit {
    const char *name;
    unsigned long value;
    const char *doc;
};

static const struct limit limits[] = {
    {"PROTO_VERSION", PROTO_VERSION, "version in HOP_HELLO and in the prologue"},
    {"FRAME_HEADER", FRAME_HEADER, "bytes of length and type before a body"},
    {"FRAME_MAX", FRAME_MAX, "largest value of a frame's length field"},
    {"FRAME_PREAUTH_MAX", FRAME_PREAUTH_MAX, "the same, before the peer is authenticated"},
    {"MAC_BYTES", MAC_BYTES, "tag of a frame, tag of a package, MAC of a receipt"},
    {"ID_MAX", ID_MAX, "characters of a device id"},
    {"LIST_MAX", LIST_MAX, "entries of an offered list"},
    {"KEY_BYTES", KEY_BYTES, "an X25519 key, or a derived secret"},
    {"TOKEN_BYTES", TOKEN_BYTES, "an enrolment token"},
    {"NEG_ID_BYTES", NEG_ID_BYTES, "the cloud's name T of a negotiation"},
    {"SESSION_ID_BYTES", SESSION_ID_BYTES, "a session: first half of the Noise handshake hash"},
    {"DIGEST_BYTES", DIGEST_BYTES, "BLAKE2b-256 of a package as received"},
    {"NONCE_BYTES", NONCE_BYTES, "the sender's random number for one message"},
    {"MESSAGE_MAX", MESSAGE_MAX, "bytes of one message"},
    {"IMAGE_SIDE_MIN", IMAGE_SIDE_MIN, "pixels, shortest side of an image"},
    {"IMAGE_SIDE_MAX", IMAGE_SIDE_MAX, "pixels, longest side of an image"},
    {"PGM_MAX", PGM_MAX, "bytes of an image on the wire"},
    {"ENROL_SEALED_MAX", ENROL_SEALED_MAX, "bytes of a sealed ENROL_BODY"},
    {"ENROL_READY_S", ENROL_READY_S, "seconds a shown token stays reserved"},
};
static const size_t limits_len = sizeof(limits) / sizeof(limits[0]);

static const char *const state_docs[] = {
    [CONN_NEW] = "nothing exchanged yet; only the frames of the handshake",
    [CONN_HANDSHAKE] = "the hop is protected; the device has not said who it is",
    [CONN_ENROL] = "a token is reserved to this connection's key",
    [CONN_SEND] = "attached in the sending role",
    [CONN_RECV] = "attached in the receiving role",
    [CONN_READ] = "attached to read what the cloud kept",
    [CONN_CLOSING] = "nothing is read any more",
};

struct reason_row {
    unsigned number;
    const char *name, *text;
};

static const struct reason_row reasons[] = {
#define REASON(NAME, number, text) {number, #NAME, text},
#include "proto/reasons.def"
#undef REASON
};
static const size_t reasons_len = sizeof(reasons) / sizeof(reasons[0]);

/* Calls the printer, if any, for each field of a message, in wire order; returns their number. */
static size_t for_fields(enum msg_type type, void (*print)(const struct field_info *))
{
    size_t at = 0, count = 0;

    while (at < msg_fields_len &&
           !(msg_fields[at].kind == FIELD_NONE && msg_fields[at].code == type))
        at++;
    for (at++; at < msg_fields_len && msg_fields[at].kind != FIELD_NONE; at++, count++)
        if (print != NULL)
            print(&msg_fields[at]);
    return count;
}

static const char *kind_name(enum field_kind kind)
{
    switch (kind) {
    case FIELD_NONE:
        break;
    case FIELD_U8:
        return "u8";
    case FIELD_U16:
        return "u16";
    case FIELD_U32:
        return "u32";
    case FIELD_U64:
        return "u64";
    case FIELD_BYTES:
        return "bytes";
    case FIELD_ID:
        return "id";
    case FIELD_LIST:
        return "list";
    case FIELD_BLOB:
        return "blob";
    }
    return "";
}

/* ---- markdown ---- */

/* Text inside a table's cell. */
static void cell(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void field_markdown(const struct field_info *f)
{
    printf("| `%s` | %s", f->name, kind_name(f->kind));
    if (f->kind == FIELD_BYTES)
        printf(" %zu", f->size);
    if (f->kind == FIELD_BLOB)
        printf(" up to %zu", f->size);
    printf(" | ");
    cell(f->doc);
    printf(" |\n");
}

/* The envelope's content has no length of its own. */
static void rest_markdown(const struct field_info *f)
{
    printf("| `%s` | the rest of the frame | ", f->name);
    cell(f->doc);
    printf(" |\n");
}

static void states_markdown(unsigned states)
{
    const char *sep = "";

    if (states == 0)
        putchar('-');
    for (int s = 0; s < CONN_STATES; s++)
        if ((states >> s & 1u) != 0) {
            printf("%s%s", sep, conn_state_name((enum conn_state)s));
            sep = ", ";
        }
}

/* A row that neither side receives as a message and no seal holds. */
static int is_envelope(const struct msg_info *m)
{
    return m->cloud_states == 0 && m->device_states == 0 && m->type < SEAL_CODE;
}

static void way_markdown(const struct msg_info *m)
{
    if (m->cloud_states != 0) {
        printf("Device to cloud, accepted in ");
        states_markdown(m->cloud_states);
        printf(". ");
    }
    if (m->device_states != 0) {
        printf("Cloud to device, accepted in ");
        states_markdown(m->device_states);
        printf(". ");
    }
    if (m->type >= SEAL_CODE)
        printf("Inside a seal, never in a frame. ");
    else if (is_envelope(m))
        printf("Both ways, in every state but NEW. ");
}

static void message_markdown(const struct msg_info *m)
{
    printf("\n#### 0x%02x %s\n\n%c%s.\n\n", m->type, m->name, toupper((unsigned char)m->doc[0]),
           m->doc + 1);
    way_markdown(m);
    printf("At most %zu bytes.\n\n", m->cap);
    if (for_fields(m->type, NULL) == 0) {
        printf("No fields.\n");
        return;
    }
    printf("| field | type | meaning |\n| --- | --- | --- |\n");
    for_fields(m->type, is_envelope(m) ? rest_markdown : field_markdown);
}

static void index_markdown(void)
{
    printf("\n### Messages at a glance\n\n");
    printf("| code | name | the cloud accepts it in | a device accepts it in | cap |\n");
    printf("| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < msg_table_len; i++) {
        const struct msg_info *m = &msg_table[i];

        printf("| 0x%02x | %s | ", m->type, m->name);
        states_markdown(m->cloud_states);
        printf(" | ");
        states_markdown(m->device_states);
        printf(" | %zu |\n", m->cap);
    }
}

static void print_markdown(void)
{
    printf("### States of a connection\n\n| state | meaning |\n| --- | --- |\n");
    for (int s = 0; s < CONN_STATES; s++)
        printf("| %s | %s |\n", conn_state_name((enum conn_state)s), state_docs[s]);
    index_markdown();
    printf("\n### Messages, fields in wire order\n");
    for (size_t i = 0; i < msg_table_len; i++)
        message_markdown(&msg_table[i]);
    printf("\n### Limits\n\n| name | value | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < limits_len; i++)
        printf("| %s | %lu | %s |\n", limits[i].name, limits[i].value, limits[i].doc);
    printf("\n### Reasons\n\n| number | name | what is wrong and what to do |\n");
    printf("| --- | --- | --- |\n");
    for (size_t i = 0; i < reasons_len; i++) {
        printf("| %u | %s | ", reasons[i].number, reasons[i].name);
        cell(reasons[i].text);
        printf(" |\n");
    }
}

/* ---- Lua ---- */

static void quoted(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void field_lua(const struct field_info *f)
{
    printf("            { name = \"%s\", kind = \"%s\", size = %zu, doc = ", f->name,
           kind_name(f->kind), f->size);
    quoted(f->doc);
    printf(" },\n");
}

static void states_lua(const char *key, unsigned states)
{
    const char *sep = "";

    printf("        %s = {", key);
    for (int s = 0; s < CONN_STATES; s++)
        if ((states >> s & 1u) != 0) {
            printf("%s \"%s\"", sep, conn_state_name((enum conn_state)s));
            sep = ",";
        }
    printf(" },\n");
}

static void message_lua(const struct msg_info *m)
{
    printf("    [0x%02x] = {\n        name = \"%s\",\n        doc = ", m->type, m->name);
    quoted(m->doc);
    printf(",\n        cap = %zu,\n", m->cap);
    states_lua("cloud", m->cloud_states);
    states_lua("device", m->device_states);
    printf("        fields = {\n");
    for_fields(m->type, field_lua);
    printf("        },\n    },\n");
}

static void print_lua(void)
{
    printf("local LIMITS = {\n");
    for (size_t i = 0; i < limits_len; i++)
        printf("    %s = %lu,\n", limits[i].name, limits[i].value);
    printf("}\nlocal STATES = {\n");
    for (int s = 0; s < CONN_STATES; s++) {
        printf("    %s = ", conn_state_name((enum conn_state)s));
        quoted(state_docs[s]);
        printf(",\n");
    }
    printf("}\nlocal REASONS = {\n");
    for (size_t i = 0; i < reasons_len; i++) {
        printf("    [%u] = { name = \"%s\", text = ", reasons[i].number, reasons[i].name);
        quoted(reasons[i].text);
        printf(" },\n");
    }
    printf("}\nlocal MESSAGES = {\n");
    for (size_t i = 0; i < msg_table_len; i++)
        message_lua(&msg_table[i]);
    printf("}\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
        print_markdown();
    } else if (argc == 2 && strcmp(argv[1], "--lua") == 0) {
        print_lua();
    } else {
        fprintf(stderr, "usage: table_dump --markdown | --lua\n");
        return 2;
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

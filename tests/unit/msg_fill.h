/*
 * msg_fill.h - for tests of the wire: fill any message of the table with generated values, and find
 * the fields in its bytes without the codec. New rows of messages.def need no edit here.
 */
#ifndef INKPOST_TESTS_UNIT_MSG_FILL_H
#define INKPOST_TESTS_UNIT_MSG_FILL_H

#include "proto/msg.h"

/* Zeros and nothing; distinct values with blobs of at most 37 bytes; all ones and all caps. */
enum fill { FILL_MIN, FILL_SMALL, FILL_MAX };

/* *m is overwritten; its blobs point to constant bytes that live as long as the program. */
void msg_fill(struct msg *m, enum msg_type type, enum fill f);
/* The fields of one message in wire order: from its opening row up to the next. NULL: no such. */
const struct field_info *msg_fields_of(enum msg_type type, size_t *count);
/*
 * Where the named field begins in the len bytes at p; the end of the last field when name is NULL
 * or no field's name; SIZE_MAX when a field reaches past len.
 */
size_t msg_offset_of(enum msg_type type, const char *name, const uint8_t *p, size_t len);

#endif

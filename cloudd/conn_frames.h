/* conn_frames.h - the bytes of a connection: frames in, checked and dispatched; frames out. */
#ifndef INKPOST_CLOUDD_CONN_FRAMES_H
#define INKPOST_CLOUDD_CONN_FRAMES_H

#include "cloudd/conn.h"

/* Bytes that the frame at the head of the input buffer still lacks; 0 when there is none, or when
 * its length is wrong. */
size_t conn_rest(const struct conn *c);
/* Take every whole frame out of the input buffer and handle it. */
void conn_read(struct conn *c);

/* Send a frame without protection: the two answers of the handshake. */
void conn_send_plain(struct conn *c, const struct msg *m);

#endif

/*
 * cloud_peer.h - a device played by hand, for the drivers of this folder and for benchmarks:
 * blocking sockets, the hop, and one function a step of the protocol. What should not happen ends
 * the program.
 */
#ifndef INKPOST_TESTS_INTEGRATION_CLOUD_PEER_H
#define INKPOST_TESTS_INTEGRATION_CLOUD_PEER_H

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/tcp.h>
#include <sodium.h>

#include "common/err.h"
#include "common/hop.h"
#include "common/kdf.h"
#include "common/negotiation.h"
#include "common/pgm.h"
#include "common/session.h"
#include "common/text.h"
#include "proto/msg.h"

#define WAIT_MS 20000

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "not ok: %s line %d: %s\n", __FILE__, __LINE__, #what);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

extern struct addrinfo *address; /* of the cloud, from reach() */
extern uint8_t cloud_key[KEY_BYTES];
extern uint8_t shared_frame[FRAME_MAX + 64]; /* one message is looked at at a time */

/* One device with one connection. */
struct device {
    char id[ID_MAX + 1];
    struct noise_keypair key;
    int fd;
    struct hop_keys hop;
    uint8_t *frame, *body; /* of the last message received */
    size_t body_len;
};

/* ---- sockets and frames ---- */

int64_t now_ms(void); /* of the monotonic clock */

/* Find the cloud. */
void reach(const char *where);

/* A connection to it. */
int dial(void);

void write_all(int fd, const uint8_t *p, size_t len);

/* 0 at the end of the stream or when the cloud reset it; -1 when nothing came in time. */
ssize_t read_some(int fd, uint8_t *p, size_t len);

/* One frame into d->frame; its length, or 0 when the cloud closed. */
size_t read_frame(struct device *d);

/* ---- the hop ---- */

/* A device that is not connected; its key follows from the id and the cloud's key. */
void device_init(struct device *d, const char *id);

/* A message of the handshake, not sealed. */
void send_plain(int fd, const struct msg *m);

/* Connect and say HOP_HELLO. */
void hello(struct device *d, struct noise_handshake *hs, uint8_t role, enum hop_mode mode);

/* Connect, up to the end of the handshake. */
void hop_up(struct device *d, uint8_t role, enum hop_mode mode);

/* A message with a body that need not be one of its type. */
void send_body(struct device *d, uint8_t type, const uint8_t *body, size_t len);

void send_msg(struct device *d, const struct msg *m);

/* The next message, whatever it is; 0 when the cloud closed. */
uint8_t next(struct device *d, struct msg *m);

/* The next message, which is of this type. */
void expect(struct device *d, struct msg *m, enum msg_type type);

/* The cloud refuses for this reason and closes: behind the handshake, and before. */
void expect_error(struct device *d, unsigned reason);
void expect_hop_refused(struct device *d, unsigned reason);

/* ---- attached, enrolled ---- */

void send_attach(struct device *d);

/* Connect, up to ATTACHED. */
void attach(struct device *d, uint8_t role, enum hop_mode mode);

/* Connect and say ENROL_TOKEN; the token in hex. */
void send_token(struct device *d, const char *token);

/* Send the scan as the body of an enrolment that claims the id `claimed`. */
void send_scan(struct device *d, const struct pgm_view *scan, const char *claimed);

/* The canonical PGM at path, in static memory. */
struct pgm_view load_scan(const char *path);

/* ---- a negotiation ---- */

/* Step 1, from the initiator. */
void send_open(struct device *d, const char *peer, uint64_t request);

/* PEER and SALT into terms, and the peer's key. */
void take_salt(struct device *d, struct neg_terms *t, uint8_t peer_key[KEY_BYTES]);

/* Step 2: the request for these terms, with the Noise message `noise`. */
void send_request(struct device *d, const struct neg_terms *t, const struct blob *noise);

/* Steps 3 and 4 at the responder. */
void answer(struct device *d, const struct neg_terms *t, const uint8_t *peer,
            struct session_keys *keys);

/* All that d sent before is in the store when this returns: T of nobody is looked up behind it. */
void barrier(struct device *d);

#endif

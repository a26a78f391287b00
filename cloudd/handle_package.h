/*
 * handle_package.h - what the cloud keeps of an attached sender.
 */
#ifndef INKPOST_CLOUDD_HANDLE_PACKAGE_H
#define INKPOST_CLOUDD_HANDLE_PACKAGE_H

#include <stdint.h>
#include <sys/queue.h>

#include "cloudd/conn.h"

/*
 * The stream of packages from one connection to one receiver, there while something of it is in the
 * store or it is stopped. After a package was refused for want of room, those behind it must not
 * overtake it: the ones still to come are refused by `stopped`, the ones already handed to the
 * store by `gate`, which the writer's thread reads and writes (store.h). RESUME puts a new stream
 * in the place of this one, which lives on until its last operation is completed.
 */
struct stream {
    LIST_ENTRY(stream) link;
    struct uplink *owner; /* NULL when replaced, or the connection is gone */
    struct server *srv;
    uint64_t gate;  /* number of the first package refused; STORE_GATE_OPEN */
    uint64_t order; /* number of the next package */
    size_t in_store;
    int stopped;
    char to[ID_MAX + 1];
};

struct uplink {
    LIST_HEAD(, stream) streams;
    uint64_t after; /* cursor in the receipts that wait */
    uint8_t more, listing;
};

/* The connection's sender, made on first use. NULL without memory: c is then dropped. */
struct uplink *uplink_of(struct conn *c);

/* What a package goes to the store with, besides its name. */
struct package_bytes {
    struct blob body; /* copied */
    uint8_t digest[DIGEST_BYTES];
    struct store_common *common; /* NULL, or of a message to a set; released when it is not used */
    int carries_common;
    int turns; /* the cloud keeps a state of such sessions */
};

/* Does the package, or the common part of one, say what is true of its sender, and is it of a kind
 * that is taken here? */
unsigned package_check(const struct conn *c, const struct msg_package *p);
/* Take the package of this name to its receiver's stream: it will be answered. True: it is with the
 * store; else it was refused, or c dropped. */
int package_take(struct conn *c, const struct store_package *name, const struct package_bytes *b);
void package_refuse(struct conn *c, const struct store_package *name, unsigned reason);
/* One user less; frees it after the last. NULL is allowed. */
void package_common_release(struct store_common *common);

#endif

/*
 * registry.h - which connection is attached for (id, role): a hash table whose chains run through
 * the connections themselves, so an entry costs one pointer.
 */
#ifndef INKPOST_CLOUDD_REGISTRY_H
#define INKPOST_CLOUDD_REGISTRY_H

#include <stddef.h>

#include "proto/msg.h"

struct conn;
struct registry;

/* NULL without memory. */
struct registry *registry_new(void);
void registry_free(struct registry *r);

/* Enter c under its id and role; there must be none of these. Never fails: a table that cannot grow
 * gets slower instead. */
void registry_add(struct registry *r, struct conn *c);
/* Take c out if it is in. */
void registry_remove(struct registry *r, struct conn *c);
struct conn *registry_find(const struct registry *r, const char *id, enum conn_role role);
size_t registry_count(const struct registry *r);
/* Call fn for every connection; fn may remove the one it is given, and no other. */
void registry_each(const struct registry *r, void (*fn)(struct conn *c, void *arg), void *arg);

#endif

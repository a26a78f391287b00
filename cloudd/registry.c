/* registry.c - a chained hash table that doubles when it is full. */
#include "cloudd/registry.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/conn.h"

#define FIRST_SIZE 64

struct registry {
    struct conn **heads;
    size_t size, count; /* size is a power of two */
    uint8_t key[crypto_shorthash_KEYBYTES];
};

struct registry *registry_new(void)
{
    struct registry *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->size = FIRST_SIZE;
    r->heads = calloc(r->size, sizeof(*r->heads));
    randombytes_buf(r->key, sizeof(r->key));
    if (r->heads == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void registry_free(struct registry *r)
{
    if (r != NULL)
        free(r->heads);
    free(r);
}

static size_t place(const struct registry *r, const char *id, unsigned role)
{
    uint8_t h[crypto_shorthash_BYTES];
    uint64_t v;

    crypto_shorthash(h, (const uint8_t *)id, strlen(id), r->key);
    memcpy(&v, h, sizeof(v));
    return (size_t)(v + role) & (r->size - 1);
}

/* Without memory the chains just get longer. */
static void grow(struct registry *r)
{
    struct conn **old = r->heads, **heads = calloc(2 * r->size, sizeof(*heads));
    size_t old_size = r->size;

    if (heads == NULL)
        return;
    r->heads = heads;
    r->size = 2 * old_size;
    for (size_t i = 0; i < old_size; i++) {
        for (struct conn *c = old[i], *next; c != NULL; c = next) {
            size_t at = place(r, c->id, c->role);

            next = c->reg_next;
            c->reg_next = heads[at];
            heads[at] = c;
        }
    }
    free(old);
}

void registry_add(struct registry *r, struct conn *c)
{
    size_t at;

    if (r->count >= r->size)
        grow(r);
    at = place(r, c->id, c->role);
    c->reg_next = r->heads[at];
    r->heads[at] = c;
    r->count++;
}

void registry_remove(struct registry *r, struct conn *c)
{
    struct conn **p = &r->heads[place(r, c->id, c->role)];

    while (*p != NULL && *p != c)
        p = &(*p)->reg_next;
    if (*p == NULL)
        return;
    *p = c->reg_next;
    c->reg_next = NULL;
    r->count--;
}

struct conn *registry_find(const struct registry *r, const char *id, enum conn_role role)
{
    struct conn *c = r->heads[place(r, id, role)];

    while (c != NULL && (c->role != role || strcmp(c->id, id) != 0))
        c = c->reg_next;
    return c;
}

size_t registry_count(const struct registry *r)
{
    return r->count;
}

void registry_each(const struct registry *r, void (*fn)(struct conn *c, void *arg), void *arg)
{
    for (size_t i = 0; i < r->size; i++)
        for (struct conn *c = r->heads[i], *next; c != NULL; c = next) {
            next = c->reg_next;
            fn(c, arg);
        }
}

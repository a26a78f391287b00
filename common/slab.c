/*
 * slab.c - chunks of guarded memory cut into slots. What is free is noted outside the slots, so
 * that a free slot is nothing but zeros.
 */
#include "common/slab.h"

#include <stdint.h>
#include <stdlib.h>

#include <sodium.h>

#include "common/secret.h"

#define SLOT_ALIGN 16
#define SLOT_MAX   4096
#define SLOTS_MAX  65536

struct chunk {
    struct chunk *next;
    uint8_t *slots; /* secret_alloc */
    size_t free_count;
    uint32_t *free; /* stack of the numbers of free slots */
    uint8_t *taken; /* one byte per slot, 1 when in use */
};

struct slab {
    size_t slot_bytes;
    size_t per_chunk;
    size_t used;
    struct chunk *chunks;
};

struct slab *slab_new(size_t slot_bytes, size_t slots_per_chunk)
{
    struct slab *slab;

    if (slot_bytes < 1 || slot_bytes > SLOT_MAX || slots_per_chunk < 1 ||
        slots_per_chunk > SLOTS_MAX)
        return NULL;
    slab = calloc(1, sizeof *slab);
    if (slab == NULL)
        return NULL;
    slab->slot_bytes = (slot_bytes + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
    slab->per_chunk = slots_per_chunk;
    return slab;
}

static void chunk_free(struct chunk *chunk)
{
    if (chunk == NULL)
        return;
    secret_free(chunk->slots);
    free(chunk->free);
    free(chunk->taken);
    free(chunk);
}

static struct chunk *chunk_new(const struct slab *slab)
{
    size_t bytes = slab->slot_bytes * slab->per_chunk;
    struct chunk *chunk = calloc(1, sizeof *chunk);

    if (chunk == NULL)
        return NULL;
    chunk->slots = secret_alloc(bytes);
    chunk->free = calloc(slab->per_chunk, sizeof *chunk->free);
    chunk->taken = calloc(slab->per_chunk, sizeof *chunk->taken);
    if (chunk->slots == NULL || chunk->free == NULL || chunk->taken == NULL) {
        chunk_free(chunk);
        return NULL;
    }
    sodium_memzero(chunk->slots, bytes);
    for (size_t i = 0; i < slab->per_chunk; i++)
        chunk->free[i] = (uint32_t)(slab->per_chunk - 1 - i);
    chunk->free_count = slab->per_chunk;
    return chunk;
}

void *slab_take(struct slab *slab)
{
    struct chunk *chunk = slab->chunks;
    uint32_t i;

    while (chunk != NULL && chunk->free_count == 0)
        chunk = chunk->next;
    if (chunk == NULL) {
        chunk = chunk_new(slab);
        if (chunk == NULL)
            return NULL;
        chunk->next = slab->chunks;
        slab->chunks = chunk;
    }
    i = chunk->free[--chunk->free_count];
    chunk->taken[i] = 1;
    slab->used++;
    return chunk->slots + i * slab->slot_bytes;
}

/* The chunk that slot lies in, and its number there; NULL when it is not the start of a slot. */
static struct chunk *find(const struct slab *slab, const void *slot, size_t *number)
{
    uintptr_t at = (uintptr_t)slot;

    for (struct chunk *chunk = slab->chunks; chunk != NULL; chunk = chunk->next) {
        uintptr_t base = (uintptr_t)chunk->slots;

        if (at < base || at - base >= slab->slot_bytes * slab->per_chunk)
            continue;
        *number = (at - base) / slab->slot_bytes;
        return (at - base) % slab->slot_bytes == 0 ? chunk : NULL;
    }
    return NULL;
}

void slab_give(struct slab *slab, void *slot)
{
    struct chunk *chunk;
    size_t i;

    if (slot == NULL)
        return;
    chunk = find(slab, slot, &i);
    if (chunk == NULL || !chunk->taken[i])
        abort();
    sodium_memzero(slot, slab->slot_bytes);
    chunk->taken[i] = 0;
    chunk->free[chunk->free_count++] = (uint32_t)i;
    slab->used--;
}

size_t slab_used(const struct slab *slab)
{
    return slab->used;
}

void slab_free(struct slab *slab)
{
    if (slab == NULL)
        return;
    while (slab->chunks != NULL) {
        struct chunk *next = slab->chunks->next;

        chunk_free(slab->chunks);
        slab->chunks = next;
    }
    free(slab);
}

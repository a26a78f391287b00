/*
 * slab.h - a pool of small equal slots in locked memory, for the keys of many connections.
 * secret_alloc costs two guard pages apiece; here one such allocation is shared by a whole chunk.
 */
#ifndef INKPOST_COMMON_SLAB_H
#define INKPOST_COMMON_SLAB_H

#include <stddef.h>

struct slab;

/*
 * An empty slab; memory is taken by the chunk when slots are. slot_bytes (1..4096) is rounded up to
 * a multiple of 16, so slots suit any type; slots_per_chunk is 1..65536. NULL for other values or
 * when memory is short. Free with slab_free. For one thread.
 */
struct slab *slab_new(size_t slot_bytes, size_t slots_per_chunk);

/* A slot, all zero, owned by the caller until slab_give. NULL when a further chunk is needed and
 * cannot be had or cannot be locked; slots already taken stay valid. */
void *slab_take(struct slab *slab);

/* Wipe a slot at once and return it. NULL is allowed. Aborts on a pointer that is not a taken slot
 * of this slab: a slot given twice would later be shared by two connections. */
void slab_give(struct slab *slab, void *slot);

/* Slots in use. */
size_t slab_used(const struct slab *slab);

/* Wipe and free everything, slots in use included. NULL is allowed. */
void slab_free(struct slab *slab);

#endif

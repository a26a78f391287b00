/*
 * store_backend.h - what the queue and its writer thread (store.c) ask of a back-end. A back-end is
 * used by one thread at a time.
 */
#ifndef INKPOST_CLOUDD_STORE_BACKEND_H
#define INKPOST_CLOUDD_STORE_BACKEND_H

#include "cloudd/store.h"

struct backend;

/* As store_open(). */
int backend_open(struct backend **out, const char *path, char *why, size_t why_len);
void backend_close(struct backend *b);
/*
 * Run n <= STORE_BATCH operations in their order, in one transaction and one commit when it can be
 * done, and fill in their results and outputs. When it returns, what is OK is on disk.
 */
void backend_run(struct backend *b, struct store_op *const *ops, size_t n);
int backend_set_page_limit(struct backend *b, unsigned pages);
/* Write transactions committed; may be asked from any thread. */
uint64_t backend_commits(const struct backend *b);

/* True for operations that change nothing. */
int store_op_is_read(enum store_kind kind);
/* Free what the store allocated for op as its result says. The outputs are not cleared. */
void store_op_free_outputs(struct store_op *op);

#endif

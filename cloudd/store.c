/*
 * store.c - the queue in front of the back-end: the loop submits, one writer thread drains what
 * waits into batches, completions come back by a bell. No timer: while a batch is being
 * written the next one gathers, so the size of batches follows the load by itself.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "cloudd/store_backend.h"
#include "cloudd/thread.h"
#include "common/err.h"

/* Bodies in one transaction, in bytes: bounds the log, and how long a read waits behind writes. */
#define BATCH_BYTES (4u << 20)
/* Completions in one turn of the loop. Each may let its connection go on, with a package more. */
#define COMPLETE_AT_ONCE 8

struct queue {
    struct store_op *first, *last;
};

struct store {
    struct backend *back;
    int started;
    int bell;
    pthread_t thread;

    _Atomic size_t ops, bytes; /* submitted and not yet written */
    pthread_mutex_t lock;      /* guards all that follows */
    pthread_cond_t wake;       /* something waits, or stop */
    struct queue waiting, finished;
    int stop;
};

static void push(struct queue *q, struct store_op *op)
{
    op->next = NULL;
    if (q->last != NULL)
        q->last->next = op;
    else
        q->first = op;
    q->last = op;
}

static struct store_op *pop(struct queue *q)
{
    struct store_op *op = q->first;

    if (op != NULL) {
        q->first = op->next;
        if (q->first == NULL)
            q->last = NULL;
        op->next = NULL;
    }
    return op;
}

/* Move the next batch into ops. A backup cannot share a transaction, so it goes alone. */
static size_t take_batch(struct store *s, struct store_op **ops)
{
    size_t n = 0, bytes = 0;

    while (n < STORE_BATCH && s->waiting.first != NULL) {
        const struct store_op *next = s->waiting.first;

        if (n > 0 && (next->kind == STORE_BACKUP || bytes + store_op_bytes(next) > BATCH_BYTES))
            break;
        bytes += store_op_bytes(next);
        ops[n++] = pop(&s->waiting);
        if (ops[n - 1]->kind == STORE_BACKUP)
            break;
    }
    return n;
}

static void *writer(void *arg)
{
    struct store *s = arg;
    struct store_op *ops[STORE_BATCH];

    pthread_mutex_lock(&s->lock);
    for (;;) {
        size_t n = take_batch(s, ops);

        if (n == 0 && s->stop)
            break;
        if (n == 0) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        backend_run(s->back, ops, n);
        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < n; i++) {
            s->ops--;
            s->bytes -= store_op_bytes(ops[i]);
            push(&s->finished, ops[i]);
        }
        bell_ring(s->bell);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int store_open(struct store **out, const char *path, char *why, size_t why_len)
{
    struct store *s = calloc(1, sizeof(*s));
    int err;

    *out = NULL;
    if (s == NULL)
        return ERR_NOMEM;
    s->bell = -1;
    err = backend_open(&s->back, path, why, why_len);
    if (err) {
        free(s);
        return err;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    *out = s;
    return 0;
}

int store_set_page_limit(struct store *s, unsigned pages)
{
    return s->started ? ERR_STATE : backend_set_page_limit(s->back, pages);
}

uint64_t store_commits(const struct store *s)
{
    return backend_commits(s->back);
}

int store_start(struct store *s)
{
    if (s->started)
        return ERR_STATE;
    s->bell = bell_open();
    if (s->bell < 0)
        return ERR_SYS;
    errno = thread_start(&s->thread, writer, s);
    if (errno != 0) {
        close(s->bell);
        s->bell = -1;
        return ERR_SYS;
    }
    s->started = 1;
    return 0;
}

int store_notify_fd(const struct store *s)
{
    return s->bell;
}

void store_complete(struct store *s)
{
    struct queue done = {NULL, NULL};
    struct store_op *op;

    bell_clear(s->bell);
    pthread_mutex_lock(&s->lock);
    for (int n = 0; n < COMPLETE_AT_ONCE && s->finished.first != NULL; n++)
        push(&done, pop(&s->finished));
    if (s->finished.first != NULL)
        bell_ring(s->bell);
    pthread_mutex_unlock(&s->lock);
    while ((op = pop(&done)) != NULL)
        if (op->done != NULL)
            op->done(op);
}

void store_submit(struct store *s, struct store_op *op)
{
    pthread_mutex_lock(&s->lock);
    push(&s->waiting, op);
    s->ops++;
    s->bytes += store_op_bytes(op);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

size_t store_waiting(const struct store *s)
{
    return atomic_load(&s->ops);
}

size_t store_waiting_bytes(const struct store *s)
{
    return atomic_load(&s->bytes);
}

void store_run(struct store *s, struct store_op *op)
{
    op->next = NULL;
    backend_run(s->back, &op, 1);
}

static int is_idle(struct store *s)
{
    int idle;

    pthread_mutex_lock(&s->lock);
    idle = s->ops == 0 && s->finished.first == NULL;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

static void stop_writer(struct store *s)
{
    /* done() may submit more; that is written and completed too. */
    for (store_complete(s); !is_idle(s); store_complete(s))
        bell_wait(s->bell);
    pthread_mutex_lock(&s->lock);
    s->stop = 1;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    close(s->bell);
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    if (s->started)
        stop_writer(s);
    backend_close(s->back);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

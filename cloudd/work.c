/* work.c - the pool of threads for public-key work: one queue in, one list out, a bell. */
#include "cloudd/work.h"

#include <stdlib.h>
#include <unistd.h>

#include "cloudd/thread.h"

#define THREADS_MAX 4

struct jobs {
    struct job *first, *last;
};

struct work {
    pthread_t threads[THREADS_MAX];
    int n_threads, bell;
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t wake;  /* a job waits, or stop */
    struct jobs waiting, finished;
    size_t n; /* waiting, running or finished */
    int stop;
};

static void push(struct jobs *q, struct job *j)
{
    j->next = NULL;
    if (q->last != NULL)
        q->last->next = j;
    else
        q->first = j;
    q->last = j;
}

static struct job *pop(struct jobs *q)
{
    struct job *j = q->first;

    if (j != NULL) {
        q->first = j->next;
        if (q->first == NULL)
            q->last = NULL;
    }
    return j;
}

static void *worker(void *arg)
{
    struct work *w = arg;
    struct job *j;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        j = pop(&w->waiting);
        if (j == NULL && w->stop)
            break;
        if (j == NULL) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        j->run(j);
        pthread_mutex_lock(&w->lock);
        push(&w->finished, j);
        bell_ring(w->bell);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static int thread_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (int)n;
}

struct work *work_new(void)
{
    struct work *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    w->bell = bell_open();
    for (int i = 0; w->bell >= 0 && i < thread_count(); i++)
        if (thread_start(&w->threads[w->n_threads], worker, w) == 0)
            w->n_threads++;
    if (w->n_threads == 0) {
        work_free(w);
        return NULL;
    }
    return w;
}

int work_notify_fd(const struct work *w)
{
    return w->bell;
}

void work_submit(struct work *w, struct job *j)
{
    pthread_mutex_lock(&w->lock);
    push(&w->waiting, j);
    w->n++;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void work_complete(struct work *w)
{
    struct jobs done;
    struct job *j;

    bell_clear(w->bell);
    pthread_mutex_lock(&w->lock);
    done = w->finished;
    w->finished = (struct jobs){NULL, NULL};
    for (j = done.first; j != NULL; j = j->next)
        w->n--;
    pthread_mutex_unlock(&w->lock);
    while ((j = pop(&done)) != NULL)
        j->done(j);
}

static int is_idle(struct work *w)
{
    int idle;

    pthread_mutex_lock(&w->lock);
    idle = w->n == 0;
    pthread_mutex_unlock(&w->lock);
    return idle;
}

static void stop_threads(struct work *w)
{
    /* done() may submit more; that is done too. */
    for (work_complete(w); !is_idle(w); work_complete(w))
        bell_wait(w->bell);
    pthread_mutex_lock(&w->lock);
    w->stop = 1;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
}

void work_free(struct work *w)
{
    if (w == NULL)
        return;
    if (w->n_threads > 0)
        stop_threads(w);
    if (w->bell >= 0)
        close(w->bell);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

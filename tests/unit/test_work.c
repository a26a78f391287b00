/* test_work.c - the pool of threads for public-key work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include <cmocka.h>

#include "cloudd/work.h"

#define JOBS 500

struct sum {
    struct job job;
    struct work *pool;
    pthread_t ran_on;
    unsigned in, out, again;
};

static unsigned completed;

static void add(struct job *j)
{
    struct sum *s = j->ctx;

    s->ran_on = pthread_self();
    s->out += s->in + 1;
}

static void on_added(struct job *j)
{
    struct sum *s = j->ctx;

    completed++;
    if (s->again > 0) {
        s->again--;
        work_submit(s->pool, j);
    }
}

static void submit_all(struct work *pool, struct sum sums[JOBS], unsigned again)
{
    memset(sums, 0, JOBS * sizeof(*sums));
    completed = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        sums[i].job = (struct job){.run = add, .done = on_added, .ctx = &sums[i]};
        sums[i].pool = pool;
        sums[i].in = i;
        sums[i].again = again;
        work_submit(pool, &sums[i].job);
    }
}

static void work__many_jobs__each_run_once_off_this_thread(void **state)
{
    static struct sum sums[JOBS];
    struct work *pool = work_new();
    struct pollfd bell;

    (void)state;
    assert_non_null(pool);
    bell = (struct pollfd){.fd = work_notify_fd(pool), .events = POLLIN};
    submit_all(pool, sums, 0);
    while (completed < JOBS) {
        assert_int_equal(poll(&bell, 1, 20000), 1);
        work_complete(pool);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(sums[i].out, i + 1);
        assert_false(pthread_equal(sums[i].ran_on, pthread_self()));
    }
    work_free(pool);
    assert_int_equal(completed, JOBS);
}

static void work_free__jobs_queued_that_submit_more__all_are_completed(void **state)
{
    static struct sum sums[JOBS];
    struct work *pool = work_new();

    (void)state;
    assert_non_null(pool);
    submit_all(pool, sums, 2);
    work_free(pool);
    assert_int_equal(completed, 3 * JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(sums[i].out, 3 * (i + 1));
}

static void work_complete__nothing_done__returns_at_once(void **state)
{
    struct work *pool = work_new();

    (void)state;
    assert_non_null(pool);
    completed = 0;
    work_complete(pool);
    assert_int_equal(completed, 0);
    work_free(pool);
    work_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work__many_jobs__each_run_once_off_this_thread),
        cmocka_unit_test(work_free__jobs_queued_that_submit_more__all_are_completed),
        cmocka_unit_test(work_complete__nothing_done__returns_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* thread.c - threads without signals, and their bell: an eventfd. */
#include "cloudd/thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    int e;

    sigfillset(&all);
    sigdelset(&all, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

int bell_open(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void bell_ring(int bell)
{
    static const uint64_t one = 1;

    /* It can only fail when the counter is full, and then it is ringing already. */
    while (write(bell, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void bell_clear(int bell)
{
    uint64_t count;

    while (read(bell, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

void bell_wait(int bell)
{
    struct pollfd p = {.fd = bell, .events = POLLIN};

    poll(&p, 1, -1);
}

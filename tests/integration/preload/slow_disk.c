/*
 * slow_disk.c - preloaded into cloudd: a disk that takes 10 ms for a sync, so that much happens
 * between what is sent and what is written. Built by kill_rounds.py.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int fd);
int fsync(int fd);

static void wait_for_disk(void)
{
    const struct timespec ten_ms = {.tv_nsec = 10 * 1000 * 1000};

    nanosleep(&ten_ms, NULL);
}

int fdatasync(int fd)
{
    wait_for_disk();
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    wait_for_disk();
    return (int)syscall(SYS_fsync, fd);
}

/*
 * load.h - what the two clients of this folder share: messages that can be told apart, the plan of
 * a load and its end (by number, by time, with or without a kill), the count of survivors, and the
 * system's counters.
 */
#ifndef INKPOST_TESTS_BENCH_PEERS_LOAD_H
#define INKPOST_TESTS_BENCH_PEERS_LOAD_H

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/tcp.h>

#include "tests/bench/bench.h"

#ifndef WAIT_MS
#define WAIT_MS 20000
#endif
#define DRAIN_MS  3000 /* without a package for so long, there is none any more */
#define PSK_BYTES 32
#define PSK_BYTE  0x5a

#ifndef CHECK
#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "not ok: line %d: %s\n", __LINE__, #what);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#endif

/* ---- messages: four bytes of number, then bytes that follow from it ---- */

static inline void load_fill(uint8_t *p, size_t len, uint32_t number)
{
    memset(p, (int)(number & 0xff), len);
    memcpy(p, &number, sizeof(number) < len ? sizeof(number) : len);
}

static inline uint32_t load_number(const uint8_t *p)
{
    uint32_t number;

    memcpy(&number, p, sizeof(number));
    return number;
}

static inline int load_is_sound(const uint8_t *p, size_t len)
{
    uint8_t want = (uint8_t)load_number(p);

    for (size_t i = sizeof(uint32_t); i < len; i++)
        if (p[i] != want)
            return 0;
    return 1;
}

/* ---- a load ---- */

struct load_plan {
    size_t n;
    double deadline; /* bench_now_us() */
    pid_t kill;      /* 0: nobody */
};

struct load_result {
    size_t sent, acked;
    double start;
};

static inline struct load_plan load_plan(size_t n, size_t seconds, pid_t kill)
{
    struct load_plan p = {n, bench_now_us() + (double)seconds * 1e6, kill};

    CHECK(n > 0 && seconds > 0);
    return p;
}

static inline int load_ms_until(double deadline)
{
    double ms = (deadline - bench_now_us()) / 1e3;

    return ms > 0 ? (int)ms + 1 : 0;
}

static inline int load_is_over(const struct load_plan *p, const struct load_result *r)
{
    return r->acked >= p->n || bench_now_us() >= p->deadline;
}

/* With a victim: kill it now, with the rest of the window still under way. */
static inline void load_end(const struct load_plan *p, const struct load_result *r)
{
    double seconds = (bench_now_us() - r->start) / 1e6;

    if (p->kill > 0)
        CHECK(kill(p->kill, SIGKILL) == 0);
    printf("acked %zu sent %zu seconds %.4f\n", r->acked, r->sent, seconds);
}

/* ---- who is still there ---- */

struct survivors {
    uint8_t *seen;
    size_t acked, distinct, twice, others, damaged;
};

static inline void survivors_start(struct survivors *s, size_t acked)
{
    memset(s, 0, sizeof(*s));
    s->acked = acked;
    s->seen = calloc(acked + 1, 1);
    CHECK(s->seen != NULL);
}

/* `others` were never acknowledged: they may be there or not. */
static inline void survivors_add(struct survivors *s, uint32_t number, int sound)
{
    if (!sound) {
        s->damaged++;
    } else if (number >= s->acked) {
        s->others++;
    } else {
        s->twice += s->seen[number];
        s->distinct += !s->seen[number];
        s->seen[number] = 1;
    }
}

static inline void survivors_print(const struct survivors *s)
{
    printf("survived %zu acked %zu twice %zu unacked %zu damaged %zu\n", s->distinct, s->acked,
           s->twice, s->others, s->damaged);
}

/* ---- the system's counters ---- */

static inline void load_allow_files(size_t n)
{
    struct rlimit r;

    CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
    r.rlim_cur = r.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max > n + 16);
}

/* Private memory of a process, in bytes. */
static inline uint64_t load_memory_of(const char *pid)
{
    char path[64], line[256];
    unsigned long kb = 0, v;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
    f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Private_Dirty: %lu kB", &v) == 1 ||
            sscanf(line, "Private_Clean: %lu kB", &v) == 1)
            kb += v;
    fclose(f);
    return (uint64_t)kb * 1024;
}

/* Bytes of payload that went over a TCP connection, both ways. */
static inline uint64_t load_tcp_bytes(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    return info.tcpi_bytes_sent + info.tcpi_bytes_received;
}

#endif

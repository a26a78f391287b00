/*
 * bench_wire.c - what it costs a device to be connected, in time: TCP connect, the hop's handshake
 * (Noise IK, one round trip), ATTACH, against a cloudd that runs. Medians of many rounds.
 *
 *     bench_wire HOST:PORT CLOUD_KEY ROUNDS     the store was filled by `cloud_crowd fill`
 */
#include "tests/bench/bench.h"
#include "tests/integration/cloud_peer.h"

#define ROUNDS_MAX 5000

enum { CONNECT, HOP, ATTACH, ALL, PARTS };

static double us[PARTS][ROUNDS_MAX];

static void one_round(struct device *d, enum hop_mode mode, size_t round)
{
    double start = bench_now_us(), up, attached;
    struct msg m;
    int fd = dial();
    double connected = bench_now_us();

    close(fd);
    up = bench_now_us();
    hop_up(d, ROLE_RECV, mode);
    us[CONNECT][round] = connected - start;
    us[HOP][round] = bench_now_us() - up;
    up = bench_now_us();
    send_attach(d);
    expect(d, &m, MSG_ATTACHED);
    attached = bench_now_us();
    us[ATTACH][round] = attached - up;
    us[ALL][round] = us[HOP][round] + us[ATTACH][round];
    close(d->fd);
}

static void row(const char *what, const char *mode, double *v, size_t n)
{
    double m = bench_median(v, n);

    printf("%-44s %-7s %6zu %10.1f %10.1f\n", what, mode, n, m, bench_percentile(v, n, 0.99));
}

int main(int argc, char **argv)
{
    size_t rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    struct device d;

    if (rounds < 1 || rounds > ROUNDS_MAX || sodium_init() < 0) {
        fprintf(stderr, "usage: bench_wire HOST:PORT CLOUD_KEY ROUNDS (1..%d)\n", ROUNDS_MAX);
        return 2;
    }
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[2]) == 0);
    reach(argv[1]);
    device_init(&d, "device-000000");
    printf("%-44s %-7s %6s %10s %10s\n", "step", "hop", "rounds", "median us", "p99 us");
    for (int mode = HOP_SEALED; mode <= HOP_CLEAR; mode++) {
        const char *name = mode == HOP_SEALED ? "sealed" : "clear";

        for (size_t r = 0; r < rounds; r++)
            one_round(&d, (enum hop_mode)mode, r);
        row("TCP connect alone", name, us[CONNECT], rounds);
        row("connect and hop, to the first key", name, us[HOP], rounds);
        row("ATTACH to ATTACHED", name, us[ATTACH], rounds);
        row("connect, hop, ATTACH", name, us[ALL], rounds);
    }
    return 0;
}

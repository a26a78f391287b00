/*
 * hostile_cloud - a cloud that lies, against the real sds and sdr. It holds the right hop key, as a
 * malicious operator would, and plays the peer as well where a scenario needs one. Here: the home
 * of the device, and the table of scenarios.
 *
 *     hostile_cloud HOME SCENARIO     makes HOME, a device enrolled here, and prints "ready"
 *
 * In HOME: device.key, device.conf, and cover.pgm for sds. The device is alice when it sends and
 * bob when it receives. Exit 0: the device did what it should.
 */
#include <errno.h>
#include <sys/stat.h>

#include "common/secret.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

uint8_t pixels[SIDE * SIDE];
const char *home;

static void write_file(const char *dir, const char *name, const void *p, size_t len)
{
    char path[512];

    CHECK((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) < sizeof(path));
    CHECK(secret_write_file(path, p, len) == 0);
}

static void make_home(const char *dir, const char *id, const struct noise_keypair *key)
{
    uint8_t raw[2 * KEY_BYTES], pgm[PGM_HEADER_MAX + sizeof(pixels)];
    char conf[512], hex[2 * KEY_BYTES + 1];
    size_t len;
    int n;

    CHECK(mkdir(dir, 0700) == 0 || errno == EEXIST);
    memcpy(raw, key->secret_key, KEY_BYTES);
    randombytes_buf(raw + KEY_BYTES, KEY_BYTES);
    write_file(dir, "device.key", raw, sizeof(raw));
    text_hex(hex, cloud.public_key, KEY_BYTES);
    n = snprintf(conf, sizeof(conf),
                 "inkpost-device 1\nid %s\nhost 127.0.0.1\nport %u\ncloud-key %s\nenrolment 1\n",
                 id, listen_somewhere(), hex);
    write_file(dir, "device.conf", conf, (size_t)n);
    randombytes_buf(pixels, sizeof(pixels));
    CHECK(pgm_write(pgm, sizeof(pgm), &len, SIDE, SIDE, pixels) == 0);
    write_file(dir, "cover.pgm", pgm, len);
    printf("ready\n");
    fflush(stdout);
}

static const struct {
    const char *name;
    void (*run)(void);
    int receives;
} scenarios[] = {
    {"frames", scenario_frames, 0},     {"terms", scenario_terms, 0},
    {"key", scenario_key, 0},           {"result", scenario_result, 0},
    {"receipts", scenario_receipts, 0}, {"unsaved", scenario_unsaved, 0},
    {"suites", scenario_suites, 0},     {"steered", scenario_steered, 0},
    {"nosuite", scenario_nosuite, 0},   {"read", scenario_read, 0},
    {"bob", scenario_bob, 1},           {"forge", scenario_forge, 1},
    {"history", scenario_history, 1},   {"flood", scenario_flood, 1},
    {"promise", scenario_promise, 1},   {"intruder", scenario_intruder, 1},
    {"set", scenario_set, 1},
};

int main(int argc, char **argv)
{
    CHECK(argc == 3 && sodium_init() >= 0);
    noise_keypair_new(&cloud);
    noise_keypair_new(&alice);
    noise_keypair_new(&bob);
    memcpy(cloud_key, cloud.public_key, KEY_BYTES);
    randombytes_buf(shk, sizeof(shk));
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(scenarios[i].name, argv[2]) != 0)
            continue;
        home = argv[1];
        make_home(home, scenarios[i].receives ? "bob" : "alice",
                  scenarios[i].receives ? &bob : &alice);
        scenarios[i].run();
        printf("ok %s\n", argv[2]);
        return 0;
    }
    fprintf(stderr, "not ok: no scenario %s\n", argv[2]);
    return 1;
}

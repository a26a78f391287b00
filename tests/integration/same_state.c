/*
 * same_state.c - does the cloud's copy of the state of a device's current session to PEER equal the
 * device's own? Both at rest, with nobody running. Prints after how many packages.
 *
 *     same_state CLOUD_HOME DEVICE_HOME PEER
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/home.h"
#include "cloudd/states.h"
#include "common/keybuf.h"
#include "common/sql/sql.h"
#include "common/text.h"

#define CHECK(is)                                                                                  \
    do {                                                                                           \
        if (!(is)) {                                                                               \
            fprintf(stderr, "not ok: %s, line %d\n", #is, __LINE__);                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static struct sql *open_file(const char *home, const char *name)
{
    char path[PATH_MAX], why[256] = "";
    struct sql *db = NULL;

    snprintf(path, sizeof(path), "%s/%s", home, name);
    if (sql_open(&db, path, why, sizeof(why)) != 0) {
        fprintf(stderr, "not ok: %s: %s\n", path, why);
        exit(1);
    }
    return db;
}

static void ask_device(const char *home, const char *peer, uint8_t session[SESSION_ID_BYTES],
                       struct keybuf *state)
{
    struct sql *db = open_file(home, "state.db");
    struct sql_query q;

    sql_ask(&q, db, "SELECT session, chain FROM send_session WHERE peer = ? AND current = 1");
    sql_put_text(&q, peer);
    CHECK(sql_row(&q));
    sql_get_fixed(&q, session, SESSION_ID_BYTES);
    state->len = sql_get_short(&q, state->b, sizeof(state->b));
    CHECK(sql_end(&q) == 0);
    sql_close(db);
}

static uint64_t ask_cloud(const char *dir, const uint8_t session[SESSION_ID_BYTES],
                          struct keybuf *state)
{
    struct sql *db = open_file(dir, "cloud.db");
    char name[2 * SESSION_ID_BYTES + 1], why[256] = "";
    struct store_bytes sealed;
    struct vault_plain plain;
    struct cloud_home home;
    struct sql_query q;
    uint64_t next;

    CHECK(cloud_home_open(&home, dir, why, sizeof(why)) == 0);
    sql_ask(&q, db, "SELECT next, sealed FROM states WHERE session = ?");
    sql_put_bytes(&q, session, SESSION_ID_BYTES);
    CHECK(sql_row(&q));
    next = sql_get_u64(&q);
    sql_get_bytes(&q, &sealed.p, &sealed.len, 4096);
    CHECK(sql_end(&q) == 0);
    text_hex(name, session, SESSION_ID_BYTES);
    CHECK(vault_open(&plain, &home.secrets->key, VAULT_STATE, name, &sealed) == 0);
    keybuf_set(state, plain.body.p, plain.body.len);
    vault_plain_free(&plain);
    free(sealed.p);
    cloud_home_close(&home);
    sql_close(db);
    return next;
}

int main(int argc, char **argv)
{
    struct keybuf device = {0}, cloud = {0};
    uint8_t session[SESSION_ID_BYTES];
    uint64_t next;

    CHECK(argc == 4 && sodium_init() >= 0);
    ask_device(argv[2], argv[3], session, &device);
    next = ask_cloud(argv[1], session, &cloud);
    CHECK(device.len > 0 && keybuf_equal(&device, &cloud));
    printf("the same state after %llu packages\n", (unsigned long long)next);
    return 0;
}

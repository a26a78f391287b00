/* main.c - cloudd, the cloud server: its commands. */
#include <stdio.h>
#include <string.h>

#include "cloudd/admin.h"
#include "cloudd/home.h"
#include "cloudd/options.h"
#include "cloudd/server.h"
#include "cloudd/store.h"
#include "common/err.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"
#include "common/version.h"

#define PAGE_BYTES 4096

static int fail(const char *why)
{
    fprintf(stderr, "cloudd: %s\n", why);
    return EXIT_FAILED;
}

static int open_store(struct store **store, const struct cloud_home *home, char *why,
                      size_t why_len)
{
    char path[PATH_MAX];
    int err = cloud_home_path(home, "cloud.db", path);

    if (err != 0)
        return say(why, why_len, err, "%s: the name is too long", home->dir);
    return store_open(store, path, why, why_len);
}

static int run_init(const struct options *o)
{
    char why[WHY_MAX] = "", key[2 * NOISE_KEY_BYTES + 1];
    struct store *store = NULL;
    struct cloud_home home;
    int err = cloud_home_init(&home, o->home, why, sizeof(why));

    if (err == 0)
        err = open_store(&store, &home, why, sizeof(why));
    store_close(store);
    if (err == 0)
        err = cloud_home_finish(&home, why, sizeof(why));
    if (err == 0) {
        text_hex(key, home.secrets->key.public_key, NOISE_KEY_BYTES);
        printf("cloud-key %s\n", key);
    }
    cloud_home_close(&home);
    return err == 0 ? EXIT_DONE : fail(why);
}

static int run_server(const struct options *o)
{
    char why[WHY_MAX] = "";
    struct store *store = NULL;
    struct cloud_home home;
    int err = cloud_home_open(&home, o->home, why, sizeof(why));

    log_set_level(o->log);
    if (err == 0)
        err = cloud_home_lock(&home, why, sizeof(why));
    if (err == 0)
        err = open_store(&store, &home, why, sizeof(why));
    if (err == 0 && o->max_store > 0)
        err = store_set_page_limit(store, (unsigned)(o->max_store / PAGE_BYTES));
    if (err == 0)
        err = server_run(o, &home, store, why, sizeof(why));
    else
        store_close(store);
    cloud_home_close(&home);
    return err == 0 ? EXIT_DONE : fail(why);
}

static int run_admin(const struct options *o)
{
    char why[WHY_MAX] = "";
    struct store *store = NULL;
    struct cloud_home home;
    int status = EXIT_FAILED;

    if (cloud_home_open(&home, o->home, why, sizeof(why)) == 0 &&
        open_store(&store, &home, why, sizeof(why)) == 0)
        status = admin_run(o, store, why, sizeof(why));
    if (status != EXIT_DONE)
        fprintf(stderr, "cloudd: %s\n", why);
    store_close(store);
    cloud_home_close(&home);
    return status;
}

static int run_help(const struct options *o)
{
    if (options_help(o->id) == 0)
        return EXIT_DONE;
    fprintf(stderr, "cloudd: \"%s\" is no command of cloudd; try: cloudd help\n", o->id);
    return EXIT_USAGE;
}

static int run(const struct options *o)
{
    switch (o->command) {
    case CMD_INIT:
        return run_init(o);
    case CMD_RUN:
        return run_server(o);
    case CMD_INVITE:
    case CMD_DEVICES:
    case CMD_SESSIONS:
    case CMD_MAILBOX:
    case CMD_REVOKE:
        return run_admin(o);
    case CMD_HELP:
        return run_help(o);
    case CMD_VERSION:
        printf("cloudd (inkpost) %s\n", INKPOST_VERSION);
        return EXIT_DONE;
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    char why[WHY_MAX] = "";
    struct options o;
    int status;

    if (secret_process_init() != 0)
        return fail("the system refuses to protect this process's memory");
    if (options_parse(&o, argc, argv, why, sizeof(why)) != 0) {
        fprintf(stderr, "cloudd: %s\ntry: cloudd help\n", why);
        return EXIT_USAGE;
    }
    status = run(&o);
    if (status == EXIT_DONE && (fflush(stdout) != 0 || ferror(stdout)))
        return fail("standard output cannot be written");
    return status;
}

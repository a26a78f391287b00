/* main.c - cloudd, the cloud server: its commands. */
#include <stdio.h>
#include <string.h>

#include "cloudd/admin.h"
#include "cloudd/home.h"
#include "cloudd/listen.h"
#include "cloudd/options.h"
#include "cloudd/privileges.h"
#include "cloudd/server.h"
#include "cloudd/store.h"
#include "common/err.h"
#include "common/log.h"
#include "common/profile.h"
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
    size_t said;
    int err = cloud_home_path(home, "cloud.db", path);

    if (err != 0)
        return say(why, why_len, err, "%s: the name is too long", home->dir);
    err = store_open(store, path, why, why_len);
    said = strlen(why);
    if (err == ERR_FORMAT || err == ERR_MALFORMED)
        say(why + said, why_len - said, err, "; restore it from a backup");
    return err;
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

/* Who we are from now on. Nothing of the home is opened before: what root would make in the folder
 * of another user is not for that user. */
static int settle(const struct options *o, struct privileges *who, char *why, size_t why_len)
{
    int err = privileges_find(who, o->user, o->home, why, why_len);

    return err != 0 ? err : privileges_drop(who, why, why_len);
}

/* The home, its lock and its store; a server takes over the store. */
static int open_all(const struct options *o, struct cloud_home *home, struct store **store,
                    char *why, size_t why_len)
{
    int err = cloud_home_open(home, o->home, why, why_len);

    if (err == 0)
        err = cloud_home_lock(home, why, why_len);
    if (err == 0)
        err = open_store(store, home, why, why_len);
    if (err == 0 && o->max_store > 0)
        err = store_set_page_limit(*store, (unsigned)(o->max_store / PAGE_BYTES));
    return err;
}

static void warn_of_research(void)
{
    for (size_t i = 0; i < profile_count; i++)
        if (profiles[i]->research != NULL)
            log_warn("--allow-research lets devices choose the profile %s, which is for research "
                     "only: %s",
                     profiles[i]->name, profiles[i]->research);
}

static int run_server(const struct options *o)
{
    char why[WHY_MAX] = "", no_socket[WHY_MAX] = "";
    struct server_start with = {.opt = o, .socket = -1};
    struct store *store = NULL;
    struct privileges who;
    struct cloud_home home;
    int err;

    log_set_level(o->log);
    privileges_limits(o->max_connections);
    /* First, for it may take root; told last, for a home in use says more than a port in use. */
    listen_bind(o, &with.socket, no_socket, sizeof(no_socket));
    if (settle(o, &who, why, sizeof(why)) != 0)
        return fail(why);
    err = open_all(o, &home, &store, why, sizeof(why));
    if (err == 0 && who.uid == 0)
        log_warn("running as root, though without its capabilities: give the home to a user of its "
                 "own, with: chown -R USER %s",
                 o->home);
    if (err == 0 && o->allow_research)
        warn_of_research();
    if (err == 0 && with.socket < 0)
        err = say(why, sizeof(why), ERR_SYS, "%s", no_socket);
    if (err == 0) {
        with.home = &home;
        with.store = store;
        with.user = who.name;
        err = server_run(&with, why, sizeof(why));
    } else {
        store_close(store);
    }
    cloud_home_close(&home);
    return err == 0 ? EXIT_DONE : fail(why);
}

static int run_admin(const struct options *o)
{
    char why[WHY_MAX] = "";
    struct store *store = NULL;
    struct privileges who;
    struct cloud_home home;
    int status = EXIT_FAILED;

    if (settle(o, &who, why, sizeof(why)) != 0)
        return fail(why);
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
        fprintf(stderr, "cloudd: %s\ntry: cloudd help%s%s\n", why, o.name != NULL ? " " : "",
                o.name != NULL ? o.name : "");
        return EXIT_USAGE;
    }
    status = run(&o);
    if (status == EXIT_DONE && (fflush(stdout) != 0 || ferror(stdout)))
        return fail("standard output cannot be written");
    return status;
}

/* device.c - opening and closing a device for a command. */
#include "common/agent/device.h"

#include <signal.h>
#include <string.h>

#include "common/agent/peers.h"
#include "common/err.h"

struct event_base *device_base(void)
{
    struct event_config *c = event_config_new();
    struct event_base *base = NULL;

    if (c != NULL) {
        /* epoll refuses plain files, and sds reads its messages from stdin. */
        event_config_avoid_method(c, "epoll");
        base = event_base_new_with_config(c);
        event_config_free(c);
    }
    return base;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct device *d = arg;

    (void)fd;
    (void)what;
    if (d->stop != NULL)
        d->stop(d->arg);
}

static const int numbers[2] = {SIGTERM, SIGINT};

static int make_base(struct device *d)
{
    signal(SIGPIPE, SIG_IGN);
    d->base = device_base();
    if (d->base == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < 2; i++) {
        d->signals[i] = evsignal_new(d->base, numbers[i], on_signal, d);
        if (d->signals[i] == NULL || event_add(d->signals[i], NULL) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

static int pin_keys(struct device *d, const struct device_options *o)
{
    uint8_t key[KEY_BYTES];
    char id[ID_MAX + 1];

    for (size_t i = 0; i < o->peer_keys_n; i++) {
        if (peer_parse(o->peer_keys[i], id, key) != 0)
            return fail(EXIT_USAGE, "--peer-key %s is not ID=KEY with 64 hex digits",
                        o->peer_keys[i]);
        if (strcmp(id, d->home.id) == 0)
            return fail(EXIT_USAGE, "--peer-key %s is this device itself", id);
        if (peer_trust(d->db, id, key, PEER_PINNED) != 0)
            return fail(EXIT_FAILED, "cannot save the key of %s to state.db", id);
    }
    return 0;
}

static void make_offer(struct device *d, const struct device_options *o)
{
    offer_local(&d->offer, o->allow_research);
    home_suites(&d->home, &d->offer.suites);
}

static int open_home(struct device *d, const struct device_options *o, enum conn_role role)
{
    char why[WHY_MAX];

    if (home_open(&d->home, o->home, role, why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    if ((o->cloud != NULL && home_set_cloud(&d->home, o->cloud, why, sizeof(why)) != 0) ||
        (o->suites != NULL && home_set_suites(&d->home, o->suites, why, sizeof(why)) != 0))
        return fail(EXIT_USAGE, "%s", why);
    if (state_open(&d->db, &d->home, why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    make_offer(d, o);
    return 0;
}

int device_open(struct device *d, const struct device_options *o, enum conn_role role)
{
    int code;

    memset(d, 0, sizeof(*d));
    code = open_home(d, o, role);
    if (code != 0)
        return code;
    if (role != 0 && make_base(d) != 0)
        return fail(EXIT_FAILED, "out of memory");
    return pin_keys(d, o);
}

int device_open_beside(struct device *d, const struct device *first, enum conn_role role,
                       const struct device_options *o)
{
    int code;

    memset(d, 0, sizeof(*d));
    code = open_home(d, o, role);
    if (code != 0)
        return code;
    d->base = first->base;
    d->is_beside = 1;
    return 0;
}

int device_remember(struct device *d)
{
    char why[WHY_MAX];

    return home_save(&d->home, why, sizeof(why)) == 0 ? 0 : fail(EXIT_FAILED, "%s", why);
}

void device_on_stop(struct device *d, void (*stop)(void *arg), void *arg)
{
    d->stop = stop;
    d->arg = arg;
}

/* Nobody hears them any more, and whoever is told to end while he ends is not killed by it. */
static void free_signals(struct device *d)
{
    sigset_t late;

    sigemptyset(&late);
    for (size_t i = 0; i < 2; i++)
        sigaddset(&late, numbers[i]);
    sigprocmask(SIG_BLOCK, &late, NULL);
    for (size_t i = 0; i < 2; i++)
        if (d->signals[i] != NULL)
            event_free(d->signals[i]);
}

void device_close(struct device *d)
{
    if (d->base != NULL && !d->is_beside) {
        free_signals(d);
        event_base_free(d->base);
    }
    state_close(d->db);
    home_close(&d->home);
}

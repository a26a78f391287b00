/* history.c - the command `sdr history`. */
#include "common/agent/history.h"

#include <stdio.h>
#include <string.h>

#include "common/agent/device.h"
#include "sdr/sdr.h"

struct reading_program {
    struct device device;
    struct history *history;
    int code;
};

static void on_done(void *arg, const char *why, int failed, int unverified)
{
    struct reading_program *p = arg;

    if (why[0] != '\0')
        fprintf(stderr, "sdr history: %s\n", why);
    p->code = failed ? EXIT_FAILED : unverified ? EXIT_REJECTED : EXIT_DONE;
    event_base_loopbreak(p->device.base);
}

static void stop(void *arg)
{
    struct reading_program *p = arg;

    history_stop(p->history);
}

static int read_history(struct reading_program *p, const struct device_options *o)
{
    struct history_config config = {.base = p->device.base,
                                    .db = p->device.db,
                                    .home = &p->device.home,
                                    .mode = o->hop,
                                    .offer = p->device.offer,
                                    .from = o->from,
                                    .since = o->since,
                                    .limit = o->limit,
                                    .timeout = o->timeout,
                                    .inbox = o->inbox,
                                    .json = o->json,
                                    .done = on_done,
                                    .arg = p};
    char why[WHY_MAX];

    if (history_new(&p->history, &config, why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    device_on_stop(&p->device, stop, p);
    history_start(p->history);
    event_base_dispatch(p->device.base);
    return p->code;
}

int history_run(struct device_options *o)
{
    struct reading_program p = {.code = EXIT_FAILED};
    int code;

    if (o->from == NULL || !id_is_valid(o->from, strlen(o->from)))
        return fail(EXIT_USAGE, "--from ID: whose messages? give the sender's id");
    code = device_open(&p.device, o, ROLE_READ);
    if (code == 0)
        code = device_remember(&p.device);
    if (code == 0)
        code = read_history(&p, o);
    history_free(p.history);
    device_close(&p.device);
    return code;
}

/* main.c - sdr, the receiving device: its commands. */
#include <stdio.h>
#include <string.h>

#include "common/agent/device.h"
#include "common/agent/enroll.h"
#include "common/agent/receiver.h"
#include "common/profile.h"
#include "common/secret.h"

#define STDOUT_BYTES (64u << 10)

struct receiving_program {
    struct device device;
    struct receiver *receiver;
    int code, stopped; /* by a signal: then all that matters is a clean end */
};

static void on_down(void *arg, int final, const char *why)
{
    struct receiving_program *p = arg;

    fprintf(stderr, "sdr run: %s%s\n", why, final ? "" : "; trying again");
    if (final) {
        p->code = EXIT_FAILED;
        event_base_loopbreak(p->device.base);
    }
}

static void on_note(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void on_done(void *arg, int any_failed)
{
    struct receiving_program *p = arg;

    if (any_failed && !p->stopped)
        p->code = EXIT_REJECTED;
    event_base_loopbreak(p->device.base);
}

static void stop(void *arg)
{
    struct receiving_program *p = arg;

    p->stopped = 1;
    receiver_stop(p->receiver);
}

static void warn_of_research(void)
{
    for (size_t i = 0; i < profile_count; i++)
        if (profiles[i]->research != NULL)
            fprintf(stderr,
                    "sdr: warning: --allow-research lets senders choose the profile %s, which is "
                    "for research only: %s\n",
                    profiles[i]->name, profiles[i]->research);
}

static int receive(struct receiving_program *p, const struct device_options *o,
                   const struct accept_policy *accept)
{
    static const struct receiver_handlers handlers = {on_down, on_note, on_done};
    struct receiver_config config = {.base = p->device.base,
                                     .db = p->device.db,
                                     .home = &p->device.home,
                                     .mode = o->hop,
                                     .offer = p->device.offer,
                                     .accept = accept,
                                     .inbox = o->inbox,
                                     .json = o->json,
                                     .count = o->count,
                                     .handlers = &handlers,
                                     .arg = p};
    char why[WHY_MAX];

    if (receiver_new(&p->receiver, &config, why, sizeof(why)) != 0)
        return fail(EXIT_FAILED, "%s", why);
    device_on_stop(&p->device, stop, p);
    if (receiver_start(p->receiver) != 0)
        return fail(EXIT_FAILED, "cannot read %s/state.db", p->device.home.dir);
    event_base_dispatch(p->device.base);
    return p->code;
}

static int receive_run(struct device_options *o)
{
    struct receiving_program p = {.code = EXIT_DONE};
    struct accept_policy accept = {0};
    char why[WHY_MAX];
    int code = device_open(&p.device, o, ROLE_RECV);

    if (code == 0 &&
        accept_parse(&accept, o->accept != NULL ? o->accept : "any", why, sizeof(why)) != 0)
        code = fail(EXIT_USAGE, "%s", why);
    if (code == 0 && o->allow_research)
        warn_of_research();
    if (code == 0)
        code = receive(&p, o, &accept);
    receiver_free(p.receiver);
    accept_free(&accept);
    device_close(&p.device);
    return code;
}

static const struct command commands[] = {
    {"enroll", ENROLL_OPTIONS, ENROLL_USAGE, ENROLL_ABOUT, enroll_run},
    {"run", "home cloud hop peer-key suites allow-research json inbox count accept",
     "--home DIR [--inbox FOLDER] [--count N] [--accept ID,...|any] [OPTIONS]",
     "Receive: answer negotiations, verify messages, print them, send receipts.\n\n"
     "  --inbox FOLDER       also save each message and its stego image as files there\n"
     "  --count N            stop after N messages; exit 3 when one of them failed\n"
     "  --accept ID,...|any  who may open a session with us (any enrolled device)\n"
     "  --cloud HOST:PORT    another address of the cloud; remembered\n"
     "  --hop sealed|clear   clear lets the hop be watched (cloudd run --hop any)\n"
     "  --hop open           no protection at all, for research (--allow-research on both sides)\n"
     "  --peer-key ID=KEY    pin a peer's key; may be repeated\n"
     "  --suites LIST        the device's cipher suites, best first; remembered\n"
     "  --allow-research     take part in research profiles\n"
     "  --json               one JSON object a line on stdout",
     receive_run},
    {"peers", PEERS_OPTIONS, PEERS_USAGE, PEERS_ABOUT, peers_run},
};

int main(int argc, char **argv)
{
    if (secret_process_init() != 0)
        return fail(EXIT_FAILED, "cannot protect this process's memory");
    /* Lines are flushed one by one; a long one goes out in one piece. */
    (void)setvbuf(stdout, NULL, _IOFBF, STDOUT_BYTES);
    return options_main("sdr", commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}

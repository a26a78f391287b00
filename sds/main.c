/* main.c - sds, the sending device: its commands. */
#include <string.h>

#include "common/agent/enroll.h"
#include "common/agent/lab.h"
#include "common/agent/run.h"
#include "common/secret.h"
#include "sds/send.h"
#include "sds/set.h"

#define DEVICE_OPTIONS "home cloud hop peer-key suites allow-research json"
#define DEVICE_ABOUT                                                                               \
    "  --cloud HOST:PORT    another address of the cloud; remembered\n"                            \
    "  --hop sealed|clear   clear lets the hop be watched (cloudd run --hop any)\n"                \
    "  --hop open           no protection at all, for research (--allow-research on both sides)\n" \
    "  --peer-key ID=KEY    pin a peer's key; may be repeated\n"                                   \
    "  --suites LIST        the device's cipher suites, best first; remembered\n"                  \
    "  --allow-research     take part in research profiles\n"                                      \
    "  --json               one JSON object a line on stdout"

static const struct command commands[] = {
    {"enroll", ENROLL_OPTIONS, ENROLL_USAGE, ENROLL_ABOUT, enroll_run, 0},
    {"send", DEVICE_OPTIONS " to cover profile stego file no-wait no-pad timeout",
     "--home DIR --to ID[,ID...] --cover IMAGE [OPTIONS] [--file F | MESSAGE]",
     "Send one message and wait for the receivers' word.\n\n"
     "  --to ID[,ID...]      the receivers; @NAME stands for the members of a set\n"
     "  --cover IMAGE        picture that carries the authentication code; use one once\n"
     "                       (not with sga, which hides nothing)\n"
     "  --profile P          auth (in clear, the default), sealed (encrypted), or with\n"
     "                       --allow-research: paper, sga\n"
     "  --stego CODE         light (fewest changes) or stealth (changes where they hide)\n"
     "  --no-pad             let the length of an encrypted message be seen (sealed)\n"
     "  --file F             the message is the content of F; - for stdin\n"
     "  --no-wait            leave it in the outbox or with the cloud, and exit 0\n"
     "  --timeout S          give up waiting after S seconds (30) and exit 1\n" DEVICE_ABOUT,
     send_run, 1},
    {"run", DEVICE_OPTIONS " to covers profile stego no-pad talk accept inbox",
     "--home DIR --to ID --covers FOLDER [--talk]",
     "Send one message a line from stdin, until its end and all are receipted.\n\n"
     "  --to ID              the receiver\n"
     "  --covers FOLDER      pictures, used in turn\n"
     "  --profile P          auth (in clear, the default), sealed (encrypted), or with\n"
     "                       --allow-research: paper, sga\n"
     "  --stego CODE         light or stealth\n"
     "  --no-pad             let the length of encrypted messages be seen (sealed)\n"
     "  --talk               also receive, and show what comes back, as sdr run does\n"
     "  --accept ID,...|any  with --talk: who may open a session with us (any enrolled device)\n"
     "  --inbox FOLDER       with --talk: also save what comes as files there\n" DEVICE_ABOUT,
     run_sending, 0},
    {"set", "home json", "create|add|remove NAME ID[,ID...] | list [NAME]   --home DIR [--json]",
     "Keep sets of receivers under names of this device's own, for send --to @NAME.\n\n"
     "  create NAME ID,...   make the set NAME\n"
     "  add NAME ID,...      add members; a set has 256 at most\n"
     "  remove NAME ID,...   remove members; a set without members is gone\n"
     "  list [NAME]          the sets, one a line\n"
     "  --json               one JSON object a line on stdout",
     set_run, 3},
    {"peers", PEERS_OPTIONS, PEERS_USAGE, PEERS_ABOUT, peers_run, 0},
};

int main(int argc, char **argv)
{
    char help[] = "--help", *of_lab[] = {help};

    if (secret_process_init() != 0)
        return fail(EXIT_FAILED, "cannot protect this process's memory");
    if (argc >= 2 && strcmp(argv[1], "lab") == 0)
        return lab_main(argc - 2, argv + 2);
    if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "lab") == 0)
        return lab_main(1, of_lab);
    return options_main("sds", commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}

/* main.c - sdr, the receiving device: its commands. */
#include "common/agent/enroll.h"
#include "common/agent/run.h"
#include "common/secret.h"
#include "sdr/sdr.h"

static const struct command commands[] = {
    {"enroll", ENROLL_OPTIONS, ENROLL_USAGE, ENROLL_ABOUT, enroll_run, 0},
    {"run", "home cloud hop peer-key suites allow-research json inbox count accept "
            "covers to profile stego no-pad",
     "--home DIR [--inbox FOLDER] [--count N] [--accept ID,...|any] [--covers FOLDER] [OPTIONS]",
     "Receive: answer negotiations, verify messages, print them, send receipts.\n\n"
     "  --inbox FOLDER       also save each message and its stego image as files there\n"
     "  --count N            stop after N messages; exit 3 when one of them failed\n"
     "  --accept ID,...|any  who may open a session with us (any enrolled device)\n"
     "  --covers FOLDER      lines of stdin are answers, in these pictures in turn\n"
     "  --to ID              who gets them (the sender of the last message shown)\n"
     "  --profile P          of the answers: auth (in clear, the default), sealed (encrypted), or\n"
     "                       with --allow-research: paper, sga\n"
     "  --stego CODE         light or stealth\n"
     "  --no-pad             let the length of encrypted answers be seen (sealed)\n"
     "  --cloud HOST:PORT    another address of the cloud; remembered\n"
     "  --hop sealed|clear   clear lets the hop be watched (cloudd run --hop any)\n"
     "  --hop open           no protection at all, for research (--allow-research on both sides)\n"
     "  --peer-key ID=KEY    pin a peer's key; may be repeated\n"
     "  --suites LIST        the device's cipher suites, best first; remembered\n"
     "  --allow-research     take part in research profiles\n"
     "  --json               one JSON object a line on stdout",
     run_receiving, 0},
    {"history", "home cloud hop suites allow-research json inbox from since limit timeout",
     "--home DIR --from ID [--since SEQ] [--limit N] [--inbox FOLDER] [OPTIONS]",
     "Messages again, from what the cloud kept (cloudd run --retain), oldest first. Shown is what\n"
     "has the bytes that were verified when they came; exit 3 when something else was there.\n\n"
     "  --from ID            whose messages\n"
     "  --since SEQ          only those of a seq above this one\n"
     "  --limit N            at most so many\n"
     "  --inbox FOLDER       also save each message and its stego image as files there\n"
     "  --timeout S          give up after so many seconds without a word (30)\n"
     "  --cloud, --hop, --suites, --allow-research   as for run\n"
     "  --json               one JSON object a line on stdout",
     history_run, 0},
    {"peers", PEERS_OPTIONS, PEERS_USAGE, PEERS_ABOUT, peers_run, 0},
};

int main(int argc, char **argv)
{
    if (secret_process_init() != 0)
        return fail(EXIT_FAILED, "cannot protect this process's memory");
    return options_main("sdr", commands, sizeof(commands) / sizeof(commands[0]), argc, argv);
}

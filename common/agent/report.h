/* report.h - what sds and sdr say about messages that they send, and which kind of message they are
 * asked to send. */
#ifndef INKPOST_AGENT_REPORT_H
#define INKPOST_AGENT_REPORT_H

#include "common/agent/options.h"
#include "common/agent/sender.h"
#include "common/profile.h"
#include "common/stego.h"

/* What --profile, --stego and --no-pad ask for, checked. */
struct message_kind {
    const struct profile *profile;
    size_t message_max; /* bytes of one message */
    int exact;
    enum stego_code code;
};

/* Read them, against what the device offers: 0 or an exit code. */
int kind_from_options(struct message_kind *kind, const struct device_options *o,
                      const struct offer *offer);

enum report_form {
    REPORT_TEXT, /* for people, on stdout */
    REPORT_JSON, /* one object, on stdout */
    REPORT_ASIDE /* for people, in few words on stderr: stdout is for what comes back */
};

/* One line about a message. reason matters when it was rejected. */
void report_item(const struct out_item *item, enum out_status status, unsigned reason,
                 enum report_form form);
/* What a negotiation went through, for people, on stderr. */
void report_phase(const char *peer, enum out_phase phase, const uint8_t key[KEY_BYTES]);

#endif

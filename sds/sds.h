/* sds.h - private to the sending program: what its commands share. */
#ifndef INKPOST_SDS_SDS_H
#define INKPOST_SDS_SDS_H

#include "common/agent/device.h"
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

/* One line on stdout about a message: JSON, or for people. reason matters when it was rejected. */
void report_item(const struct out_item *item, enum out_status status, unsigned reason, int json);
/* What a negotiation went through, for people, on stderr. */
void report_phase(const char *peer, enum out_phase phase, const uint8_t key[KEY_BYTES]);

int send_run(struct device_options *o);
int lines_run(struct device_options *o);

#endif

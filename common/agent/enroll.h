/* enroll.h - the command `enroll` of sds and sdr, and `peers`: what both programs share. */
#ifndef INKPOST_AGENT_ENROLL_H
#define INKPOST_AGENT_ENROLL_H

#include "common/agent/options.h"

#define ENROLL_OPTIONS "home id cloud cloud-key token signature suites json"
#define ENROLL_USAGE                                                                               \
    "--home DIR --id ID --cloud HOST:PORT --cloud-key KEY --token TOKEN --signature IMAGE"
#define ENROLL_ABOUT                                                                               \
    "Make a device: a key in DIR, and its registration at the cloud with the scan of a\n"          \
    "handwritten signature (PNG, JPEG, BMP or PGM).\n\n"                                           \
    "  --home DIR         folder for the device's keys and state; made, mode 0700\n"               \
    "  --id ID            1 to 64 of a-z 0-9 . _ -\n"                                              \
    "  --cloud HOST:PORT  where cloudd listens\n"                                                  \
    "  --cloud-key KEY    what `cloudd init` printed\n"                                            \
    "  --token TOKEN      what `cloudd invite ID` printed; - reads it from stdin\n"                \
    "  --signature IMAGE  the scan\n"                                                              \
    "  --suites LIST      the device's cipher suites, best first (all); remembered\n"              \
    "  --json             one JSON object on stdout"

int enroll_run(struct device_options *o);

#define PEERS_OPTIONS "home accept-key json"
#define PEERS_USAGE   "--home DIR [--accept-key ID=KEY]"
#define PEERS_ABOUT                                                                                \
    "List this device and its peers: ids, key fingerprints, sessions.\n\n"                         \
    "  --accept-key ID=KEY  use this key for the peer from now on, after you compared\n"           \
    "                       its fingerprint with the peer's owner\n"                               \
    "  --json               one JSON object a line"

int peers_run(struct device_options *o);

#endif

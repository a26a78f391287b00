/*
 * options.h - cloudd's command line: one table of commands, one of options, from which parsing and
 * help are made.
 */
#ifndef INKPOST_CLOUDD_OPTIONS_H
#define INKPOST_CLOUDD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "common/exit.h"
#include "common/log.h"
#include "common/text.h"
#include "proto/rbuf.h"
#include "proto/limits.h"

enum command {
    CMD_INIT,
    CMD_RUN,
    CMD_INVITE,
    CMD_DEVICES,
    CMD_SESSIONS,
    CMD_MAILBOX,
    CMD_REVOKE,
    CMD_HELP,
    CMD_VERSION
};

struct options {
    enum command command;
    const char *name; /* of the command; NULL: none was given, or an unknown one */
    const char *home;
    const char *id; /* of invite and revoke; of help, the command asked about or NULL */
    char host[HOST_MAX + 1];
    uint16_t port;
    int hop_any, allow_research, no_confine, json;
    struct list suites; /* that sessions may use: those allowed, and strong enough */
    uint64_t min_strength;
    const char *user;   /* whom to run as, NULL: see privileges.h */
    uint64_t max_store; /* bytes, 0: as large as the disk allows */
    uint64_t max_connections;
    uint64_t mailbox_packages; /* quota of one device's mailbox */
    uint64_t mailbox_bytes;
    uint64_t sender_share;                /* percent, see store.h */
    uint64_t store_packages, store_bytes; /* quota of all mailboxes together */
    uint64_t open_rate;                   /* negotiations a second of one device */
    uint64_t stranger_rate; /* connections a second from one address that do not attach */
    uint64_t retain;        /* days a verified package is kept, 0: not at all */
    uint64_t max_message;   /* bytes of one message */
    uint64_t ttl;           /* seconds a token is valid */
    enum log_level log;
};

/* Parse argv. ERR_ARG with a sentence in why; the caller prints it and exits with EXIT_USAGE. */
int options_parse(struct options *o, int argc, char **argv, char *why, size_t why_len);

/* Help on stdout: of one command, or of all when `about` is NULL. ERR_NOTFOUND for no command. */
int options_help(const char *about);

#endif

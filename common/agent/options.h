/*
 * options.h - the command line of sds and sdr: one table of options, and which command takes which.
 */
#ifndef INKPOST_AGENT_OPTIONS_H
#define INKPOST_AGENT_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "common/exit.h"
#include "common/hop.h"

#define PEER_KEYS_MAX 64

struct device_options {
    const char *home, *id, *cloud, *cloud_key, *token, *signature;
    const char *to, *cover, *covers, *profile, *stego, *file, *inbox, *accept, *accept_key;
    const char *from;
    const char *suites;
    const char *peer_keys[PEER_KEYS_MAX];
    size_t peer_keys_n;
    uint64_t timeout, count, since, limit;
    enum hop_mode hop;
    int json, no_wait, no_pad, allow_research, talk;
    char **rest; /* what is not an option */
    int rest_n;
};

struct command {
    const char *name;
    const char *options; /* names that it takes, space-separated */
    const char *usage;   /* what stands after the program's and the command's names */
    const char *about;   /* for help: what it does, and its options */
    int (*run)(struct device_options *o);
    int words; /* at most, beside the options */
};

/*
 * Run the command that argv names: parse, call, and return the exit code. Handles help, --help and
 * --version. program is "sds" or "sdr". `lab` commands are not in the table.
 */
int options_main(const char *program, const struct command *commands, size_t n, int argc,
                 char **argv);

/* "sds", for messages. */
const char *options_program(void);
/* Print "sds COMMAND: sentence" to stderr; returns code. */
int fail(enum exit_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

/* options.c - parsing of cloudd's command line, and its help. */
#include "cloudd/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/suite.h"
#include "proto/rbuf.h"

#define DAY          (24 * 60 * 60)
#define BIT(command) (1u << (command))

struct command_row {
    const char *name;
    enum command command;
    const char *operand; /* NULL: takes none */
    const char *help;
};

static const struct command_row commands[] = {
    {"init", CMD_INIT, NULL, "make a cloud's home with a fresh key; prints: cloud-key KEY"},
    {"run", CMD_RUN, NULL, "serve devices until SIGTERM; prints: listening HOST:PORT"},
    {"invite", CMD_INVITE, "ID",
     "issue a one-time token for a device to enrol; prints: token TOKEN"},
    {"devices", CMD_DEVICES, NULL, "list enrolled devices with their key fingerprints"},
    {"sessions", CMD_SESSIONS, NULL, "list the streams of packages, by sender and receiver"},
    {"mailbox", CMD_MAILBOX, NULL, "list what waits for each receiver"},
    {"revoke", CMD_REVOKE, "ID", "end a device's enrolment"},
    {"help", CMD_HELP, "[COMMAND]", "show this, or the options of a command"},
};

enum option_kind {
    OPT_HOME,
    OPT_USER,
    OPT_LISTEN,
    OPT_HOP,
    OPT_LOG,
    OPT_SUITES,
    OPT_FLAG,
    OPT_NUMBER
};

struct option_row {
    const char *name, *operand;
    enum option_kind kind;
    unsigned commands;
    size_t at;         /* of a flag or a number, in struct options */
    uint64_t min, max; /* of a number */
    const char *help;
};

#define ALL       (BIT(CMD_INIT) | BIT(CMD_RUN) | BIT(CMD_INVITE) | BIT(CMD_REVOKE) | LISTS)
#define LISTS     (BIT(CMD_DEVICES) | BIT(CMD_SESSIONS) | BIT(CMD_MAILBOX))
#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {"--home", "DIR", OPT_HOME, ALL, 0, 0, 0, "the cloud's folder; required"},
    {"--listen", "HOST:PORT", OPT_LISTEN, BIT(CMD_RUN), 0, 0, 0,
     "address to serve, or [IPV6]:PORT; port 0 picks one (127.0.0.1:7717)"},
    {"--user", "NAME", OPT_USER, BIT(CMD_RUN), 0, 0, 0,
     "become this user when started as root (the owner of the home)"},
    {"--hop", "sealed|any", OPT_HOP, BIT(CMD_RUN), 0, 0, 0,
     "any: devices may ask for a hop that is not encrypted, for tests (sealed)"},
    {"--allow-research", NULL, OPT_FLAG, BIT(CMD_RUN), AT(allow_research), 0, 0,
     "let devices choose profiles that are for research only"},
    {"--suites", "LIST", OPT_SUITES, BIT(CMD_RUN), 0, 0, 0,
     "cipher suites that sessions may use, NAME,NAME... (all)"},
    {"--min-strength", "BITS", OPT_NUMBER, BIT(CMD_RUN), AT(min_strength), 0, 256,
     "refuse suites that keep a message secret with fewer bits (0)"},
    {"--no-confine", NULL, OPT_FLAG, BIT(CMD_RUN), AT(no_confine), 0, 0,
     "do not restrict files and system calls, for debugging"},
    {"--max-store", "BYTES", OPT_NUMBER, BIT(CMD_RUN), AT(max_store), 1u << 20, INT64_MAX,
     "the database grows no further than this (as the disk allows)"},
    {"--max-connections", "N", OPT_NUMBER, BIT(CMD_RUN), AT(max_connections), 1, 1000000,
     "connections at a time (16384)"},
    {"--mailbox-packages", "N", OPT_NUMBER, BIT(CMD_RUN), AT(mailbox_packages), 1, INT64_MAX,
     "packages that may wait for one device (10000)"},
    {"--mailbox-bytes", "N", OPT_NUMBER, BIT(CMD_RUN), AT(mailbox_bytes), 1, INT64_MAX,
     "bytes that may wait for one device (1073741824)"},
    {"--sender-share", "PERCENT", OPT_NUMBER, BIT(CMD_RUN), AT(sender_share), 1, 100,
     "of what others leave of a mailbox one sender may fill this much (50)"},
    {"--store-packages", "N", OPT_NUMBER, BIT(CMD_RUN), AT(store_packages), 1, INT64_MAX,
     "packages that may wait in all (1000000)"},
    {"--store-bytes", "N", OPT_NUMBER, BIT(CMD_RUN), AT(store_bytes), 1, INT64_MAX,
     "bytes that may wait in all (68719476736)"},
    {"--open-rate", "N", OPT_NUMBER, BIT(CMD_RUN), AT(open_rate), 1, 1000000,
     "sessions that one device may ask for in a second (20)"},
    {"--stranger-rate", "N", OPT_NUMBER, BIT(CMD_RUN), AT(stranger_rate), 1, 1000000,
     "connections a second from one address that do not attach (100)"},
    {"--retain", "DAYS", OPT_NUMBER, BIT(CMD_RUN), AT(retain), 1, 365,
     "keep packages that were verified for so long, for sdr history (none are kept)"},
    {"--max-message", "BYTES", OPT_NUMBER, BIT(CMD_RUN), AT(max_message), 0, MESSAGE_MAX,
     "longest message taken (1048576)"},
    {"--log", "LEVEL", OPT_LOG, BIT(CMD_RUN), 0, 0, 0,
     "error, warn, info or debug, on stderr (info)"},
    {"--ttl", "SECONDS", OPT_NUMBER, BIT(CMD_INVITE), AT(ttl), 1, 365 * DAY,
     "how long the token is valid (86400)"},
    {"--json", NULL, OPT_FLAG, LISTS, AT(json), 0, 0, "one JSON object a line"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define N_ROWS     (sizeof(rows) / sizeof(rows[0]))

static void set_defaults(struct options *o)
{
    memset(o, 0, sizeof(*o));
    text_copy(o->host, sizeof(o->host), "127.0.0.1");
    o->port = 7717;
    o->max_connections = 16384;
    o->mailbox_packages = 10000;
    o->mailbox_bytes = 1u << 30;
    o->sender_share = 50;
    o->store_packages = 1000000;
    o->store_bytes = UINT64_C(64) << 30;
    o->open_rate = 20;
    o->stranger_rate = 100;
    o->max_message = MESSAGE_MAX;
    o->ttl = DAY;
    o->log = LOG_LEVEL_INFO;
    suite_list_strong(&o->suites, 0);
}

static const struct command_row *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static const struct option_row *find_option(const char *arg, size_t len, enum command command)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if ((rows[i].commands & BIT(command)) != 0 && strlen(rows[i].name) == len &&
            memcmp(rows[i].name, arg, len) == 0)
            return &rows[i];
    return NULL;
}

static int set_number(struct options *o, const struct option_row *row, const char *value)
{
    uint64_t v;
    int err = text_number(value, row->min, row->max, &v);

    if (err == 0)
        memcpy((char *)o + row->at, &v, sizeof(v));
    return err;
}

static int set_hop(struct options *o, const char *value)
{
    o->hop_any = strcmp(value, "any") == 0;
    return o->hop_any || strcmp(value, "sealed") == 0 ? 0 : ERR_ARG;
}

static int set_flag(struct options *o, const struct option_row *row)
{
    int on = 1;

    memcpy((char *)o + row->at, &on, sizeof(on));
    return 0;
}

/* What is wrong with a value goes to why, where there is more to say than what the option takes. */
static int apply(struct options *o, const struct option_row *row, const char *value, char *why,
                 size_t why_len)
{
    switch (row->kind) {
    case OPT_HOME:
        o->home = value;
        return 0;
    case OPT_USER:
        o->user = value;
        return 0;
    case OPT_LISTEN:
        return text_host_port(value, o->host, &o->port);
    case OPT_HOP:
        return set_hop(o, value);
    case OPT_LOG:
        return log_level_parse(value, &o->log);
    case OPT_SUITES:
        return suite_list_parse(&o->suites, value, why, why_len);
    case OPT_FLAG:
        return set_flag(o, row);
    case OPT_NUMBER:
        return set_number(o, row, value);
    }
    return ERR_ARG;
}

/* Where the parser stands. */
struct parser {
    struct options *o;
    const struct command_row *command;
    char **argv;
    int argc, at;
    char *why;
    size_t why_len;
};

/* One option at argv[at]: "--name value" or "--name=value". */
static int take_option(struct parser *p)
{
    const char *arg = p->argv[p->at], *equals = strchr(arg, '='), *value = NULL;
    size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct option_row *row = find_option(arg, len, p->o->command);
    char which[256] = "";

    if (row == NULL)
        return say(p->why, p->why_len, ERR_ARG, "%.*s is not an option of cloudd %s", (int)len, arg,
                   p->command->name);
    if (row->operand == NULL && equals != NULL)
        return say(p->why, p->why_len, ERR_ARG, "%s takes no value", row->name);
    if (row->operand != NULL) {
        if (equals == NULL && p->at + 1 >= p->argc)
            return say(p->why, p->why_len, ERR_ARG, "%s wants a value: %s", row->name,
                       row->operand);
        value = equals != NULL ? equals + 1 : p->argv[++p->at];
    }
    if (apply(p->o, row, value, which, sizeof(which)) == 0)
        return 0;
    if (which[0] != '\0')
        return say(p->why, p->why_len, ERR_ARG, "%s: %s", row->name, which);
    if (row->kind == OPT_NUMBER)
        return say(p->why, p->why_len, ERR_ARG,
                   "%s %s: %s is a whole number from %" PRIu64 " to %" PRIu64, row->name, value,
                   row->operand, row->min, row->max);
    return say(p->why, p->why_len, ERR_ARG, "%s %s: not a %s; %s", row->name, value, row->operand,
               row->help);
}

static int check_whole(const struct options *o, const struct command_row *row, char *why,
                       size_t why_len)
{
    if (o->command == CMD_HELP)
        return 0;
    if (o->home == NULL)
        return say(why, why_len, ERR_ARG, "--home DIR is missing");
    if (row->operand != NULL && o->id == NULL)
        return say(why, why_len, ERR_ARG, "which device? give its %s", row->operand);
    if (o->id != NULL && !id_is_valid(o->id, strlen(o->id)))
        return say(why, why_len, ERR_ARG,
                   "\"%s\" is no device id: 1 to 64 of a-z 0-9 . _ - are wanted", o->id);
    return 0;
}

/* Of the suites allowed, those that are strong enough. */
static int narrow_suites(struct options *o, char *why, size_t why_len)
{
    struct list allowed = o->suites;

    o->suites.n = 0;
    for (size_t i = 0; i < allowed.n; i++)
        if (suite_find(allowed.v[i])->strength >= o->min_strength)
            o->suites.v[o->suites.n++] = allowed.v[i];
    return o->suites.n > 0
               ? 0
               : say(why, why_len, ERR_ARG, "--suites and --min-strength leave no suite to use");
}

static int is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static int take_all(struct parser *p)
{
    const char *arg;
    int err = 0;

    for (; p->at < p->argc && err == 0; p->at++) {
        arg = p->argv[p->at];
        if (is_help(arg)) {
            p->o->command = CMD_HELP;
            p->o->id = p->command->name;
            return 0;
        }
        if (arg[0] == '-')
            err = take_option(p);
        else if (p->command->operand == NULL || p->o->id != NULL)
            err = say(p->why, p->why_len, ERR_ARG, "%s: one word too many", arg);
        else
            p->o->id = arg;
    }
    return err;
}

int options_parse(struct options *o, int argc, char **argv, char *why, size_t why_len)
{
    const struct command_row *row;
    struct parser p;
    int err;

    set_defaults(o);
    if (argc < 2)
        return say(why, why_len, ERR_ARG, "a command is missing");
    if (strcmp(argv[1], "--version") == 0 || is_help(argv[1])) {
        o->command = is_help(argv[1]) ? CMD_HELP : CMD_VERSION;
        return 0;
    }
    row = find_command(argv[1]);
    if (row == NULL)
        return say(why, why_len, ERR_ARG, "\"%s\" is no command of cloudd", argv[1]);
    o->command = row->command;
    o->name = row->name;
    p = (struct parser){o, row, argv, argc, 2, why, why_len};
    err = take_all(&p);
    if (err == 0)
        err = check_whole(o, row, why, why_len);
    return err != 0 ? err : narrow_suites(o, why, why_len);
}

static void help_options(enum command command)
{
    char left[64];

    for (size_t i = 0; i < N_ROWS; i++) {
        if ((rows[i].commands & BIT(command)) == 0)
            continue;
        snprintf(left, sizeof(left), "%s %s", rows[i].name,
                 rows[i].operand != NULL ? rows[i].operand : "");
        printf("  %-24s %s\n", left, rows[i].help);
    }
}

static void help_all(void)
{
    printf("usage: cloudd COMMAND --home DIR [OPTION ...]\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-8s %-10s %s\n", commands[i].name,
               commands[i].operand != NULL ? commands[i].operand : "", commands[i].help);
    printf("\ncloudd help COMMAND or cloudd COMMAND --help shows a command's options;\n"
           "cloudd --version the release. Exit status: 0 done, 1 failed, 2 usage, 3 rejected.\n");
}

int options_help(const char *about)
{
    const struct command_row *row;

    if (about == NULL) {
        help_all();
        return 0;
    }
    row = find_command(about);
    if (row == NULL)
        return ERR_NOTFOUND;
    printf("usage: cloudd %s%s%s%s\n\n%s\n", row->name,
           row->command == CMD_HELP ? "" : " --home DIR [OPTION ...]",
           row->operand != NULL ? " " : "", row->operand != NULL ? row->operand : "", row->help);
    if (row->command != CMD_HELP)
        printf("\n");
    help_options(row->command);
    return 0;
}

/* options.c - the command line of sds and sdr. */
#include "common/agent/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"
#include "common/version.h"

#define STDOUT_BYTES (64u << 10)

static const char *program_name = "sds", *command_name = "";

const char *options_program(void)
{
    return program_name;
}

int fail(enum exit_code code, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s%s%s: ", program_name, command_name[0] != '\0' ? " " : "", command_name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return (int)code;
}

enum option_code {
    OPT_HOME = 256, OPT_ID, OPT_CLOUD, OPT_CLOUD_KEY, OPT_TOKEN, OPT_SIGNATURE, OPT_TO, OPT_COVER,
    OPT_COVERS, OPT_PROFILE, OPT_STEGO, OPT_FILE, OPT_INBOX, OPT_ACCEPT, OPT_ACCEPT_KEY,
    OPT_PEER_KEY, OPT_TIMEOUT, OPT_COUNT, OPT_FROM, OPT_SINCE, OPT_LIMIT, OPT_HOP, OPT_SUITES,
    OPT_JSON, OPT_NO_WAIT, OPT_NO_PAD, OPT_RESEARCH, OPT_TALK, OPT_HELP
};

static const struct option all_options[] = {
    {"home", required_argument, NULL, OPT_HOME},
    {"id", required_argument, NULL, OPT_ID},
    {"cloud", required_argument, NULL, OPT_CLOUD},
    {"cloud-key", required_argument, NULL, OPT_CLOUD_KEY},
    {"token", required_argument, NULL, OPT_TOKEN},
    {"signature", required_argument, NULL, OPT_SIGNATURE},
    {"to", required_argument, NULL, OPT_TO},
    {"cover", required_argument, NULL, OPT_COVER},
    {"covers", required_argument, NULL, OPT_COVERS},
    {"profile", required_argument, NULL, OPT_PROFILE},
    {"stego", required_argument, NULL, OPT_STEGO},
    {"file", required_argument, NULL, OPT_FILE},
    {"inbox", required_argument, NULL, OPT_INBOX},
    {"accept", required_argument, NULL, OPT_ACCEPT},
    {"accept-key", required_argument, NULL, OPT_ACCEPT_KEY},
    {"peer-key", required_argument, NULL, OPT_PEER_KEY},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"count", required_argument, NULL, OPT_COUNT},
    {"from", required_argument, NULL, OPT_FROM},
    {"since", required_argument, NULL, OPT_SINCE},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"hop", required_argument, NULL, OPT_HOP},
    {"suites", required_argument, NULL, OPT_SUITES},
    {"json", no_argument, NULL, OPT_JSON},
    {"no-wait", no_argument, NULL, OPT_NO_WAIT},
    {"no-pad", no_argument, NULL, OPT_NO_PAD},
    {"allow-research", no_argument, NULL, OPT_RESEARCH},
    {"talk", no_argument, NULL, OPT_TALK},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* Is this word one of the space-separated words? */
static int has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return 1;
    return 0;
}

/* A token can be seen in the list of processes; make that short. */
static const char *take_secret(char *arg)
{
    static char kept[256];

    text_copy(kept, sizeof(kept), arg);
    memset(arg, '*', strlen(arg));
    return kept;
}

static int set_hop(struct device_options *o, const char *arg)
{
    if (strcmp(arg, "sealed") == 0)
        o->hop = HOP_SEALED;
    else if (strcmp(arg, "clear") == 0)
        o->hop = HOP_CLEAR;
    else if (strcmp(arg, "open") == 0)
        o->hop = HOP_OPEN;
    else
        return fail(EXIT_USAGE, "--hop takes sealed, clear or open, not %s", arg);
    return 0;
}

static int add_peer_key(struct device_options *o, const char *arg)
{
    if (o->peer_keys_n == PEER_KEYS_MAX)
        return fail(EXIT_USAGE, "at most %d --peer-key", PEER_KEYS_MAX);
    o->peer_keys[o->peer_keys_n++] = arg;
    return 0;
}

static int set_option(struct device_options *o, enum option_code code, char *arg)
{
    switch (code) {
    case OPT_HOME:
        o->home = arg;
        return 0;
    case OPT_ID:
        o->id = arg;
        return 0;
    case OPT_CLOUD:
        o->cloud = arg;
        return 0;
    case OPT_CLOUD_KEY:
        o->cloud_key = arg;
        return 0;
    case OPT_TOKEN:
        o->token = take_secret(arg);
        return 0;
    case OPT_SIGNATURE:
        o->signature = arg;
        return 0;
    case OPT_TO:
        o->to = arg;
        return 0;
    case OPT_COVER:
        o->cover = arg;
        return 0;
    case OPT_COVERS:
        o->covers = arg;
        return 0;
    case OPT_PROFILE:
        o->profile = arg;
        return 0;
    case OPT_STEGO:
        o->stego = arg;
        return 0;
    case OPT_FILE:
        o->file = arg;
        return 0;
    case OPT_INBOX:
        o->inbox = arg;
        return 0;
    case OPT_ACCEPT:
        o->accept = arg;
        return 0;
    case OPT_ACCEPT_KEY:
        o->accept_key = arg;
        return 0;
    case OPT_PEER_KEY:
        return add_peer_key(o, arg);
    case OPT_TIMEOUT:
        if (text_number(arg, 1, 86400 * 365, &o->timeout) != 0)
            return fail(EXIT_USAGE, "--timeout takes whole seconds from 1, not %s", arg);
        return 0;
    case OPT_COUNT:
        if (text_number(arg, 1, UINT32_MAX, &o->count) != 0)
            return fail(EXIT_USAGE, "--count takes a whole number from 1, not %s", arg);
        return 0;
    case OPT_FROM:
        o->from = arg;
        return 0;
    case OPT_SINCE:
        if (text_number(arg, 0, INT64_MAX, &o->since) != 0)
            return fail(EXIT_USAGE, "--since takes a whole number, not %s", arg);
        return 0;
    case OPT_LIMIT:
        if (text_number(arg, 1, UINT32_MAX, &o->limit) != 0)
            return fail(EXIT_USAGE, "--limit takes a whole number from 1, not %s", arg);
        return 0;
    case OPT_HOP:
        return set_hop(o, arg);
    case OPT_SUITES:
        o->suites = arg;
        return 0;
    case OPT_JSON:
        o->json = 1;
        return 0;
    case OPT_NO_WAIT:
        o->no_wait = 1;
        return 0;
    case OPT_NO_PAD:
        o->no_pad = 1;
        return 0;
    case OPT_RESEARCH:
        o->allow_research = 1;
        return 0;
    case OPT_TALK:
        o->talk = 1;
        return 0;
    case OPT_HELP:
        break;
    }
    return 0;
}

static void print_usage(FILE *f, const struct command *c)
{
    fprintf(f, "usage: %s %s %s\n", program_name, c->name, c->usage);
}

static int print_about(const struct command *c)
{
    print_usage(stdout, c);
    printf("\n%s\n", c->about);
    return EXIT_DONE;
}

static int print_help(const struct command *commands, size_t n)
{
    printf("usage: %s COMMAND [OPTIONS]\n\n", program_name);
    for (size_t i = 0; i < n; i++)
        printf("  %s %s %s\n", program_name, commands[i].name, commands[i].usage);
    if (strcmp(program_name, "sds") == 0)
        printf("  sds lab fx1|macless|embed|extract|compare ...\n");
    printf("\n%s COMMAND --help tells more; the manual is %s(1).\n", program_name, program_name);
    return EXIT_DONE;
}

static const struct option *find_option(int code)
{
    const struct option *row = all_options;

    while (row->name != NULL && row->val != code)
        row++;
    return row->name != NULL ? row : NULL;
}

/* Say what is wrong with the option at which getopt_long() stopped: a row of the table that is not
 * the command's, a row whose value is wrong, a letter, or an unknown word. */
static int refuse(const struct command *c, const struct option *row, const char *word)
{
    const struct option *with_value = row == NULL ? find_option(optopt) : NULL;

    if (with_value != NULL)
        fail(EXIT_USAGE, "--%s %s", with_value->name,
             with_value->has_arg == no_argument ? "takes no value" : "wants a value");
    else if (row != NULL)
        fail(EXIT_USAGE, "--%s is not an option of this command", row->name);
    else if (optopt != 0)
        fail(EXIT_USAGE, "-%c is not an option: they begin with --, and a message that begins with "
                         "- comes after --",
             optopt);
    else
        fail(EXIT_USAGE, "%s is not an option of this command", word);
    print_usage(stderr, c);
    return EXIT_USAGE;
}

static int check_hop(const struct device_options *o)
{
    if (o->hop != HOP_OPEN)
        return 0;
    if (!o->allow_research)
        return fail(EXIT_USAGE, "--hop open protects nothing on the way to the cloud; it is for "
                                "research, and needs --allow-research");
    fprintf(stderr,
            "%s: warning: --hop open is for research only: whoever is on the way to the cloud may "
            "read, change, drop, insert and repeat all that is said\n",
            program_name);
    return 0;
}

/* Parse the options of one command. 0, an exit code, or -1 when help was printed. */
static int parse(const struct command *c, struct device_options *o, int argc, char **argv)
{
    int code, at, err;

    optind = 1;
    opterr = 0;
    while ((code = getopt_long(argc, argv, "", all_options, &at)) != -1) {
        if (code == OPT_HELP) {
            print_about(c);
            return -1;
        }
        if (code == '?' || !has_word(c->options, all_options[at].name))
            return refuse(c, code == '?' ? NULL : &all_options[at], argv[optind - 1]);
        err = set_option(o, (enum option_code)code, optarg);
        if (err != 0)
            return err;
    }
    o->rest = argv + optind;
    o->rest_n = argc - optind;
    if (o->rest_n > c->words)
        return fail(EXIT_USAGE, "%s: one word too many", o->rest[c->words]);
    if (o->home == NULL) {
        fail(EXIT_USAGE, "--home DIR is missing: the folder that holds this device's keys");
        print_usage(stderr, c);
        return EXIT_USAGE;
    }
    return check_hop(o);
}

static const struct command *find_command(const struct command *commands, size_t n,
                                          const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int is_help(const char *arg)
{
    return strcmp(arg, "help") == 0 || strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int options_main(const char *program, const struct command *commands, size_t n, int argc,
                 char **argv)
{
    struct device_options o = {.timeout = 30, .hop = HOP_SEALED};
    const struct command *c;
    int err;

    program_name = program;
    /* Lines are flushed one by one; a long one goes out in one piece. */
    (void)setvbuf(stdout, NULL, _IOFBF, STDOUT_BYTES);
    if (argc < 2 || (is_help(argv[1]) && argc == 2)) {
        print_help(commands, n);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s (inkpost) %s\n", program, INKPOST_VERSION);
        return EXIT_DONE;
    }
    c = find_command(commands, n, argv[is_help(argv[1]) ? 2 : 1]);
    if (c == NULL)
        return fail(EXIT_USAGE, "no command %s; %s help lists them",
                    argv[is_help(argv[1]) ? 2 : 1], program);
    if (is_help(argv[1]))
        return print_about(c);
    command_name = c->name;
    err = parse(c, &o, argc - 1, argv + 1);
    if (err == 0)
        err = c->run(&o);
    else if (err == -1)
        err = EXIT_DONE;
    if (err == EXIT_DONE && (fflush(stdout) != 0 || ferror(stdout)))
        return fail(EXIT_FAILED, "standard output cannot be written");
    return err;
}

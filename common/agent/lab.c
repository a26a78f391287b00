/* lab.c - the commands of `sds lab`: their options, their help, and which is run. */
#include "common/agent/lab.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/agent/lab_run.h"

struct command {
    const char *name;
    int (*run)(const struct lab_args *a);
    const char *options; /* letters of those it takes, besides j and h */
    int least, most;     /* words */
    const char *usage;
};

static const struct option options[] = {
    {"cover", required_argument, NULL, 'c'},
    {"image", required_argument, NULL, 'i'},
    {"out", required_argument, NULL, 'o'},
    {"k1", required_argument, NULL, '1'},
    {"k2", required_argument, NULL, '2'},
    {"payload", required_argument, NULL, 'p'},
    {"bits", required_argument, NULL, 'b'},
    {"stego", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const struct command commands[] = {
    {"fx1", lab_run_fx1, "o", 1, 2,
     "sds lab fx1 IMAGE [IMAGE] [--out FILE] [--json]\n"
     "The features (FX-1) of a signature, or of two united: the SHA-256 of the 3060 bytes.\n"
     "  --out FILE       write the 3060 bytes\n"},
    {"macless", lab_run_macless, "", 1, 1,
     "sds lab macless HEXDIGEST [--json]\n"
     "The four digits that MACLESS makes of a SHA-1 of 40 hex digits; either case.\n"},
    {"embed", lab_run_embed, "co12ps", 0, 0,
     "sds lab embed --cover IMAGE --out IMAGE --k1 HEX --k2 HEX --payload HEX\n"
     "              [--stego light|stealth] [--json]\n"
     "Hide a payload in a cover. Prints changed pixels and PSNR.\n"
     "  --cover IMAGE    PNG, JPEG, BMP or PGM; made grey first\n"
     "  --out IMAGE      the stego image, .png or .pgm\n"
     "  --k1, --k2 HEX   the two keys, 64 hex digits each; never use a pair twice\n"
     "  --payload HEX    whole bytes\n"
     "  --stego CODE     light (default, fewest changes) or stealth (changes where they hide)\n"},
    {"extract", lab_run_extract, "i12bs", 0, 0,
     "sds lab extract --image IMAGE --k1 HEX --k2 HEX --bits N [--stego light|stealth] [--json]\n"
     "Read N bits from a stego image and print them in hex. Any image gives some bits:\n"
     "with a wrong key, code or N they are noise.\n"},
    {"compare", lab_run_compare, "", 2, 2,
     "sds lab compare IMAGE IMAGE [--json]\n"
     "Prints changed pixels, mean squared error and PSNR of two images, both made grey.\n"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *f)
{
    fputs("sds lab COMMAND: the parts of inkpost on their own, on files.\n", f);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(f, "\n%s", commands[i].usage);
    fputs("\n--json prints one JSON object. Exit: 0 done, 1 failed, 2 usage.\n", f);
}

/* Put an option's argument where it belongs; the letters are those of options[]. */
static void set_option(struct lab_args *a, int letter, const char *value)
{
    const char **slots[] = {&a->cover, &a->image,   &a->out,  &a->k1,
                            &a->k2,    &a->payload, &a->bits, &a->stego};
    const char *at = strchr("cio12pbs", letter);

    if (letter == 'j')
        a->json = 1;
    else if (letter == 'h')
        a->help = 1;
    else if (at != NULL)
        *slots[at - "cio12pbs"] = value;
}

/* The first option that the command needs and did not get: a command without words needs all that
 * it takes but --stego, one with words none. */
static const char *missing_option(const struct lab_args *a, const struct command *c)
{
    const char *const values[] = {a->cover, a->image, a->out, a->k1, a->k2, a->payload, a->bits};

    if (c->most > 0)
        return NULL;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (values[i] == NULL && strchr(c->options, options[i].val) != NULL)
            return options[i].name;
    }
    return NULL;
}

static int parse(struct lab_args *a, const struct command *c, int argc, char **argv)
{
    int letter, at = 0;

    optind = 0;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":", options, &at)) != -1) {
        if (letter == ':')
            return lab_run_fail(a, LAB_USAGE, "%s needs a value; see sds lab %s --help",
                                argv[optind - 1], c->name);
        if (letter == '?')
            return lab_run_fail(a, LAB_USAGE, "%s is not an option; see sds lab %s --help",
                                argv[optind - 1], c->name);
        if (letter != 'j' && letter != 'h' && !strchr(c->options, letter))
            return lab_run_fail(a, LAB_USAGE, "--%s is not an option of it; see sds lab %s --help",
                                options[at].name, c->name);
        set_option(a, letter, optarg);
    }
    a->count = argc - optind;
    a->words = argv + optind;
    return LAB_DONE;
}

static int run(const struct command *c, struct lab_args *a, int argc, char **argv)
{
    int code = parse(a, c, argc, argv);

    if (code != LAB_DONE)
        return code;
    if (a->help) {
        fputs(c->usage, stdout);
        return LAB_DONE;
    }
    if (a->count < c->least || a->count > c->most)
        return lab_run_fail(a, LAB_USAGE, "wrong number of arguments; see sds lab %s --help",
                            c->name);
    const char *name = missing_option(a, c);

    if (name != NULL)
        return lab_run_fail(a, LAB_USAGE, "--%s is missing; see sds lab %s --help", name, c->name);
    code = c->run(a);
    if (fflush(stdout) != 0 && code == LAB_DONE)
        code = lab_run_fail(a, LAB_FAILED, "cannot write the result: %s", strerror(errno));
    return code;
}

int lab_main(int argc, char **argv)
{
    struct lab_args a = {0};

    for (; argc > 0 && strcmp(argv[0], "--json") == 0; argc--, argv++)
        a.json = 1;
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        print_usage(stdout);
        return LAB_DONE;
    }
    for (size_t i = 0; argc > 0 && i < COMMANDS; i++) {
        a.command = commands[i].name;
        if (strcmp(argv[0], commands[i].name) == 0)
            return run(&commands[i], &a, argc, argv);
    }
    if (argc > 0)
        fprintf(stderr, "sds lab: no command %s; these there are:\n\n", argv[0]);
    print_usage(stderr);
    return LAB_USAGE;
}

/*
 * lab_run.h - the lab commands behind lab.c's options, nothing for others. Each takes the options
 * that lab.c has checked to be there, prints its result, and returns the exit code.
 */
#ifndef INKPOST_COMMON_AGENT_LAB_RUN_H
#define INKPOST_COMMON_AGENT_LAB_RUN_H

#define LAB_DONE   0
#define LAB_FAILED 1
#define LAB_USAGE  2

/* NULL where an option was not given. */
struct lab_args {
    const char *command;
    const char *cover, *image, *out, *k1, *k2, *payload, *bits, *stego;
    int json, help;
    int count; /* of words */
    char **words;
};

/* "sds lab COMMAND: what is wrong; what to do" on stderr; returns code. */
int lab_run_fail(const struct lab_args *a, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

int lab_run_fx1(const struct lab_args *a);     /* one or two words: images */
int lab_run_macless(const struct lab_args *a); /* one word: the digest */
int lab_run_embed(const struct lab_args *a);
int lab_run_extract(const struct lab_args *a);
int lab_run_compare(const struct lab_args *a); /* two words: images */

#endif

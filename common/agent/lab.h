/* lab.h - `sds lab`: the parts of the system on their own, on files, without a cloud. */
#ifndef INKPOST_COMMON_AGENT_LAB_H
#define INKPOST_COMMON_AGENT_LAB_H

/*
 * Run one command: argv[0] is the word after `sds lab` (fx1, macless, embed, extract, compare or
 * --help), argc may be 0. Results go to stdout, one JSON object a line with --json; trouble goes
 * to stderr. Returns the exit code: 0 done, 1 failed, 2 usage. Call sodium_init first.
 */
int lab_main(int argc, char **argv);

#endif

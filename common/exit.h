/* exit.h - the exit codes of all three programs. */
#ifndef INKPOST_COMMON_EXIT_H
#define INKPOST_COMMON_EXIT_H

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REJECTED = 3 /* refused by the other side, or a message did not verify */
};

#endif

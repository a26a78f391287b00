/* words.c - requests in words, for the programs of this folder that experiments talk to. */
#include "tests/attack/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

char *words_at[WORDS_MAX];
int words_n;

void words_need(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "attacker: %s: %s\n", words_n > 0 ? words_at[0] : "", what);
    printf("error %s\n", what);
    fflush(stdout);
    exit(2);
}

unsigned long words_number(int i)
{
    char *end;
    unsigned long n;

    words_need(i < words_n, "a word is missing");
    n = strtoul(words_at[i], &end, 10);
    words_need(end != words_at[i] && *end == '\0', "a number is wrong");
    return n;
}

struct blob words_bytes(int i)
{
    uint8_t *out;
    size_t n = 0, len;

    words_need(i < words_n, "a word is missing");
    if (strcmp(words_at[i], "-") == 0)
        return (struct blob){NULL, 0};
    len = strlen(words_at[i]);
    out = (uint8_t *)words_at[i];
    words_need(sodium_hex2bin(out, len, words_at[i], len, NULL, &n, NULL) == 0 && 2 * n == len,
               "a hex word is wrong");
    return (struct blob){out, n};
}

const uint8_t *words_fixed(int i, size_t len)
{
    struct blob b = words_bytes(i);

    words_need(b.len == len, "a length is wrong");
    return b.p;
}

void words_put(const uint8_t *p, size_t n)
{
    putchar(' ');
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
    if (n == 0)
        putchar('-');
}

void words_say(const uint8_t *p, size_t n)
{
    printf("ok");
    words_put(p, n);
    putchar('\n');
}

static void serve(const struct verb *verbs, char *line)
{
    char *rest = NULL;

    words_n = 0;
    for (char *w = strtok_r(line, " \n", &rest); w != NULL && words_n < WORDS_MAX;
         w = strtok_r(NULL, " \n", &rest))
        words_at[words_n++] = w;
    for (; words_n > 1 && verbs->name != NULL; verbs++)
        if (strcmp(verbs->name, words_at[0]) == 0) {
            verbs->run();
            fflush(stdout);
            return;
        }
    words_need(0, "no such request");
}

int words_serve(const struct verb *verbs)
{
    char *line = NULL;
    size_t room = 0;

    if (sodium_init() < 0)
        return 1;
    while (getline(&line, &room, stdin) > 0)
        serve(verbs, line);
    free(line);
    return 0;
}

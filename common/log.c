/* log.c - levelled lines on stderr, each written by one call, so that processes do not mix. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"

#define LINE_MAX_BYTES 1024

static enum log_level threshold = LOG_LEVEL_INFO;
static const char *const words[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
    threshold = level;
}

int log_level_parse(const char *word, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return ERR_ARG;
}

static size_t put_time(char *out, size_t cap)
{
    struct timespec now;
    struct tm tm;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    n = strftime(out, cap, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(out + n, cap - n, ".%03ldZ ", now.tv_nsec / 1000000);
}

static void write_line(enum log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void write_line(enum log_level level, const char *fmt, va_list ap)
{
    char line[LINE_MAX_BYTES];
    size_t n, start;
    int len;

    if (level > threshold)
        return;
    n = put_time(line, sizeof(line));
    n += (size_t)snprintf(line + n, sizeof(line) - n, "%s ", words[level]);
    start = n;
    len = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
    if (len < 0)
        return;
    n += (size_t)len < sizeof(line) - n - 1 ? (size_t)len : sizeof(line) - n - 2;
    for (size_t i = start; i < n; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    /* A log that cannot be written has nobody to tell. */
    if (write(STDERR_FILENO, line, n) < 0)
        return;
}

#define DEFINE(name, level)                                                                        \
    void name(const char *fmt, ...)                                                                \
    {                                                                                              \
        va_list ap;                                                                                \
                                                                                                   \
        va_start(ap, fmt);                                                                         \
        write_line(level, fmt, ap);                                                                \
        va_end(ap);                                                                                \
    }

DEFINE(log_error, LOG_LEVEL_ERROR)
DEFINE(log_warn, LOG_LEVEL_WARN)
DEFINE(log_info, LOG_LEVEL_INFO)
DEFINE(log_debug, LOG_LEVEL_DEBUG)

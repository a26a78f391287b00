/*
 * log.h - what a long-running program tells its operator: one line an event, on stderr, with the
 * time and a level. No secret and no message content ever goes in.
 */
#ifndef INKPOST_COMMON_LOG_H
#define INKPOST_COMMON_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped; LOG_LEVEL_INFO at start. */
void log_set_level(enum log_level level);
/* error, warn, info or debug; ERR_ARG for another word. */
int log_level_parse(const char *word, enum log_level *level);

/* One line each, without a newline in fmt. Control characters in the text are shown as '?'. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

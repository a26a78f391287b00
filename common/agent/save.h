/*
 * save.h - the folder of --inbox: verified messages and their stego images as files.
 *
 * A message is two files, from-ID-SEQ-SESSION-INDEX.msg (its bytes) and .pgm (the image it came
 * in); SEQ and INDEX have 10 digits, SESSION is the session's first 8 hex digits. So `ls` lists the
 * messages of a sender in order, an id that begins with a dot or a dash does no harm, and a message
 * that is delivered again overwrites its own files. A file is complete as soon as it has its name.
 */
#ifndef INKPOST_AGENT_SAVE_H
#define INKPOST_AGENT_SAVE_H

#include "common/agent/inbox.h"

struct save;

/* Open the folder, made (0700) when missing. `why` gets a sentence for people. ERR_FULL, ERR_SYS,
 * ERR_TOO_LARGE (its name), ERR_NOMEM. */
int save_open(struct save **out, const char *folder, char *why, size_t why_len);
/* Write both files of r and set r->stego to the image's path. ERR_FULL, ERR_SYS. */
int save_files(struct save *s, struct inbox_record *r, const struct blob *message,
               const struct blob *image);
/* Make sure that the names written since the last call outlive a crash. ERR_FULL, ERR_SYS. */
int save_sync(struct save *s);
void save_close(struct save *s);

#endif

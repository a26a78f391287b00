/*
 * flaky_vfs.h - SQLite's files with faults on demand: writes that find the disk full, syncs that
 * fail, and what a power cut leaves. Counts are per process, and so for one test at a time.
 */
#ifndef INKPOST_TESTS_UNIT_FLAKY_VFS_H
#define INKPOST_TESTS_UNIT_FLAKY_VFS_H

enum flaky_fault { FLAKY_NONE, FLAKY_FULL, FLAKY_SYNC };

/* Make it the default for files opened from now on. May be repeated. */
void flaky_install(void);
/*
 * FLAKY_FULL: writes beyond the present end of any file get SQLITE_FULL, those inside succeed, as
 * on a disk without a free block. FLAKY_SYNC: the next `times` syncs of a log fail with
 * SQLITE_IOERR_FSYNC.
 */
void flaky_set(enum flaky_fault fault, int times);
/* From now on (or no longer) keep of each file, beside it as NAME-synced, what was synced last. */
void flaky_keep_synced(int on);
/* What a power cut now leaves of the database `path`, as a database of its own at `to`: each file
 * as it was synced last. 0, or -1 when nothing was. */
int flaky_power_cut(const char *path, const char *to);

#endif

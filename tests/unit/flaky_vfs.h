/*
 * flaky_vfs.h - SQLite's files with faults on demand: writes that find the disk full, syncs that
 * fail. For the store's tests; counts are per process, and so for one test at a time.
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

#endif

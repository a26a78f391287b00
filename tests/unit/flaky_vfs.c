/* flaky_vfs.c - a layer over SQLite's own file functions that passes all through but the faults. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/unit/flaky_vfs.h"

struct flaky_file {
    sqlite3_file base;
    int is_log;
    const char *name; /* SQLite's, as long as the file is open */
    sqlite3_file *real; /* the memory behind this structure */
};

static sqlite3_vfs vfs, *below;
static sqlite3_io_methods methods;
static atomic_int fault, times_left, keeps;

#define REAL(f)         (((struct flaky_file *)(void *)(f))->real)
#define PASS(f, m, ...) (REAL(f)->pMethods->m(REAL(f), __VA_ARGS__))
#define PASS0(f, m)     (REAL(f)->pMethods->m(REAL(f)))

static int f_close(sqlite3_file *f)
{
    return PASS0(f, xClose);
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return PASS(f, xRead, p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    sqlite3_int64 size = 0;

    if (atomic_load(&fault) == FLAKY_FULL && PASS(f, xFileSize, &size) == SQLITE_OK &&
        at + n > size)
        return SQLITE_FULL;
    return PASS(f, xWrite, p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return PASS(f, xTruncate, size);
}

static int copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = in != NULL ? fopen(to, "wb") : NULL;
    int err = out == NULL ? -1 : 0, c;

    while (err == 0 && (c = getc(in)) != EOF)
        err = putc(c, out) == EOF ? -1 : 0;
    if (in != NULL)
        fclose(in);
    if (out != NULL && fclose(out) != 0)
        err = -1;
    return err;
}

static int sync_and_keep(struct flaky_file *own, int flags)
{
    char copy[512];
    int rc = own->real->pMethods->xSync(own->real, flags);

    if (rc != SQLITE_OK || !atomic_load(&keeps) || own->name == NULL)
        return rc;
    snprintf(copy, sizeof(copy), "%s-synced", own->name);
    return copy_file(own->name, copy) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int f_sync(sqlite3_file *f, int flags)
{
    struct flaky_file *own = (struct flaky_file *)(void *)f;

    if (atomic_load(&fault) == FLAKY_SYNC && own->is_log && atomic_fetch_sub(&times_left, 1) > 0)
        return SQLITE_IOERR_FSYNC;
    return sync_and_keep(own, flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return PASS(f, xFileSize, size);
}

static int f_lock(sqlite3_file *f, int how)
{
    return PASS(f, xLock, how);
}

static int f_unlock(sqlite3_file *f, int how)
{
    return PASS(f, xUnlock, how);
}

static int f_check_lock(sqlite3_file *f, int *out)
{
    return PASS(f, xCheckReservedLock, out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    /* How SQLite announces the size that it is about to need. */
    if (op == SQLITE_FCNTL_SIZE_HINT && atomic_load(&fault) == FLAKY_FULL)
        return SQLITE_OK;
    return PASS(f, xFileControl, op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return PASS0(f, xSectorSize);
}

static int f_traits(sqlite3_file *f)
{
    return PASS0(f, xDeviceCharacteristics);
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return PASS(f, xShmMap, page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return PASS(f, xShmLock, offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    PASS0(f, xShmBarrier);
}

static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return PASS(f, xShmUnmap, remove);
}

static int f_open(sqlite3_vfs *self, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct flaky_file *own = (struct flaky_file *)(void *)f;
    int rc;

    (void)self;
    own->real = (sqlite3_file *)(void *)(own + 1);
    own->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    own->name = name;
    rc = below->xOpen(below, name, own->real, flags, out);
    own->base.pMethods = own->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

void flaky_set(enum flaky_fault f, int times)
{
    atomic_store(&times_left, times);
    atomic_store(&fault, (int)f);
}

void flaky_keep_synced(int on)
{
    atomic_store(&keeps, on);
}

int flaky_power_cut(const char *path, const char *to)
{
    char from[512], log[512];

    snprintf(from, sizeof(from), "%s-wal-synced", path);
    snprintf(log, sizeof(log), "%s-wal", to);
    if (copy_file(from, log) != 0)
        return -1;
    snprintf(from, sizeof(from), "%s-synced", path);
    return copy_file(from, to);
}

void flaky_install(void)
{
    if (below != NULL)
        return;
    below = sqlite3_vfs_find(NULL);
    vfs = *below;
    vfs.zName = "flaky";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct flaky_file) + below->szOsFile;
    vfs.xOpen = f_open;
    methods = (sqlite3_io_methods){.iVersion = 2,
                                   .xClose = f_close,
                                   .xRead = f_read,
                                   .xWrite = f_write,
                                   .xTruncate = f_truncate,
                                   .xSync = f_sync,
                                   .xFileSize = f_size,
                                   .xLock = f_lock,
                                   .xUnlock = f_unlock,
                                   .xCheckReservedLock = f_check_lock,
                                   .xFileControl = f_control,
                                   .xSectorSize = f_sector,
                                   .xDeviceCharacteristics = f_traits,
                                   .xShmMap = f_shm_map,
                                   .xShmLock = f_shm_lock,
                                   .xShmBarrier = f_shm_barrier,
                                   .xShmUnmap = f_shm_unmap};
    sqlite3_vfs_register(&vfs, 1);
}

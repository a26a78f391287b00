/*
 * image_load.c - reads the image files that people give to a device: PNG, JPEG and BMP through
 * stb, PGM here. Sizes are checked before anything is decoded, and every refusal is a sentence
 * that says what to do.
 */
#include "common/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stb/stb_image.h>

#include "common/err.h"
#include "common/exif.h"
#include "common/jpeg_tables.h"

#define MIB (1 << 20)

enum kind { KIND_UNKNOWN, KIND_PNG, KIND_JPEG, KIND_BMP, KIND_PGM };

/* A file's bytes, what to call them, and where the reason of a refusal goes. */
struct source {
    const uint8_t *bytes;
    size_t len;
    const char *name;
    char *why;
    size_t why_len;
};

/* Write the sentence, hand back the code. */
__attribute__((format(printf, 3, 4))) static int refuse(const struct source *s, int err,
                                                        const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(s->why, s->why_len, fmt, args);
    va_end(args);
    return err;
}

static const char *kind_name(enum kind kind)
{
    switch (kind) {
    case KIND_PNG:
        return "PNG";
    case KIND_JPEG:
        return "JPEG";
    case KIND_BMP:
        return "BMP";
    case KIND_PGM:
        return "PGM";
    case KIND_UNKNOWN:
        break;
    }
    return "unknown";
}

static enum kind kind_of(const uint8_t *p, size_t len)
{
    static const struct {
        enum kind kind;
        size_t len;
        const char *magic;
    } table[] = {
        {KIND_PNG, 8, "\x89PNG\r\n\x1a\n"},
        {KIND_JPEG, 3, "\xff\xd8\xff"},
        {KIND_BMP, 2, "BM"},
        {KIND_PGM, 2, "P5"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (len >= table[i].len && memcmp(p, table[i].magic, table[i].len) == 0)
            return table[i].kind;
    return KIND_UNKNOWN;
}

static int refuse_damaged(const struct source *s, enum kind kind, const char *detail)
{
    return refuse(s, ERR_MALFORMED,
                  "%s is a damaged or cut-off %s file (%s); get a fresh copy or save it again",
                  s->name, kind_name(kind), detail);
}

/* Is the size within bounds? Numbers may be anything that a header can say. */
static int check_size(const struct source *s, long long width, long long height)
{
    if (width >= 1 && height >= 1 && width <= IMAGE_PIXELS_MAX / height)
        return 0;
    return refuse(s, ERR_TOO_LARGE,
                  "%s is %lld x %lld pixels, more than the %d million pixels we read; "
                  "save a smaller version and try again",
                  s->name, width, height, IMAGE_PIXELS_MAX / 1000000);
}

/* ---- PGM: read here, since a header that lies about its size must be found out */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space and comments, which run from # to the end of the line. */
static size_t pgm_skip(const struct source *s, size_t at)
{
    while (at < s->len && (is_space(s->bytes[at]) || s->bytes[at] == '#')) {
        if (s->bytes[at] == '#')
            while (at < s->len && s->bytes[at] != '\n')
                at++;
        else
            at++;
    }
    return at;
}

/* Skip, then read a number of up to 8 digits at *at. */
static bool pgm_number(const struct source *s, size_t *at, long *v)
{
    size_t i = pgm_skip(s, *at), start = i;

    *v = 0;
    for (; i < s->len && s->bytes[i] >= '0' && s->bytes[i] <= '9'; i++) {
        if (i - start == 8)
            return false;
        *v = *v * 10 + (s->bytes[i] - '0');
    }
    *at = i;
    return i > start;
}

static int decode_pgm(struct image *out, const struct source *s)
{
    long width, height, top;
    size_t at = 2;
    int rc;

    if (!pgm_number(s, &at, &width) || !pgm_number(s, &at, &height) || !pgm_number(s, &at, &top) ||
        width < 1 || height < 1 || at == s->len || !is_space(s->bytes[at]))
        return refuse_damaged(s, KIND_PGM, "its header cannot be read");
    if (top != 255)
        return refuse(
            s, ERR_FORMAT,
            "%s is a PGM whose largest grey is %ld; only 8-bit PGM (255) is read: save it "
            "as 8-bit PGM or PNG and try again",
            s->name, top);
    rc = check_size(s, width, height);
    if (rc != 0)
        return rc;
    at++; /* the one white space before the pixels */
    if (s->len - at < (size_t)width * (size_t)height)
        return refuse_damaged(s, KIND_PGM, "pixels are missing at its end");
    rc = image_init(out, (int)width, (int)height, 1);
    if (rc != 0)
        return refuse(s, rc, "no memory for the pixels of %s", s->name);
    memcpy(out->pixels, s->bytes + at, image_pixels(out));
    return 0;
}

/* ---- PNG, JPEG, BMP */

static unsigned long le_bytes(const uint8_t *p, unsigned n)
{
    unsigned long v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

/* stb fills missing BMP pixels with black, so a cut-off file is found here: are there as many
 * bytes as width, height and bits a pixel ask for? (Compressed ones, stb refuses itself.) */
static bool bmp_is_whole(const struct source *s, int width, int height)
{
    unsigned long long row, bits, offset;

    if (s->len < 30)
        return false;
    offset = le_bytes(s->bytes + 10, 4);
    bits =
        le_bytes(s->bytes + 14, 4) == 12 ? le_bytes(s->bytes + 24, 2) : le_bytes(s->bytes + 28, 2);
    row = ((unsigned long long)width * bits + 31) / 32 * 4;
    return offset <= s->len && row * (unsigned long long)height <= s->len - offset;
}

static int refuse_stb(const struct source *s, enum kind kind)
{
    const char *reason = stbi_failure_reason();

    if (reason && strcmp(reason, "outofmem") == 0)
        return refuse(s, ERR_NOMEM, "no memory for the pixels of %s", s->name);
    if (reason && strcmp(reason, "too large") == 0)
        return refuse(s, ERR_TOO_LARGE,
                      "%s has more than the %d million pixels we read; save a smaller version and "
                      "try again",
                      s->name, IMAGE_PIXELS_MAX / 1000000);
    return refuse_damaged(s, kind, reason ? reason : "no reason given");
}

static int decode_stb(struct image *out, const struct source *s, enum kind kind)
{
    int width, height, channels, rc;
    stbi_uc *pixels;

    if (kind == KIND_JPEG && !jpeg_tables_ok(s->bytes, s->len))
        return refuse_damaged(s, kind, "broken segments or Huffman tables");
    if (!stbi_info_from_memory(s->bytes, (int)s->len, &width, &height, &channels)) {
        /* only the decoder itself, which stops at the same place, tells the reason */
        stbi_image_free(
            stbi_load_from_memory(s->bytes, (int)s->len, &width, &height, &channels, 0));
        return refuse_stb(s, kind);
    }
    rc = check_size(s, width, height);
    if (rc != 0)
        return rc;
    if (kind == KIND_BMP && !bmp_is_whole(s, width, height))
        return refuse_damaged(s, kind, "pixels are missing at its end");
    if (exif_orientation(s->bytes, s->len) != EXIF_UPRIGHT)
        return refuse(s, ERR_ROTATED,
                      "%s is a photo that EXIF says is to be turned; save it upright and try again",
                      s->name);
    pixels = stbi_load_from_memory(s->bytes, (int)s->len, &width, &height, &channels, 0);
    if (!pixels)
        return refuse_stb(s, kind);
    *out = (struct image){width, height, channels, pixels};
    return 0;
}

static int decode(struct image *out, const struct source *s)
{
    enum kind kind = kind_of(s->bytes, s->len);

    if (s->len == 0)
        return refuse(s, ERR_FORMAT, "%s is empty; give a PNG, JPEG, BMP or PGM image", s->name);
    if (s->len > IMAGE_FILE_MAX)
        return refuse(s, ERR_TOO_LARGE,
                      "%s is larger than the %d MiB we read; save a smaller version and try again",
                      s->name, IMAGE_FILE_MAX / MIB);
    switch (kind) {
    case KIND_PNG:
    case KIND_JPEG:
    case KIND_BMP:
        return decode_stb(out, s, kind);
    case KIND_PGM:
        return decode_pgm(out, s);
    case KIND_UNKNOWN:
        break;
    }
    return refuse(s, ERR_FORMAT,
                  "%s is not an image that we read (PNG, JPEG, BMP or binary PGM); convert it to "
                  "PNG and try again",
                  s->name);
}

int image_decode(struct image *out, const uint8_t *bytes, size_t len, const char *name, char *why,
                 size_t why_len)
{
    struct source s = {bytes, len, name, why, why_len};

    *out = (struct image){0};
    if (why_len > 0)
        why[0] = '\0';
    return decode(out, &s);
}

/* ---- files */

/* Open a regular file of a size that we read; the descriptor, or a code below 0. */
static int open_source(struct source *s, size_t *size)
{
    struct stat st;
    int fd = open(s->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return refuse(s, ERR_NOTFOUND, "%s does not exist; check the path", s->name);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return refuse(s, ERR_SYS, "%s cannot be opened (%s); check its permissions", s->name,
                      strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return refuse(s, ERR_FORMAT, "%s is not a file; give a PNG, JPEG, BMP or PGM image",
                      s->name);
    }
    if (st.st_size > IMAGE_FILE_MAX) {
        close(fd);
        return refuse(s, ERR_TOO_LARGE,
                      "%s is %lld MiB, more than the %d MiB we read; save a smaller version and "
                      "try again",
                      s->name, (long long)st.st_size / MIB, IMAGE_FILE_MAX / MIB);
    }
    *size = (size_t)st.st_size;
    return fd;
}

/* Read up to size bytes; what is there, or -1 with errno. */
static ssize_t read_whole(int fd, uint8_t *p, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, p + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int image_load(struct image *out, const char *path, char *why, size_t why_len)
{
    struct source s = {NULL, 0, path, why, why_len};
    uint8_t *bytes = NULL;
    size_t size = 0;
    ssize_t n;
    int fd, rc;

    *out = (struct image){0};
    if (why_len > 0)
        why[0] = '\0';
    fd = open_source(&s, &size);
    if (fd < 0)
        return fd;
    bytes = malloc(size + 1);
    if (!bytes) {
        rc = refuse(&s, ERR_NOMEM, "no memory to read %s", path);
        goto out;
    }
    n = read_whole(fd, bytes, size);
    if (n < 0) {
        rc = refuse(&s, ERR_SYS, "%s cannot be read (%s); copy it elsewhere and try again", path,
                    strerror(errno));
        goto out;
    }
    s.bytes = bytes;
    s.len = (size_t)n;
    rc = decode(out, &s);
out:
    close(fd);
    free(bytes);
    return rc;
}

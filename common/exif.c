/*
 * exif.c - finds the EXIF block of a JPEG or PNG file and its orientation tag.
 *
 * EXIF data is a little TIFF file: a byte order, the offset of the first directory, and in it
 * entries of 12 bytes (tag, type, count, value). Every offset comes from the file, so every read
 * goes through a check against the block's length.
 */
#include "common/exif.h"

#include <stdbool.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define ENTRY_BYTES     12

/* A run of bytes and the byte order of its numbers. */
struct block {
    const uint8_t *p;
    size_t len;
    bool little;
};

static bool read_u16(const struct block *b, size_t at, unsigned *v)
{
    *v = 0;
    if (at > b->len || b->len - at < 2)
        return false;
    if (b->little)
        *v = (unsigned)b->p[at] | (unsigned)b->p[at + 1] << 8;
    else
        *v = (unsigned)b->p[at] << 8 | (unsigned)b->p[at + 1];
    return true;
}

static bool read_u32(const struct block *b, size_t at, uint32_t *v)
{
    unsigned first, second;

    *v = 0;
    if (!read_u16(b, at, &first) || !read_u16(b, at + 2, &second))
        return false;
    *v = b->little ? (uint32_t)second << 16 | first : (uint32_t)first << 16 | second;
    return true;
}

/* Is this directory entry a readable orientation? Sets *orientation if so. */
static bool entry_orientation(const struct block *tiff, size_t at, int *orientation)
{
    unsigned tag, type, value;
    uint32_t count;

    if (!read_u16(tiff, at, &tag) || !read_u16(tiff, at + 2, &type) ||
        !read_u32(tiff, at + 4, &count) || !read_u16(tiff, at + 8, &value))
        return false;
    if (tag != TAG_ORIENTATION || type != TYPE_SHORT || count != 1 || value < 1 || value > 8)
        return false;
    *orientation = (int)value;
    return true;
}

static int tiff_orientation(const uint8_t *p, size_t len)
{
    struct block tiff = {p, len, false};
    int orientation = EXIF_UPRIGHT;
    unsigned magic, entries;
    uint32_t dir;

    if (len < 8 || (memcmp(p, "II", 2) != 0 && memcmp(p, "MM", 2) != 0))
        return EXIF_UPRIGHT;
    tiff.little = p[0] == 'I';
    if (!read_u16(&tiff, 2, &magic) || magic != 42 || !read_u32(&tiff, 4, &dir) ||
        !read_u16(&tiff, dir, &entries))
        return EXIF_UPRIGHT;
    for (unsigned i = 0; i < entries; i++) {
        size_t at = (size_t)dir + 2 + (size_t)i * ENTRY_BYTES;

        if (at >= len || entry_orientation(&tiff, at, &orientation))
            break;
    }
    return orientation;
}

/* Walk the segments before the first scan; all of them carry their length. */
static int jpeg_orientation(const uint8_t *file, size_t len)
{
    static const uint8_t head[6] = {'E', 'x', 'i', 'f', 0, 0};
    const struct block b = {file, len, false};
    size_t at = 2;
    unsigned size;

    while (at < len && file[at] == 0xff) {
        uint8_t marker;

        while (at < len && file[at] == 0xff)
            at++;
        if (at == len)
            break;
        marker = file[at++];
        if (marker == 0xda || marker == 0xd9 || !read_u16(&b, at, &size) || size < 2 ||
            size > len - at)
            break;
        if (marker == 0xe1 && size >= 2 + sizeof(head) &&
            memcmp(file + at + 2, head, sizeof(head)) == 0)
            return tiff_orientation(file + at + 2 + sizeof(head), size - 2 - sizeof(head));
        at += size;
    }
    return EXIF_UPRIGHT;
}

static int png_orientation(const uint8_t *file, size_t len)
{
    const struct block b = {file, len, false};
    size_t at = 8;
    uint32_t size;

    /* a chunk: length, type, data, CRC */
    while (read_u32(&b, at, &size) && len - at >= 12 && size <= len - at - 12) {
        if (memcmp(file + at + 4, "eXIf", 4) == 0)
            return tiff_orientation(file + at + 8, size);
        at += 12 + (size_t)size;
    }
    return EXIF_UPRIGHT;
}

int exif_orientation(const uint8_t *file, size_t len)
{
    static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    if (len >= sizeof(jpeg) && memcmp(file, jpeg, sizeof(jpeg)) == 0)
        return jpeg_orientation(file, len);
    if (len >= sizeof(png) && memcmp(file, png, sizeof(png)) == 0)
        return png_orientation(file, len);
    return EXIF_UPRIGHT;
}

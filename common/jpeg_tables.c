/*
 * jpeg_tables.c - walks a JPEG file's segments to judge its Huffman tables.
 *
 * The walk has to meet every table that stb_image would meet, so it is no stricter than stb about
 * what lies between segments: bytes that are no marker are stepped over.
 */
#include "common/jpeg_tables.h"

#define MARKER_DHT  0xc4
#define MARKER_EOI  0xd9
#define TABLE_CODES 256

/* In entropy-coded data a marker byte is stuffed (0) or a restart (0xd0..0xd7); neither has a
 * length, nor have the start of the image and the private 0x01. */
static bool has_length(uint8_t marker)
{
    return marker != 0 && marker != 0x01 && !(marker >= 0xd0 && marker <= 0xd8);
}

/* The tables of one DHT segment: a byte of class and place, 16 counts, then the codes' values. */
static bool segment_ok(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t codes = 0;

        if (len < 17)
            return false;
        for (size_t i = 1; i <= 16; i++)
            codes += p[i];
        if (codes > TABLE_CODES || codes > len - 17)
            return false;
        p += 17 + codes;
        len -= 17 + codes;
    }
    return true;
}

/* The next marker from *at on, and *at behind it; 0 when there is none. */
static uint8_t next_marker(const uint8_t *file, size_t len, size_t *at)
{
    while (*at < len && file[*at] != 0xff)
        (*at)++;
    while (*at < len && file[*at] == 0xff)
        (*at)++;
    return *at < len ? file[(*at)++] : 0;
}

bool jpeg_tables_ok(const uint8_t *file, size_t len)
{
    size_t at = 0;

    while (at < len) {
        uint8_t marker = next_marker(file, len, &at);
        size_t size;

        if (marker == MARKER_EOI)
            break;
        if (!has_length(marker))
            continue;
        if (len - at < 2)
            return false;
        size = (size_t)file[at] << 8 | file[at + 1];
        if (size < 2 || size > len - at)
            return false;
        if (marker == MARKER_DHT && !segment_ok(file + at + 2, size - 2))
            return false;
        at += size;
    }
    return true;
}

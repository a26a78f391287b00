/*
 * stb.c - the bodies of stb_image and stb_image_write (public domain, Sean Barrett), compiled once
 * and only for the formats that inkpost reads and writes.
 *
 * stb grows its inflate buffer as long as the data asks for more, so its allocator is bounded: a
 * file that unpacks to far more than its header announces fails instead of eating all memory. It
 * also clears what it hands out: pixels that a damaged JPEG leaves out are then black, and Huffman
 * tables that it uses but never defines are empty, where else stb would read what was in memory.
 */
#include <stdlib.h>

#include "common/image.h"

/* The most that one honest allocation needs: 16-bit RGBA rows with their filter bytes, twice
 * over, since the inflate buffer doubles. */
#define STB_ALLOC_MAX ((size_t)IMAGE_PIXELS_MAX * 8 * 2)

static void *bounded_malloc(size_t n)
{
    return n <= STB_ALLOC_MAX ? calloc(1, n) : NULL;
}

static void *bounded_realloc(void *p, size_t n)
{
    return n <= STB_ALLOC_MAX ? realloc(p, n) : NULL;
}

/* stb relies on wrapping sums, shifts of negative numbers, NULL + 0 and copies of 0 bytes from or
 * to NULL. The fuzzers are to look for accesses outside of memory here, which stay checked. */
#ifdef __clang__
#pragma clang attribute push(                                                                      \
    __attribute__((no_sanitize("signed-integer-overflow", "shift", "pointer-overflow",             \
                               "nonnull-attribute"))),                                             \
    apply_to = function)
#endif

#define STBI_MALLOC(n)     bounded_malloc(n)
#define STBI_REALLOC(p, n) bounded_realloc(p, n)
#define STBI_FREE(p)       free(p)

#define STBI_MAX_DIMENSIONS IMAGE_PIXELS_MAX
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

#ifdef __clang__
#pragma clang attribute pop
#endif

/* jpeg_tables.h - a check of JPEG files that has to come before stb_image decodes them. */
#ifndef INKPOST_COMMON_JPEG_TABLES_H
#define INKPOST_COMMON_JPEG_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Does every Huffman table of this JPEG file (ITU T.81, B.2.4.2) announce at most the 256 codes
 * that a table can hold? stb_image before 2.28 trusts the counts and writes past its arrays.
 */
bool jpeg_tables_ok(const uint8_t *file, size_t len);

#endif

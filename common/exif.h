/* exif.h - one question to the EXIF data of a JPEG or PNG file: which way up is the picture? */
#ifndef INKPOST_COMMON_EXIF_H
#define INKPOST_COMMON_EXIF_H

#include <stddef.h>
#include <stdint.h>

#define EXIF_UPRIGHT 1

/*
 * The orientation 1..8 (EXIF 2.3, tag 0x0112) that a file states: in a JPEG's first APP1 segment
 * that holds EXIF, or in a PNG's eXIf chunk. EXIF_UPRIGHT when it states none, or none that can
 * be read: damaged EXIF is no reason to refuse a picture. Never reads outside the len bytes.
 */
int exif_orientation(const uint8_t *file, size_t len);

#endif

/* version.h - the release. */
#ifndef INKPOST_COMMON_VERSION_H
#define INKPOST_COMMON_VERSION_H

#define INKPOST_VERSION "0.1.0"

#endif

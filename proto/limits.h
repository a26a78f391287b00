/* limits.h - every bound and size of the wire, defined once. Sizes are bytes unless named. */
#ifndef INKPOST_PROTO_LIMITS_H
#define INKPOST_PROTO_LIMITS_H

#define PROTO_VERSION 1

#define ID_MAX            64           /* device id: 1..64 of a-z 0-9 . _ - */
#define KEY_BYTES         32           /* an X25519 key, and every derived secret */
#define PAIR_KEY_MAX      64           /* Shk, Sk: as long as the profile makes them */
#define TOKEN_BYTES       16           /* enrolment token */
#define SESSION_ID_BYTES  32           /* first half of the Noise handshake hash */
#define NEG_ID_BYTES      16           /* the cloud's name T of a negotiation */
#define DIGEST_BYTES      32           /* BLAKE2b-256 of a package as received */
#define MAC_BYTES         16           /* tag, receipt, and the MAC of a clear frame */
#define WRAPPED_BYTES     (KEY_BYTES + 16) /* a key in a secretbox */
#define NONCE_BYTES       8            /* the sender's random number for one message */
#define LIST_MAX          16           /* entries in an offered list */

#define MESSAGE_MAX       (1u << 20)   /* default cap of one message */
#define IMAGE_SIDE_MAX    1024         /* pixels, of a cover or of a signature sent to the cloud */
#define IMAGE_SIDE_MIN    16
#define PGM_HEADER_MAX    20           /* "P5\n1024 1024\n255\n" and a little room */
#define PGM_MAX           (IMAGE_SIDE_MAX * IMAGE_SIDE_MAX + PGM_HEADER_MAX)

#define ENROL_SEALED_MAX  (IMAGE_SIDE_MAX * IMAGE_SIDE_MAX + 256)
#define ENROL_READY_S     60           /* seconds a shown token stays reserved to its hop key */

#define SGA_BOX_BYTES     (KEY_BYTES + 48) /* a key of profile sga sealed to the cloud */

#define FRAME_HEADER      5            /* u32 length, u8 type */
#define FRAME_PREAUTH_MAX 4096         /* longest frame before the peer is authenticated */
#define PACKAGE_MAX       (MESSAGE_MAX + PGM_MAX + 1024)
#define SET_MAX           256          /* members of a set, at least 2 */
#define SET_MEMBER_MAX    192          /* body of a SET_MEMBER */
#define SET_TABLE_MAX     (SET_MAX * (4 + SET_MEMBER_MAX))
#define FRAME_MAX         (PACKAGE_MAX + SET_TABLE_MAX + 64)

#endif

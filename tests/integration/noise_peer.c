/*
 * noise_peer.c - one side of a Noise handshake over stdin and stdout, for 15_noise_interop.sh. Each
 * message is a line of hex. After the handshake it prints its hash, then sends one transport
 * message and receives one (the initiator sends first), printing what it received.
 *
 *     noise_peer ik|kkpsk2 initiator|responder PROLOGUE STATIC_SECRET PEER_PUBLIC|- PSK|-
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/noise.h"

#define CAP 512

/* Returns the number of bytes, or -1. */
static int from_hex(const char *hex, uint8_t out[CAP])
{
    size_t len;

    return sodium_hex2bin(out, CAP, hex, strlen(hex), NULL, &len, NULL) == 0 ? (int)len : -1;
}

static void print_line(const char *word, const uint8_t *p, size_t len)
{
    char hex[2 * CAP + 1];

    printf("%s %s\n", word, sodium_bin2hex(hex, sizeof hex, p, len));
    fflush(stdout);
}

static int read_line(uint8_t out[CAP], size_t *len)
{
    char line[2 * CAP + 2];
    int n;

    if (fgets(line, sizeof line, stdin) == NULL)
        return ERR_CLOSED;
    line[strcspn(line, "\n")] = '\0';
    n = from_hex(line, out);
    *len = n < 0 ? 0 : (size_t)n;
    return n < 0 ? ERR_MALFORMED : 0;
}

static int set_up(struct noise_handshake *hs, char **arg)
{
    uint8_t prologue[CAP], secret[CAP], rs[CAP], psk[CAP];
    struct noise_keypair s;
    struct noise_setup setup = {.pattern = strcmp(arg[0], "ik") == 0 ? NOISE_IK : NOISE_KKPSK2,
                                .initiator = strcmp(arg[1], "initiator") == 0,
                                .prologue = prologue,
                                .s = &s};
    int prologue_len = from_hex(arg[2], prologue);

    if (prologue_len < 0 || from_hex(arg[3], secret) != NOISE_KEY_BYTES)
        return ERR_ARG;
    setup.prologue_len = (size_t)prologue_len;
    memcpy(s.secret_key, secret, NOISE_KEY_BYTES);
    crypto_scalarmult_curve25519_base(s.public_key, s.secret_key);
    if (strcmp(arg[4], "-") != 0) {
        if (from_hex(arg[4], rs) != NOISE_KEY_BYTES)
            return ERR_ARG;
        setup.rs = rs;
    }
    if (strcmp(arg[5], "-") != 0) {
        if (from_hex(arg[5], psk) != NOISE_KEY_BYTES)
            return ERR_ARG;
        setup.psk = psk;
    }
    return noise_start(hs, &setup);
}

static int write_message(struct noise_handshake *hs)
{
    static const uint8_t payload[] = "payload in C";
    uint8_t msg[CAP];
    size_t len;
    int rc = noise_write(hs, payload, sizeof payload - 1, msg, sizeof msg, &len);

    if (rc == 0)
        print_line("message", msg, len);
    return rc;
}

static int read_message(struct noise_handshake *hs)
{
    uint8_t msg[CAP], payload[CAP];
    size_t len, payload_len;
    int rc = read_line(msg, &len);

    if (rc == 0)
        rc = noise_read(hs, msg, len, payload, sizeof payload, &payload_len);
    if (rc == 0)
        print_line("payload", payload, payload_len);
    return rc;
}

static int send_transport(struct noise_cipher *send)
{
    static const uint8_t text[] = "transport in C";
    uint8_t out[sizeof text - 1 + NOISE_TAG_BYTES];
    int rc = noise_encrypt(send, NULL, 0, text, sizeof text - 1, out);

    if (rc == 0)
        print_line("transport", out, sizeof out);
    return rc;
}

static int receive_transport(struct noise_cipher *recv)
{
    uint8_t msg[CAP];
    size_t len;
    int rc = read_line(msg, &len);

    if (rc == 0)
        rc = noise_decrypt(recv, NULL, 0, msg, len, msg);
    if (rc == 0)
        print_line("received", msg, len - NOISE_TAG_BYTES);
    return rc;
}

static int run(struct noise_handshake *hs)
{
    struct noise_cipher send, recv;
    int first = hs->initiator;
    int rc = first ? write_message(hs) : read_message(hs);

    if (rc == 0)
        rc = first ? read_message(hs) : write_message(hs);
    if (rc == 0)
        rc = noise_split(hs, &send, &recv);
    if (rc != 0)
        return rc;
    print_line("hash", hs->h, sizeof hs->h);
    rc = first ? send_transport(&send) : receive_transport(&recv);
    if (rc == 0)
        rc = first ? receive_transport(&recv) : send_transport(&send);
    return rc;
}

int main(int argc, char **argv)
{
    struct noise_handshake hs;
    int rc;

    if (argc != 7 || sodium_init() < 0) {
        fprintf(stderr, "usage: noise_peer ik|kkpsk2 initiator|responder PROLOGUE STATIC_SECRET "
                        "PEER_PUBLIC|- PSK|-\n");
        return 2;
    }
    rc = set_up(&hs, argv + 1);
    if (rc == 0)
        rc = run(&hs);
    noise_wipe(&hs);
    if (rc != 0)
        fprintf(stderr, "noise_peer: %s\n", err_str(rc));
    return rc == 0 ? 0 : 1;
}

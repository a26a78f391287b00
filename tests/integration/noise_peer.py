"""Handshakes between our Noise, as the program noise_peer, and dissononce's.

    noise_peer.py DRIVER ik|kkpsk2 initiator|responder      (the role is the driver's)

Exits 0 when both sides came to the same handshake hash and each could read the other's handshake
payload and transport message; 77 when dissononce is not installed.
"""
import os
import subprocess
import sys

try:
    from dissononce.cipher.chachapoly import ChaChaPolyCipher
    from dissononce.dh.x25519.x25519 import X25519DH
    from dissononce.hash.blake2b import Blake2bHash
    from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
    from dissononce.processing.handshakepatterns.interactive.KK import KKHandshakePattern
    from dissononce.processing.impl.cipherstate import CipherState
    from dissononce.processing.impl.handshakestate import HandshakeState
    from dissononce.processing.impl.symmetricstate import SymmetricState
    from dissononce.processing.modifiers.psk import PSKPatternModifier
except ImportError:
    sys.exit(77)

PROLOGUE = b"interop"
NAMES = {
    "ik": "Noise_IK_25519_ChaChaPoly_BLAKE2b",
    "kkpsk2": "Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b",
}


class Driver:
    """noise_peer as a child: lines of 'word hex' out of it, lines of hex into it."""

    def __init__(self, argv):
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)

    def take(self, word):
        got = self.child.stdout.readline().split(" ")
        if got[0] != word:
            sys.exit("noise_peer printed %r where %r was due" % (got[0], word))
        return bytes.fromhex(got[1])

    def give(self, data):
        self.child.stdin.write(data.hex() + "\n")
        self.child.stdin.flush()

    def close(self):
        self.child.stdin.close()
        return self.child.wait(timeout=10)


def expect(what, got, want):
    if got != want:
        sys.exit("%s differs: %s, not %s" % (what, got.hex(), want.hex()))


def set_up(driver_path, pattern_name, role):
    dh = X25519DH()
    ours, theirs = dh.generate_keypair(), dh.generate_keypair()
    psk = os.urandom(32) if pattern_name == "kkpsk2" else None
    pattern = IKHandshakePattern()
    if psk is not None:
        pattern = PSKPatternModifier(2).modify(KKHandshakePattern())
    theirs_known = psk is not None or role == "responder"
    ours_known = psk is not None or role == "initiator"
    state = HandshakeState(SymmetricState(CipherState(ChaChaPolyCipher()), Blake2bHash()), dh)
    state.initialize(pattern, role == "responder", PROLOGUE, s=ours,
                     rs=theirs.public if theirs_known else None,
                     psks=[psk] if psk is not None else None)
    if state.protocol_name != NAMES[pattern_name]:
        sys.exit("dissononce ran %s" % state.protocol_name)
    driver = Driver([driver_path, pattern_name, role, PROLOGUE.hex(), theirs.private.data.hex(),
                     ours.public.data.hex() if ours_known else "-",
                     psk.hex() if psk is not None else "-"])
    return state, driver, theirs


def write(state, driver):
    message = bytearray()
    ciphers = state.write_message(b"payload in Python", message)
    driver.give(bytes(message))
    expect("payload to C", driver.take("payload"), b"payload in Python")
    return ciphers


def read(state, driver):
    payload = bytearray()
    ciphers = state.read_message(driver.take("message"), payload)
    expect("payload to Python", bytes(payload), b"payload in C")
    return ciphers


def transport(driver, role, ciphers):
    """The first of the two ciphers is the initiator's."""
    from_driver, to_driver = ciphers if role == "initiator" else reversed(ciphers)

    def receive():
        expect("transport to Python", from_driver.decrypt_with_ad(b"", driver.take("transport")),
               b"transport in C")

    def send():
        driver.give(to_driver.encrypt_with_ad(b"", b"transport in Python"))
        expect("transport to C", driver.take("received"), b"transport in Python")

    for step in (receive, send) if role == "initiator" else (send, receive):
        step()


def main():
    driver_path, pattern_name, role = sys.argv[1:]
    state, driver, theirs = set_up(driver_path, pattern_name, role)
    steps = (read, write) if role == "initiator" else (write, read)
    steps[0](state, driver)
    ciphers = steps[1](state, driver)
    expect("handshake hash", driver.take("hash"), state.symmetricstate.get_handshake_hash())
    expect("static key of the driver", state.rs.data, theirs.public.data)
    transport(driver, role, ciphers)
    sys.exit(driver.close())


if __name__ == "__main__":
    main()

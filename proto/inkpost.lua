-- inkpost.lua - Wireshark dissector for the hop between a device and the cloud.
--
--   wireshark -X lua_script:proto/inkpost.lua
--   tshark -X lua_script:proto/inkpost.lua -r FILE -Y inkpost -T fields -e inkpost.message
--
-- A connection is known by its TCP port (preference, 7717), by its first frame on any port, or by
-- "Decode As". Frames of a clear hop are shown field by field, packages inside of others too; of a
-- sealed hop, type and length.
-- Nothing is verified: a dissector has no keys.
--
-- The tables between the two marks are generated: tests/check-source --fix rewrites them.

-- table: begin
local LIMITS = {
    PROTO_VERSION = 1,
    FRAME_HEADER = 5,
    FRAME_MAX = 2148436,
    FRAME_PREAUTH_MAX = 4096,
    MAC_BYTES = 16,
    ID_MAX = 64,
    LIST_MAX = 16,
    KEY_BYTES = 32,
    TOKEN_BYTES = 16,
    NEG_ID_BYTES = 16,
    SESSION_ID_BYTES = 32,
    DIGEST_BYTES = 32,
    NONCE_BYTES = 8,
    MESSAGE_MAX = 1048576,
    IMAGE_SIDE_MIN = 16,
    IMAGE_SIDE_MAX = 1024,
    PGM_MAX = 1048596,
    ENROL_SEALED_MAX = 1048832,
    ENROL_READY_S = 60,
}
local STATES = {
    NEW = "nothing exchanged yet; only the frames of the handshake",
    HANDSHAKE = "the hop is protected; the device has not said who it is",
    ENROL = "a token is reserved to this connection's key",
    SEND = "attached in the sending role",
    RECV = "attached in the receiving role",
    READ = "attached to read what the cloud kept",
    CLOSING = "nothing is read any more",
}
local REASONS = {
    [0] = { name = "NONE", text = "no reason given" },
    [1] = { name = "MALFORMED", text = "the message could not be read; the two programs may be of different versions" },
    [2] = { name = "OUT_OF_ORDER", text = "the message is not legal at this point of the protocol" },
    [3] = { name = "TOO_LARGE", text = "the message is larger than the protocol allows" },
    [4] = { name = "VERSION", text = "the other side speaks another protocol version; use the same release on both" },
    [5] = { name = "MODE", text = "the cloud takes sealed hops only; use --hop sealed, or start cloudd with --hop any" },
    [6] = { name = "HANDSHAKE", text = "the cloud cannot read our handshake: --cloud-key is not the key of the cloud at this address; compare it with what cloudd init printed" },
    [7] = { name = "NOT_ENROLLED", text = "this device key is not enrolled here, or its enrolment was revoked; enrol again with a new token and an empty --home" },
    [8] = { name = "BUSY", text = "the cloud has as many connections as it allows; try again later" },
    [9] = { name = "TIMEOUT", text = "nothing was heard in time" },
    [10] = { name = "FENCED", text = "another program took over this device's role; only one may run at a time" },
    [11] = { name = "SHUTDOWN", text = "the cloud is shutting down" },
    [12] = { name = "STORAGE", text = "the cloud could not write to its disk; free some space there" },
    [20] = { name = "TOKEN_WRONG", text = "the token is not one that this cloud issued for this id; check both, or ask for a new one with cloudd invite" },
    [21] = { name = "TOKEN_USED", text = "the token was used already; ask for a new one with cloudd invite" },
    [22] = { name = "TOKEN_EXPIRED", text = "the token has expired; ask for a new one with cloudd invite" },
    [23] = { name = "ID_TAKEN", text = "the id is taken by an enrolled device; choose another, or revoke that one first" },
    [24] = { name = "KEY_TAKEN", text = "this device key is enrolled already under another id" },
    [25] = { name = "SIGNATURE_TAKEN", text = "the same scan is enrolled already under another id; scan another sample of the signature" },
    [26] = { name = "SIGNATURE_BLANK", text = "no signature was found in the scan; use dark ink on plain paper, and fill the picture with it" },
    [27] = { name = "SIGNATURE_SIZE", text = "the scan's size is refused; use 16x16 to 1024x1024 pixels" },
    [28] = { name = "SEAL", text = "a sealed part could not be opened, or names other parties than the connection's" },
    [29] = { name = "TOKEN_HELD", text = "the token is in use by another device at this moment; try again in a minute" },
    [30] = { name = "UNKNOWN_PEER", text = "no device of that id is enrolled; cloudd devices lists those that are" },
    [31] = { name = "NO_COMMON", text = "the two devices have no profile, suite or stego code in common" },
    [32] = { name = "CHECK_FAILED", text = "a check of the negotiation failed; somebody may be tampering with it" },
    [33] = { name = "POLICY", text = "the receiver does not accept this sender; it was started with --accept" },
    [34] = { name = "PEER_KEY", text = "the peer's key is not the one that was pinned or remembered; compare fingerprints, then peers --accept-key ID=KEY" },
    [36] = { name = "PEER_REVOKED", text = "the peer's enrolment was revoked" },
    [37] = { name = "STALE", text = "the negotiation is not known any more; start again" },
    [38] = { name = "RESEARCH", text = "a research profile is refused: the cloud, or the receiver, was started without --allow-research" },
    [39] = { name = "SELF", text = "a device cannot send to itself" },
    [40] = { name = "MAILBOX_FULL", text = "the receiver's mailbox at the cloud is full; it empties when the receiver runs" },
    [41] = { name = "DISK_FULL", text = "the cloud's disk is full; nothing was taken" },
    [42] = { name = "STREAM_STOPPED", text = "an earlier package of this stream was refused, and order is kept" },
    [43] = { name = "CONFLICT", text = "another package of the same session and number was accepted before" },
    [44] = { name = "NOT_YOURS", text = "the header names another sender than the connection's device" },
    [45] = { name = "IMAGE", text = "the image is not the PGM that the header announces" },
    [46] = { name = "SHARE_FULL", text = "this sender has its share of the receiver's mailbox; there is room again when the receiver runs" },
    [47] = { name = "CLOUD_FULL", text = "the cloud holds as many packages as its operator allows; there is room again when receivers run" },
    [48] = { name = "UNACKED", text = "too many receipts wait for this sender, who has not acknowledged them" },
    [49] = { name = "RATE", text = "too many sessions were asked for in a short time; try again in a moment" },
    [50] = { name = "BAD_TAG", text = "the authentication code does not match: message, header or hidden payload was changed" },
    [51] = { name = "NO_SESSION", text = "the package belongs to no session that we know" },
    [52] = { name = "INDEX", text = "the package's number is used up or too far ahead" },
    [53] = { name = "NO_SUITE", text = "sender, receiver and cloud have no cipher suite in common that the profile can use; change the sets with --suites" },
    [54] = { name = "REFUSED", text = "the receiver refused it; its own output says why" },
}
local MESSAGES = {
    [0x01] = {
        name = "HOP_HELLO",
        doc = "first frame: Noise IK message 1",
        cap = 512,
        cloud = { "NEW" },
        device = { },
        fields = {
            { name = "version", kind = "u8", size = 0, doc = "PROTO_VERSION" },
            { name = "mode", kind = "u8", size = 0, doc = "0 sealed, 1 clear, 2 open" },
            { name = "role", kind = "u8", size = 0, doc = "1 send, 2 receive, 3 enrol, 4 read" },
            { name = "noise", kind = "blob", size = 256, doc = "Noise message, empty payload" },
        },
    },
    [0x02] = {
        name = "HOP_REPLY",
        doc = "Noise IK message 2; from here frames are protected",
        cap = 512,
        cloud = { },
        device = { "NEW" },
        fields = {
            { name = "noise", kind = "blob", size = 256, doc = "Noise message, empty payload" },
        },
    },
    [0x03] = {
        name = "SEALED",
        doc = "envelope of every frame of a sealed hop; opened below the message layer",
        cap = 2148436,
        cloud = { },
        device = { },
        fields = {
            { name = "ciphertext", kind = "blob", size = 2148436, doc = "inner type and body, encrypted, and a 16-byte tag (no length of its own)" },
        },
    },
    [0x04] = {
        name = "HOP_REFUSED",
        doc = "the cloud will not go on; not authenticated, a hint only",
        cap = 512,
        cloud = { },
        device = { "NEW" },
        fields = {
            { name = "reason", kind = "u16", size = 0, doc = "why" },
            { name = "detail", kind = "blob", size = 200, doc = "text for people, may be empty" },
        },
    },
    [0x10] = {
        name = "ATTACH",
        doc = "first protected frame of an enrolled device; fences an older connection in the role",
        cap = 512,
        cloud = { "HANDSHAKE" },
        device = { },
        fields = {
            { name = "id", kind = "id", size = 0, doc = "must be the id enrolled with the hop's static key" },
            { name = "profiles", kind = "list", size = 0, doc = "profiles offered, best first" },
            { name = "suites", kind = "list", size = 0, doc = "suites offered, best first" },
            { name = "codecs", kind = "list", size = 0, doc = "stego codes offered, best first" },
        },
    },
    [0x11] = {
        name = "ATTACHED",
        doc = "the connection is the device's, in its role",
        cap = 64,
        cloud = { },
        device = { "HANDSHAKE" },
        fields = {
            { name = "enrolment", kind = "u64", size = 0, doc = "the device's enrolment number" },
            { name = "retention", kind = "u32", size = 0, doc = "days a package is kept" },
        },
    },
    [0x12] = {
        name = "ERROR",
        doc = "something was refused; the cloud may close after it",
        cap = 512,
        cloud = { },
        device = { "HANDSHAKE", "ENROL", "SEND", "RECV", "READ" },
        fields = {
            { name = "reason", kind = "u16", size = 0, doc = "why" },
            { name = "about", kind = "u8", size = 0, doc = "type of the message that it answers, or 0" },
            { name = "detail", kind = "blob", size = 200, doc = "text for people, may be empty" },
        },
    },
    [0x18] = {
        name = "ENROL_TOKEN",
        doc = "shows the one-time token before anything large is accepted",
        cap = 128,
        cloud = { "HANDSHAKE" },
        device = { },
        fields = {
            { name = "id", kind = "id", size = 0, doc = "the id wanted" },
            { name = "token", kind = "bytes", size = 16, doc = "from cloudd invite" },
        },
    },
    [0x19] = {
        name = "ENROL_READY",
        doc = "the token is reserved to this hop key",
        cap = 16,
        cloud = { },
        device = { "HANDSHAKE" },
        fields = {
            { name = "seconds", kind = "u16", size = 0, doc = "for how long" },
        },
    },
    [0x1a] = {
        name = "ENROL_REQUEST",
        doc = "enrolment proper",
        cap = 1048960,
        cloud = { "ENROL" },
        device = { },
        fields = {
            { name = "profiles", kind = "list", size = 0, doc = "profiles offered, best first" },
            { name = "suites", kind = "list", size = 0, doc = "suites offered, best first" },
            { name = "codecs", kind = "list", size = 0, doc = "stego codes offered, best first" },
            { name = "sealed", kind = "blob", size = 1048832, doc = "ENROL_BODY sealed to the cloud" },
        },
    },
    [0x1b] = {
        name = "ENROLLED",
        doc = "stored; the token is used up",
        cap = 16,
        cloud = { },
        device = { "ENROL" },
        fields = {
            { name = "enrolment", kind = "u64", size = 0, doc = "enrolment number, never given twice" },
        },
    },
    [0x20] = {
        name = "OPEN",
        doc = "step 1, asked: a session with a peer",
        cap = 256,
        cloud = { "SEND" },
        device = { },
        fields = {
            { name = "request", kind = "u64", size = 0, doc = "the initiator's own number for this request" },
            { name = "peer", kind = "id", size = 0, doc = "the responder" },
            { name = "profiles", kind = "list", size = 0, doc = "profiles, best first" },
            { name = "suites", kind = "list", size = 0, doc = "suites, best first" },
            { name = "codecs", kind = "list", size = 0, doc = "stego codes, best first" },
        },
    },
    [0x21] = {
        name = "PEER",
        doc = "directory entry and pair key, ahead of every SALT",
        cap = 512,
        cloud = { },
        device = { "SEND", "RECV" },
        fields = {
            { name = "peer", kind = "id", size = 0, doc = "the other device" },
            { name = "key", kind = "bytes", size = 32, doc = "its static key" },
            { name = "enrolment", kind = "u64", size = 0, doc = "its enrolment number" },
            { name = "sealed", kind = "blob", size = 256, doc = "PAIR_BODY sealed to the device" },
        },
    },
    [0x22] = {
        name = "SALT",
        doc = "step 1, answered to both: salt, salt key and the choice",
        cap = 1024,
        cloud = { },
        device = { "SEND", "RECV" },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "request", kind = "u64", size = 0, doc = "from OPEN" },
            { name = "initiator", kind = "id", size = 0, doc = "the sending device" },
            { name = "responder", kind = "id", size = 0, doc = "the receiving device" },
            { name = "i_profiles", kind = "list", size = 0, doc = "initiator's profiles" },
            { name = "i_suites", kind = "list", size = 0, doc = "initiator's suites" },
            { name = "i_codecs", kind = "list", size = 0, doc = "initiator's stego codes" },
            { name = "r_profiles", kind = "list", size = 0, doc = "responder's profiles" },
            { name = "r_suites", kind = "list", size = 0, doc = "responder's suites" },
            { name = "r_codecs", kind = "list", size = 0, doc = "responder's stego codes" },
            { name = "allowed", kind = "list", size = 0, doc = "suites that the cloud allows" },
            { name = "profile", kind = "u8", size = 0, doc = "chosen profile" },
            { name = "suite", kind = "u8", size = 0, doc = "chosen suite" },
            { name = "codec", kind = "u8", size = 0, doc = "chosen stego code" },
            { name = "sealed", kind = "blob", size = 256, doc = "SALT_BODY sealed to the device" },
        },
    },
    [0x23] = {
        name = "NEG_REQUEST",
        doc = "step 2",
        cap = 1536,
        cloud = { "SEND" },
        device = { },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "sealed", kind = "blob", size = 512, doc = "NEG_BODY sealed to the cloud" },
            { name = "noise", kind = "blob", size = 768, doc = "Noise KKpsk2 message 1, or as the profile has it; empty in one without a handshake" },
        },
    },
    [0x24] = {
        name = "NEG_PENDING",
        doc = "step 2 is checked and on the cloud's disk; the responder's answer may take long",
        cap = 32,
        cloud = { },
        device = { "SEND" },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
        },
    },
    [0x25] = {
        name = "NEG_FORWARD",
        doc = "step 3",
        cap = 1536,
        cloud = { },
        device = { "RECV" },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "sealed", kind = "blob", size = 512, doc = "NEG_BODY sealed to the responder" },
            { name = "noise", kind = "blob", size = 768, doc = "as in step 2, or what the cloud made of that" },
        },
    },
    [0x26] = {
        name = "NEG_ANSWER",
        doc = "step 4",
        cap = 1536,
        cloud = { "RECV" },
        device = { },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "reason", kind = "u16", size = 0, doc = "0 accepted, else why not" },
            { name = "sealed", kind = "blob", size = 512, doc = "NEG_BODY sealed to the cloud; empty when not accepted" },
            { name = "noise", kind = "blob", size = 768, doc = "Noise KKpsk2 message 2, or as the profile has it; empty when not accepted, or without a handshake" },
        },
    },
    [0x27] = {
        name = "NEG_RESULT",
        doc = "step 5",
        cap = 1536,
        cloud = { },
        device = { "SEND" },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "sealed", kind = "blob", size = 512, doc = "NEG_BODY sealed to the initiator" },
            { name = "noise", kind = "blob", size = 768, doc = "as in step 4, or what the cloud made of that" },
        },
    },
    [0x28] = {
        name = "NEG_CONFIRM",
        doc = "after step 6: key confirmation, relayed to the responder if it is there",
        cap = 128,
        cloud = { "SEND" },
        device = { "RECV" },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "session", kind = "bytes", size = 32, doc = "first half of the handshake hash" },
            { name = "mac", kind = "bytes", size = 16, doc = "under the session's confirmation key" },
        },
    },
    [0x29] = {
        name = "NEG_REJECT",
        doc = "the negotiation is over without a session",
        cap = 256,
        cloud = { },
        device = { "SEND", "RECV" },
        fields = {
            { name = "request", kind = "u64", size = 0, doc = "from OPEN" },
            { name = "negotiation", kind = "bytes", size = 16, doc = "T, or zeros when none was made" },
            { name = "peer", kind = "id", size = 0, doc = "the other device" },
            { name = "reason", kind = "u16", size = 0, doc = "why" },
            { name = "i_suites", kind = "list", size = 0, doc = "with NO_SUITE: the initiator's suites; else empty, as the next two" },
            { name = "r_suites", kind = "list", size = 0, doc = "the responder's suites" },
            { name = "allowed", kind = "list", size = 0, doc = "suites that the cloud allows" },
        },
    },
    [0x2a] = {
        name = "NEG_GRANT",
        doc = "before step 5, in a profile whose cloud has a part in the key: the responder's half of what the cloud made",
        cap = 512,
        cloud = { },
        device = { "RECV" },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "grant", kind = "blob", size = 256, doc = "as the profile has it" },
        },
    },
    [0x2b] = {
        name = "NEG_GRANTED",
        doc = "the responder has its key; only now step 5 follows",
        cap = 32,
        cloud = { "RECV" },
        device = { },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
        },
    },
    [0x30] = {
        name = "PACKAGE",
        doc = "one message; the fields before `message` are the authenticated header",
        cap = 2098196,
        cloud = { "SEND" },
        device = { "RECV" },
        fields = {
            { name = "profile", kind = "u8", size = 0, doc = "profile of the session" },
            { name = "codec", kind = "u8", size = 0, doc = "stego code of the image, 0 without one" },
            { name = "session", kind = "bytes", size = 32, doc = "session" },
            { name = "direction", kind = "u8", size = 0, doc = "0: from the session's initiator" },
            { name = "index", kind = "u64", size = 0, doc = "n, counted from 0 in the session" },
            { name = "seq", kind = "u64", size = 0, doc = "counted from 1 for the sender-receiver pair, across sessions" },
            { name = "from", kind = "id", size = 0, doc = "sender, must be the hop's device" },
            { name = "to", kind = "id", size = 0, doc = "receiver" },
            { name = "message_bytes", kind = "u32", size = 0, doc = "length of message" },
            { name = "width", kind = "u16", size = 0, doc = "of the image, pixels" },
            { name = "height", kind = "u16", size = 0, doc = "of the image, pixels" },
            { name = "message", kind = "blob", size = 1048576, doc = "the message" },
            { name = "image", kind = "blob", size = 1048596, doc = "stego image, PGM (P5); empty, with width and height 0, in a profile that hides nothing" },
        },
    },
    [0x31] = {
        name = "ACCEPTED",
        doc = "the package is on the cloud's disk, or its receiver has receipted it",
        cap = 64,
        cloud = { },
        device = { "SEND" },
        fields = {
            { name = "session", kind = "bytes", size = 32, doc = "session" },
            { name = "index", kind = "u64", size = 0, doc = "n" },
        },
    },
    [0x32] = {
        name = "REFUSED",
        doc = "the package was not taken; a full mailbox or disk also stops the stream until RESUME",
        cap = 256,
        cloud = { },
        device = { "SEND" },
        fields = {
            { name = "session", kind = "bytes", size = 32, doc = "session" },
            { name = "index", kind = "u64", size = 0, doc = "n" },
            { name = "to", kind = "id", size = 0, doc = "receiver" },
            { name = "reason", kind = "u16", size = 0, doc = "why" },
        },
    },
    [0x33] = {
        name = "RECEIPT",
        doc = "the receiver's word on one copy of a package",
        cap = 256,
        cloud = { "RECV" },
        device = { "SEND" },
        fields = {
            { name = "peer", kind = "id", size = 0, doc = "to the cloud: the sender; to the sender: the receiver" },
            { name = "session", kind = "bytes", size = 32, doc = "session" },
            { name = "direction", kind = "u8", size = 0, doc = "as in the package" },
            { name = "index", kind = "u64", size = 0, doc = "n" },
            { name = "status", kind = "u8", size = 0, doc = "1 verified, 2 rejected, 3 unverifiable (no MAC), 4 expired (from the cloud, no MAC)" },
            { name = "digest", kind = "bytes", size = 32, doc = "of the package as received" },
            { name = "mac", kind = "bytes", size = 16, doc = "under the session's receipt key" },
        },
    },
    [0x34] = {
        name = "RECEIPT_ACK",
        doc = "the cloud may forget this receipt",
        cap = 256,
        cloud = { "SEND" },
        device = { },
        fields = {
            { name = "peer", kind = "id", size = 0, doc = "the receiver" },
            { name = "session", kind = "bytes", size = 32, doc = "session" },
            { name = "index", kind = "u64", size = 0, doc = "n" },
        },
    },
    [0x35] = {
        name = "RESUME",
        doc = "what have you of this stream? also ends a refusal",
        cap = 256,
        cloud = { "SEND" },
        device = { },
        fields = {
            { name = "to", kind = "id", size = 0, doc = "receiver" },
            { name = "session", kind = "bytes", size = 32, doc = "session" },
        },
    },
    [0x36] = {
        name = "RESUMED",
        doc = "answer to RESUME",
        cap = 256,
        cloud = { },
        device = { "SEND" },
        fields = {
            { name = "to", kind = "id", size = 0, doc = "receiver" },
            { name = "session", kind = "bytes", size = 32, doc = "session" },
            { name = "next", kind = "u64", size = 0, doc = "one more than the highest n ever accepted; 0 when none was" },
            { name = "enrolment", kind = "u64", size = 0, doc = "the receiver's enrolment number now; 0 when it has none" },
        },
    },
    [0x37] = {
        name = "PEER_GONE",
        doc = "a peer's enrolment was revoked",
        cap = 128,
        cloud = { },
        device = { "SEND", "RECV" },
        fields = {
            { name = "peer", kind = "id", size = 0, doc = "the device that is gone" },
            { name = "enrolment", kind = "u64", size = 0, doc = "the enrolment that is over" },
        },
    },
    [0x38] = {
        name = "HISTORY",
        doc = "the next page of what is kept of a sender's packages to this device",
        cap = 128,
        cloud = { "READ" },
        device = { },
        fields = {
            { name = "peer", kind = "id", size = 0, doc = "the sender" },
            { name = "after", kind = "u64", size = 0, doc = "number of the last package of the page before; 0 at first" },
            { name = "since", kind = "u64", size = 0, doc = "only packages with a seq above this one" },
            { name = "limit", kind = "u16", size = 0, doc = "at most so many packages; the cloud may send fewer" },
        },
    },
    [0x39] = {
        name = "KEPT",
        doc = "a package that was delivered and verified before",
        cap = 2148436,
        cloud = { },
        device = { "READ" },
        fields = {
            { name = "number", kind = "u64", size = 0, doc = "its place at the cloud; rises" },
            { name = "type", kind = "u8", size = 0, doc = "of the message that it came as: PACKAGE or PACKAGE_SHARED" },
            { name = "package", kind = "blob", size = 2098396, doc = "its body, the same bytes as then" },
        },
    },
    [0x3a] = {
        name = "HISTORY_END",
        doc = "the page is over",
        cap = 16,
        cloud = { },
        device = { "READ" },
        fields = {
            { name = "more", kind = "u8", size = 0, doc = "1: there may be more after the last number; ask again" },
            { name = "days", kind = "u16", size = 0, doc = "for how long this cloud keeps a package; 0: it keeps none" },
        },
    },
    [0x3c] = {
        name = "SET_PACKAGE",
        doc = "one message to the members of a set, as it is sent; each is answered as a PACKAGE is",
        cap = 2148380,
        cloud = { "SEND" },
        device = { },
        fields = {
            { name = "members", kind = "blob", size = 50176, doc = "1 to 256 times: u32 length and SET_MEMBER" },
            { name = "common", kind = "blob", size = 2098196, doc = "PACKAGE from the sender to itself: session zeros, n and seq 0; under a key of its own" },
        },
    },
    [0x3d] = {
        name = "PACKAGE_SHARED",
        doc = "the same message as one member gets it",
        cap = 2098396,
        cloud = { },
        device = { "RECV" },
        fields = {
            { name = "member", kind = "blob", size = 192, doc = "SET_MEMBER of the receiver" },
            { name = "common", kind = "blob", size = 2098196, doc = "as in SET_PACKAGE" },
        },
    },
    [0x80] = {
        name = "ENROL_BODY",
        doc = "sealed in ENROL_REQUEST",
        cap = 1048832,
        cloud = { },
        device = { },
        fields = {
            { name = "id", kind = "id", size = 0, doc = "must be the id of ENROL_TOKEN" },
            { name = "dev", kind = "bytes", size = 32, doc = "the device's share of every pair key" },
            { name = "width", kind = "u16", size = 0, doc = "of the scan, pixels" },
            { name = "height", kind = "u16", size = 0, doc = "of the scan, pixels" },
            { name = "pixels", kind = "blob", size = 1048576, doc = "8-bit grey, row by row" },
        },
    },
    [0x81] = {
        name = "PAIR_BODY",
        doc = "sealed in PEER",
        cap = 256,
        cloud = { },
        device = { },
        fields = {
            { name = "to", kind = "id", size = 0, doc = "the device it is sealed to" },
            { name = "peer", kind = "id", size = 0, doc = "the other device" },
            { name = "shk", kind = "blob", size = 64, doc = "pair key Shk" },
        },
    },
    [0x82] = {
        name = "SALT_BODY",
        doc = "sealed in SALT",
        cap = 256,
        cloud = { },
        device = { },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "salt", kind = "bytes", size = 32, doc = "session salt d^r, a ristretto255 element" },
            { name = "sk", kind = "blob", size = 64, doc = "salt key Sk of this session" },
        },
    },
    [0x83] = {
        name = "NEG_BODY",
        doc = "sealed in steps 2 to 5",
        cap = 512,
        cloud = { },
        device = { },
        fields = {
            { name = "negotiation", kind = "bytes", size = 16, doc = "T" },
            { name = "masked", kind = "blob", size = 64, doc = "salt XOR Sk, as long as Sk; the salt is repeated or cut to that" },
            { name = "cloud", kind = "bytes", size = 32, doc = "the cloud's identity: its static key" },
            { name = "initiator", kind = "id", size = 0, doc = "the sending device" },
            { name = "responder", kind = "id", size = 0, doc = "the receiving device" },
            { name = "shk", kind = "blob", size = 64, doc = "pair key Shk" },
        },
    },
    [0x84] = {
        name = "SET_MEMBER",
        doc = "one member's part of a message to a set",
        cap = 192,
        cloud = { },
        device = { },
        fields = {
            { name = "to", kind = "id", size = 0, doc = "the member" },
            { name = "session", kind = "bytes", size = 32, doc = "the sender's session with this member" },
            { name = "direction", kind = "u8", size = 0, doc = "0: from the session's initiator" },
            { name = "index", kind = "u64", size = 0, doc = "n, counted from 0 in the session" },
            { name = "seq", kind = "u64", size = 0, doc = "counted from 1 for the sender-receiver pair, across sessions" },
            { name = "wrapped", kind = "bytes", size = 48, doc = "key S of the common part in a secretbox, under a key from the message key, the fields above and the common part" },
        },
    },
    [0x90] = {
        name = "SGA_REGISTER",
        doc = "registration with the cloud, the paper's figure 3",
        cap = 256,
        cloud = { },
        device = { },
        fields = {
            { name = "key", kind = "bytes", size = 80, doc = "the device's initial key k_d, sealed to the cloud" },
            { name = "id", kind = "blob", size = 128, doc = "the device's id, encrypted under k_d with its initial cipher" },
            { name = "suites", kind = "list", size = 0, doc = "the device's ciphers, best first" },
            { name = "initial", kind = "u8", size = 0, doc = "its initial cipher, one of them" },
        },
    },
    [0x91] = {
        name = "SGA_ASK",
        doc = "steps A1 (sealed to the cloud) and A2 (under the responder's k_d)",
        cap = 256,
        cloud = { },
        device = { },
        fields = {
            { name = "masked", kind = "bytes", size = 32, doc = "the initiator's temporary key XOR the k_d of the device at this hop" },
            { name = "initiator", kind = "id", size = 0, doc = "the device that asks" },
            { name = "gateway", kind = "bytes", size = 32, doc = "the cloud's identity: its static key" },
            { name = "responder", kind = "id", size = 0, doc = "the device that is asked" },
            { name = "suite", kind = "u8", size = 0, doc = "the cipher that the initiator chose" },
        },
    },
    [0x92] = {
        name = "SGA_ANSWER",
        doc = "steps A3 (sealed to the cloud) and A4 (under the initiator's temporary key)",
        cap = 256,
        cloud = { },
        device = { },
        fields = {
            { name = "masked", kind = "bytes", size = 32, doc = "the initiator's temporary key XOR the responder's" },
            { name = "gateway", kind = "bytes", size = 32, doc = "the cloud's identity: its static key" },
            { name = "responder", kind = "id", size = 0, doc = "the device that was asked" },
            { name = "initiator", kind = "id", size = 0, doc = "the device that asked" },
            { name = "suite", kind = "u8", size = 0, doc = "the cipher, the same" },
        },
    },
    [0x93] = {
        name = "SGA_SHARE",
        doc = "steps B1 and B3, under the sending device's temporary key",
        cap = 512,
        cloud = { },
        device = { },
        fields = {
            { name = "n", kind = "bytes", size = 32, doc = "N = R times the generator, a ristretto255 element" },
            { name = "once", kind = "bytes", size = 32, doc = "one-time key K = r times N" },
            { name = "initiator", kind = "id", size = 0, doc = "the device that asked" },
            { name = "responder", kind = "id", size = 0, doc = "the device that was asked" },
            { name = "gateway", kind = "bytes", size = 32, doc = "the cloud's identity: its static key" },
            { name = "masked", kind = "blob", size = 96, doc = "N XOR k_d, encrypted under k_d" },
            { name = "random", kind = "bytes", size = 80, doc = "trapdoor function of r: r sealed to the cloud" },
            { name = "proof", kind = "bytes", size = 32, doc = "keyed hash of N under K" },
        },
    },
    [0x94] = {
        name = "SGA_INVITE",
        doc = "step B2, under the responder's temporary key",
        cap = 256,
        cloud = { },
        device = { },
        fields = {
            { name = "initiator", kind = "id", size = 0, doc = "the device that asked" },
            { name = "responder", kind = "id", size = 0, doc = "the device that was asked" },
            { name = "gateway", kind = "bytes", size = 32, doc = "the cloud's identity: its static key" },
        },
    },
    [0x95] = {
        name = "SGA_GRANT",
        doc = "step B6, in clear",
        cap = 128,
        cloud = { },
        device = { },
        fields = {
            { name = "n", kind = "bytes", size = 32, doc = "the other device's N times R_s of the cloud" },
            { name = "proof", kind = "bytes", size = 32, doc = "keyed hash of both ids, K and n, under the receiving device's K" },
        },
    },
}
-- table: end

local PORT = 7717
local LENGTH_BYTES = 4
local SEALED, SEAL_CODE = 0x03, 0x80
local PACKAGE, PACKAGE_SHARED, SET_MEMBER = 0x30, 0x3d, 0x84
local MODES = { [0] = "sealed", [1] = "clear", [2] = "open" }
local MODE_SEALED, MODE_OPEN = 0, 2
local ROLES = { [1] = "send", [2] = "receive", [3] = "enrol", [4] = "read" }
local RECEIPTS = { [1] = "verified", [2] = "rejected", [3] = "unverifiable", [4] = "expired" }

local inkpost = Proto("inkpost", "inkpost hop")

-- ---- fields: the frame's own, then one for each field of each message, inkpost.<message>.<field>

local function names_of(rows)
    local names = {}
    for number, row in pairs(rows) do
        names[number] = row.name
    end
    return names
end

local REASON_NAMES = names_of(REASONS)
local VALUE_NAMES = { reason = REASON_NAMES, role = ROLES, mode = MODES, status = RECEIPTS,
                      about = names_of(MESSAGES) }
local NUMBERS = { u8 = 1, u16 = 2, u32 = 4, u64 = 8 }
local CONSTRUCTORS = { u8 = ProtoField.uint8, u16 = ProtoField.uint16, u32 = ProtoField.uint32,
                       u64 = ProtoField.uint64 }

local own = {
    length = ProtoField.uint32("inkpost.length", "Length", base.DEC, nil, nil,
                               "bytes that follow the length"),
    type = ProtoField.uint8("inkpost.type", "Type", base.HEX, names_of(MESSAGES)),
    message = ProtoField.string("inkpost.message", "Message"),
    mode = ProtoField.string("inkpost.mode", "Hop mode"),
    to = ProtoField.string("inkpost.to", "To"),
    legal = ProtoField.string("inkpost.legal", "Accepted in"),
    mac = ProtoField.bytes("inkpost.mac", "Frame MAC"),
    ciphertext = ProtoField.bytes("inkpost.ciphertext", "Ciphertext and tag"),
    rest = ProtoField.bytes("inkpost.rest", "Bytes not understood"),
}

local function make_field(message, field)
    local abbr = "inkpost." .. message.name:lower() .. "." .. field.name
    local values = VALUE_NAMES[field.name]

    if NUMBERS[field.kind] then
        if field.kind == "u64" then
            values = nil
        end
        return CONSTRUCTORS[field.kind](abbr, field.name, base.DEC, values, nil, field.doc)
    end
    if field.kind == "id" or field.name == "detail" then
        return ProtoField.string(abbr, field.name, base.UNICODE, field.doc)
    end
    return ProtoField.bytes(abbr, field.name, base.NONE, field.doc)
end

local all_fields = {}
for _, field in pairs(own) do
    all_fields[#all_fields + 1] = field
end
for _, message in pairs(MESSAGES) do
    for _, field in ipairs(message.fields) do
        field.proto = make_field(message, field)
        all_fields[#all_fields + 1] = field.proto
    end
end
inkpost.fields = all_fields

local malformed = ProtoExpert.new("inkpost.malformed", "Malformed", expert.group.MALFORMED,
                                  expert.severity.ERROR)
local illegal = ProtoExpert.new("inkpost.illegal", "Not legal here", expert.group.PROTOCOL,
                                expert.severity.WARN)
local refused = ProtoExpert.new("inkpost.refused", "Refused", expert.group.RESPONSE_CODE,
                                expert.severity.NOTE)
local cut = ProtoExpert.new("inkpost.cut", "Cut by the capture", expert.group.UNDECODED,
                            expert.severity.NOTE)
inkpost.experts = { malformed, illegal, refused, cut }

inkpost.prefs.port = Pref.uint("TCP port", PORT, "Port that cloudd listens on")

-- ---- what is known of a connection: its mode and which end is the device ----

local stream_field = Field.new("tcp.stream")
local connections = {}

local function connection_of()
    local found = { stream_field() }
    local key = #found > 0 and found[#found].value or -1

    connections[key] = connections[key] or {}
    return connections[key]
end

local function endpoint(address, port)
    return tostring(address) .. ":" .. tostring(port)
end

-- "cloud", "device", or nil when the capture does not hold the first frame.
local function receiver(connection, pinfo)
    if connection.device == nil then
        return nil
    end
    if connection.device == endpoint(pinfo.src, pinfo.src_port) then
        return "cloud"
    end
    return "device"
end

-- ---- the body: each length is compared with what is left before it is used ----

-- Bytes of this field at `at`, with a length prefix of `prefix` bytes; nil and why when it is wrong.
local function measure(field, tvb, at, stop)
    local left = stop - at
    local prefix, length = 0, NUMBERS[field.kind] or field.size

    if field.kind == "blob" then
        prefix = 4
    elseif field.kind == "id" or field.kind == "list" then
        prefix = 1
    end
    if left < prefix then
        return nil, "its length is cut"
    end
    if prefix > 0 then
        local cap = field.kind == "blob" and field.size or
                    field.kind == "id" and LIMITS.ID_MAX or LIMITS.LIST_MAX

        length = tvb(at, prefix):uint()
        if length > cap then
            return nil, string.format("%d is above its cap of %d", length, cap)
        end
    end
    if left - prefix < length then
        return nil, string.format("%d bytes, %d left", length, left - prefix)
    end
    return prefix, length
end

local function add_field(field, tvb, at, prefix, length, tree)
    if length == 0 then
        return tree:add(field.proto, tvb(at, prefix), ""):set_text(field.name .. ": (empty)")
    end
    if NUMBERS[field.kind] == nil and field.kind ~= "id" and field.name ~= "detail" then
        return tree:add(field.proto, tvb(at + prefix, length))
            :append_text(string.format(" (%d bytes)", length))
    end
    local item = tree:add(field.proto, tvb(at + prefix, length))

    if field.name == "reason" then
        local reason = REASONS[tvb(at, length):uint()]

        if reason == nil or reason.name ~= "NONE" then
            item:add_proto_expert_info(refused, reason and reason.text or "unknown reason")
        end
    end
    if field.kind == "id" and tvb(at + prefix, length):string():find("[^a-z0-9._-]") then
        item:add_proto_expert_info(malformed, "an id has only a-z 0-9 . _ -")
    end
    return item
end

local dissect_fields

-- A body inside a field, as a tree of its own below the field's item.
local function dissect_body(code, tvb, at, stop, item)
    local message = MESSAGES[code]

    dissect_fields(message, tvb, at, stop, item:add(inkpost, tvb(at, stop - at), message.name))
end

-- Each member's part has its length before it.
local function dissect_members(tvb, at, stop, item)
    while at < stop do
        local left = stop - at - LENGTH_BYTES
        local length = left > 0 and tvb(at, LENGTH_BYTES):uint() or 0

        if length == 0 or length > left then
            item:add_proto_expert_info(malformed, "a member's part is empty or cut")
            return
        end
        at = at + LENGTH_BYTES
        dissect_body(SET_MEMBER, tvb, at, at + length, item)
        at = at + length
    end
end

-- The fields that hold a body of another message. type: the value of the field of that name.
local function dissect_inner(message, field, tvb, at, stop, item, type)
    if message.name == "SET_PACKAGE" and field.name == "members" then
        dissect_members(tvb, at, stop, item)
    elseif message.name == "PACKAGE_SHARED" and field.name == "member" then
        dissect_body(SET_MEMBER, tvb, at, stop, item)
    elseif field.name == "common" then
        dissect_body(PACKAGE, tvb, at, stop, item)
    elseif message.name == "KEPT" and field.name == "package" then
        if type == PACKAGE or type == PACKAGE_SHARED then
            dissect_body(type, tvb, at, stop, item)
        else
            item:add_proto_expert_info(malformed, "what is kept is no package")
        end
    end
end

function dissect_fields(message, tvb, at, stop, tree)
    local type

    for _, field in ipairs(message.fields) do
        local prefix, length = measure(field, tvb, at, stop)

        if prefix == nil or (field.kind == "id" and length == 0) then
            local why = prefix and "an id is not empty" or length

            if at < stop then
                tree:add(own.rest, tvb(at, stop - at))
            end
            tree:add_proto_expert_info(malformed, field.name .. ": " .. why)
            return
        end
        local item = add_field(field, tvb, at, prefix, length, tree)

        if field.name == "type" then
            type = tvb(at, length):uint()
        elseif length > 0 then
            dissect_inner(message, field, tvb, at + prefix, at + prefix + length, item, type)
        end
        at = at + prefix + length
    end
    if at < stop then
        tree:add(own.rest, tvb(at, stop - at))
        tree:add_proto_expert_info(malformed, string.format("%d bytes too many", stop - at))
    end
end

-- ---- the frame ----

-- Frames of the handshake, the only ones without protection: those accepted in the state NEW.
local function is_handshake(message)
    for _, states in ipairs({ message.cloud, message.device }) do
        for _, state in ipairs(states) do
            if state == "NEW" then
                return true
            end
        end
    end
    return false
end

local function show_legality(message, to, tree)
    local states = to and message[to]

    if states == nil then
        return
    end
    tree:add(own.to, to):set_generated()
    if #states > 0 then
        tree:add(own.legal, table.concat(states, ", ")):set_generated()
    else
        tree:add_proto_expert_info(illegal, message.name .. " is never sent to the " .. to)
    end
end

-- The first frame says the mode and which end is the device; both are kept for the connection.
local function learn(connection, tvb, at, stop, pinfo)
    if stop - at >= 3 then
        connection.mode = tvb(at + 1, 1):uint()
        connection.device = endpoint(pinfo.src, pinfo.src_port)
    end
end

local function dissect_sealed(connection, tvb, at, stop, tree)
    if connection.mode and connection.mode ~= MODE_SEALED then
        tree:add_proto_expert_info(illegal, "a sealed frame on a clear hop")
    end
    if stop - at < 1 + LIMITS.MAC_BYTES then
        tree:add_proto_expert_info(malformed, "no room for the inner type and the tag")
        return
    end
    tree:add(own.ciphertext, tvb(at, stop - at))
        :append_text(string.format(" (%d bytes)", stop - at))
end

local function dissect_clear(connection, message, tvb, at, stop, tree)
    if connection.mode == MODE_SEALED then
        tree:add_proto_expert_info(illegal, "a clear frame on a sealed hop")
    end
    local mac_bytes = connection.mode == MODE_OPEN and 0 or LIMITS.MAC_BYTES

    if stop - at < mac_bytes then
        tree:add_proto_expert_info(malformed, "no room for the MAC")
        return
    end
    local mac = stop - mac_bytes

    if message == nil then
        if at < mac then
            tree:add(own.rest, tvb(at, mac - at))
        end
    elseif mac - at > message.cap then
        tree:add_proto_expert_info(malformed, string.format("%d bytes, above the cap of %d",
                                                            mac - at, message.cap))
    else
        dissect_fields(message, tvb, at, mac, tree)
    end
    if mac < stop then
        tree:add(own.mac, tvb(mac, stop - mac))
    end
end

-- One whole frame of `total` bytes at `start`. Returns the message's name.
local function dissect_frame(tvb, start, total, pinfo, root)
    local code = tvb(start + LENGTH_BYTES, 1):uint()
    local message = MESSAGES[code]
    local name = message and message.name or string.format("UNKNOWN_0x%02x", code)
    local connection = connection_of()
    local at, stop = start + LIMITS.FRAME_HEADER, start + total
    local tree = root:add(inkpost, tvb(start, total), "inkpost " .. name)

    tree:add(own.length, tvb(start, LENGTH_BYTES))
    tree:add(own.type, tvb(start + LENGTH_BYTES, 1))
    tree:add(own.message, tvb(start + LENGTH_BYTES, 1), name)
    if name == "HOP_HELLO" then
        learn(connection, tvb, at, stop, pinfo)
    end
    if MODES[connection.mode] then
        tree:add(own.mode, MODES[connection.mode]):set_generated()
    end
    if message == nil then
        tree:add_proto_expert_info(malformed, "no message has this type")
        dissect_clear(connection, nil, tvb, at, stop, tree)
    elseif code >= SEAL_CODE then
        tree:add_proto_expert_info(illegal, name .. " stands only inside a seal")
        dissect_clear(connection, message, tvb, at, stop, tree)
    elseif code == SEALED then
        dissect_sealed(connection, tvb, at, stop, tree)
    else
        show_legality(message, receiver(connection, pinfo), tree)
        if is_handshake(message) then
            dissect_fields(message, tvb, at, stop, tree)
        else
            dissect_clear(connection, message, tvb, at, stop, tree)
        end
    end
    return name
end

-- ---- the stream ----

-- The whole size of the frame at `at`; nil when its header is not all there, or is wrong.
local function frame_size(tvb, at)
    if tvb:len() - at < LIMITS.FRAME_HEADER then
        return nil
    end
    local length = tvb(at, LENGTH_BYTES):uint()

    if length < 1 or length > LIMITS.FRAME_MAX then
        return nil, string.format("frame length %d: not in 1..%d", length, LIMITS.FRAME_MAX)
    end
    return LENGTH_BYTES + length
end

-- Asks TCP for more bytes; where it cannot give them, says that the capture ends here.
local function want_more(tvb, at, needed, pinfo, root)
    if pinfo.can_desegment > 0 and tvb:len() == tvb:reported_len() then
        pinfo.desegment_offset = at
        pinfo.desegment_len = needed
        return
    end
    local tree = root:add(inkpost, tvb(at), "inkpost (incomplete)")

    tree:add_proto_expert_info(cut, "the rest of this frame was not captured")
end

local function show_names(pinfo, names)
    pinfo.cols.protocol = "inkpost"
    if #names > 0 then
        pinfo.cols.info:set(table.concat(names, ", "))
    end
end

function inkpost.dissector(tvb, pinfo, root)
    local at, names = 0, {}

    while at < tvb:len() do
        local total, why = frame_size(tvb, at)

        if why then
            local tree = root:add(inkpost, tvb(at), "inkpost (malformed)")

            tree:add_proto_expert_info(malformed, why)
            names[#names + 1] = "MALFORMED"
            break
        end
        if total == nil then
            want_more(tvb, at, DESEGMENT_ONE_MORE_SEGMENT, pinfo, root)
            break
        end
        if tvb:len() - at < total then
            want_more(tvb, at, total - (tvb:len() - at), pinfo, root)
            break
        end
        names[#names + 1] = dissect_frame(tvb, at, total, pinfo, root)
        at = at + total
    end
    show_names(pinfo, names)
    return tvb:len()
end

-- True for a whole HOP_HELLO of this version and nothing else: enough to know a connection by.
local function is_hello(tvb)
    local head = LIMITS.FRAME_HEADER

    if tvb:len() < head + 7 or tvb(LENGTH_BYTES, 1):uint() ~= 0x01 then
        return false
    end
    return tvb(0, LENGTH_BYTES):uint() == tvb:reported_len() - LENGTH_BYTES
        and tvb(head, 1):uint() == LIMITS.PROTO_VERSION
        and MODES[tvb(head + 1, 1):uint()] ~= nil
        and ROLES[tvb(head + 2, 1):uint()] ~= nil
        and tvb(head + 3, 4):uint() == tvb:reported_len() - head - 7
end

local function heuristic(tvb, pinfo, root)
    if not is_hello(tvb) then
        return false
    end
    pinfo.conversation = inkpost
    inkpost.dissector(tvb, pinfo, root)
    return true
end

-- ---- registration ----

local ports = DissectorTable.get("tcp.port")
local registered

local function register_port()
    if registered then
        ports:remove(registered, inkpost)
    end
    registered = inkpost.prefs.port
    if registered > 0 then
        ports:add(registered, inkpost)
    end
end

function inkpost.prefs_changed()
    register_port()
end

function inkpost.init()
    connections = {}
end

register_port()
ports:add_for_decode_as(inkpost)
inkpost:register_heuristic("tcp", heuristic)

"""printed.py - the figures of Al Sibahee and others (2020) as their tables print them."""

CODE_OF = "2695"  # in Table 4, of its digest

# I, E, length, value
KEYS = (
    (5, 35, 31, "5104972361858340921340056774328"),
    (940, 956, 17, "31278291161131045"),
    (701, 730, 30, "164785329091273107618291769200"),
    (878, 900, 23, "89172311410650019727431"),
    (604, 617, 14, "81523106131297"),
)

BITS = 3060
TRIES, YEARS = (1.418, 921), (4.494, 907)  # mantissa, power of ten

MSE, PSNR = 0.0015, 76.4279

# Table 5: feature, and the experiments of the attack suite that test it.
FEATURES = (
    ("Secure communication in the IoT-cloud system", ("insider", "traffic")),
    ("Provides biometric key management", ()),
    ("Provides biometric MAC", ()),
    ("Provides authentication code anonymity for each session", ()),
    ("Provides a temporary variable-length bio-salt key", ()),
    ("Provides mutual authentication", ("mitm",)),
    ("Double-stegging to secure passing parameters", ("visual", "statistical")),
    ("Prevents replay attacks", ("replay",)),
    ("Prevents parallel session and forgery attacks", ("parallel", "forgery")),
    ("Prevents MITM attacks", ("mitm",)),
    ("Prevents reflection attack", ("reflection",)),
    ("Prevents key guessing attack", ("online-guess", "offline-guess")),
    ("Prevents brute force and dictionary attacks", ("brute-force", "dictionary")),
)

# Table 6, the notes below it: milliseconds.
TERMS = {
    "T_ASE": 300, "T_ASD": 222, "T_bio-v": 300, "T_SkSDi": 0.001, "T_SkCS": 0.001,
    "T_Xor": 0.005, "T_shift": 0.0001, "T_h": 50, "T_ST": 60, "T_Ex": 40,
}
WORDS = {
    "T_ASE": "asymmetric encryption", "T_ASD": "asymmetric decryption",
    "T_bio-v": "feature extraction, Rv", "T_SkSDi": "key generation, Sk",
    "T_SkCS": "key generation, salt", "T_Xor": "exclusive or", "T_shift": "shift",
    "T_h": "hash", "T_ST": "hiding", "T_Ex": "extraction",
}

# Phase, party, formula, milliseconds in the table. The formula is a count of each term.
PARTIES = (
    ("registration", "sds", {"T_ASE": 1, "T_ASD": 1}, 522),
    ("registration", "sdr", {"T_ASE": 1, "T_ASD": 1}, 522),
    ("registration", "cloud", {"T_ASD": 2, "T_bio-v": 1, "T_SkSDi": 1}, 1954),
    ("negotiation", "sds", {"T_ASD": 2, "T_ASE": 1, "T_Xor": 4}, 765),
    ("negotiation", "sdr", {"T_ASD": 2, "T_ASE": 1, "T_Xor": 4}, 765),
    ("negotiation", "cloud", {"T_ASD": 2, "T_ASE": 3, "T_SkCS": 1}, 1385),
    ("delivery", "sds", {"T_h": 1, "T_ST": 1, "T_Xor": 1, "T_shift": 1}, 22.3),
    ("delivery", "sdr", {"T_h": 1, "T_Ex": 1, "T_Xor": 1, "T_shift": 1}, 21.0),
    ("delivery", "cloud", {}, None),
)
OVERALL = {"registration": 2998, "negotiation": 2951, "delivery": 43.3}

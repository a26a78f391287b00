/*
 * delivery.pml - one stream, from the sender's outbox to the receiver's inbox, as a Promela model:
 * ratchet indices, receipts, resumption and negotiation, under cuts, crashes, refusals and a cloud
 * that does not keep packages as it should. README.md beside it says which function each step
 * stands for, which sentence of the design each property stands for, and what is left out.
 * tests/model/run sets the bounds below, and the mutations (MUT_*), with -D.
 *
 * A message is its number m: it says session and index (it_s, it_n) and is its seq as well, since
 * messages are packed in their order. The bytes of a copy are its digest.
 */
#ifndef M
#define M 3 /* messages, at most 3 */
#endif
#ifndef NS
#define NS 1 /* sessions, the first of which is there at the start */
#endif
#ifndef S_CUT
#define S_CUT 0 /* cuts of the sender's connection */
#endif
#ifndef R_CUT
#define R_CUT 0
#endif
#ifndef S_CRASH
#define S_CRASH 0
#endif
#ifndef S_POWER
#define S_POWER 0 /* power cuts of the sender: what was not synced is gone */
#endif
#ifndef LINES
#define LINES 0 /* bit set of the messages that are lines of stdin; the others are QUEUED */
#endif
#ifndef C_CRASH
#define C_CRASH 0
#endif
#ifndef R_CRASH
#define R_CRASH 0
#endif
#ifndef REFUSALS
#define REFUSALS 0 /* packages that find no room at the cloud */
#endif
#ifndef WORN
#define WORN 0 /* times that the sender gives up its session */
#endif
#ifndef SWITCH
#define SWITCH 0 /* bit set of the messages in the other profile, which need another session */
#endif
#ifndef FORGET
#define FORGET 0 /* sessions that the receiver loses */
#endif
#ifndef BREAK
#define BREAK 0 /* copies altered at rest so that they do not verify */
#endif
#ifndef TOUCH
#define TOUCH 0 /* copies altered at rest beside the hidden payload: they verify */
#endif
#ifndef REORDER
#define REORDER 0 /* packages that the cloud hands out before an earlier one */
#endif
#ifndef EXPIRE
#define EXPIRE 0 /* packages that the cloud keeps too long */
#endif
#ifndef EARLY
#define EARLY 1 /* 1: handed over, and receipts told, before they are written */
#endif
#ifndef KEEP
#define KEEP 0 /* 1: the cloud keeps what was verified */
#endif
#ifndef WINDOW
#define WINDOW 2 /* frames on a connection before its end packs or delivers more */
#endif
#ifndef STORE
#define STORE 2 /* operations between the cloud's loop and its disk */
#endif
#define FRAMES  14 /* on a connection at most, which put() checks */
#define RESENDS 3
#define BLOCK   2 /* indices that are reserved at once */
#define NONE    NS /* no session */

#if BREAK + TOUCH + REORDER + FORGET + EXPIRE == 0
#define HONEST 1
#else
#define HONEST 0
#endif

#define BIT(i) (1 << (i))
#define has_store (len(todo) + len(done) < STORE)

/* Digests: the sender's own bytes, two altered copies, and a second package of the same index. */
#define OURS    0
#define BROKEN  1
#define TOUCHED 2
#define SECOND  3

/* enum receipt_status */
#define VERIFIED     1
#define REJECTED     2
#define UNVERIFIABLE 3
#define EXPIRED      4

mtype = { PACKAGE, ACCEPTED, REFUSED, STOPPED, CONFLICT, RECEIPT, RECEIPT_ACK, RESUME, RESUMED,
          ATTACHED, NEG_REQUEST, NEG_FORWARD, NEG_ANSWER, NEG_RESULT };
mtype = { FULL, KNOWN, ELIDED, ATTACH, LIST, NOTHING };  /* more operations and results */
mtype = { DOWN, IDLE, RESUMING, ASKED, READY, WAITING }; /* enum stream_state; DOWN: no link */
/* enum out_state; TAKEN: OUT_ACCEPTED. LINE: not read yet. */
mtype = { LINE, QUEUED, PACKED, TAKEN, DONE };

/* A frame: type, message (or session), and for it a digest, 8 * status + digest, or an index. */
chan s2c = [FRAMES] of { mtype, byte, byte };
chan c2s = [FRAMES] of { mtype, byte, byte };
chan r2c = [FRAMES] of { mtype, byte, byte };
chan c2r = [FRAMES] of { mtype, byte, byte };

bool s_conn, r_conn; /* a connection that both of its ends believe in */
bool attaching;      /* the sender's, until the cloud knows the device */
bool faults = 1;     /* things may still go wrong */
byte s_cut = S_CUT, r_cut = R_CUT, s_crash = S_CRASH, c_crash = C_CRASH, r_crash = R_CRASH;
byte s_power = S_POWER;
byte refusals = REFUSALS, worn = WORN, forget = FORGET, broken = BREAK, touched = TOUCH;
byte reorder = REORDER, expire = EXPIRE;

/* The sender's state.db. */
mtype st[M] = QUEUED;
byte it_s[M], it_n[M], it_d[M], resends[M];
byte told[M]; /* last status of an item that is DONE */
byte cur, reserved, asked_for; /* reserved: the first index that is not */
byte made = 1; /* sessions named so far */
/* The same as a power cut would leave it. */
mtype k_st[M] = QUEUED;
byte k_resends[M], k_cur, k_reserved, k_asked_for;
bool synced = 1; /* it is the same */
#if SWITCH > 0
byte aside = NONE, aside_next; /* the session that is set aside, and its first index not used */
byte other;                    /* bit set of the sessions in the other profile */
byte k_aside = NONE, k_aside_next;
#define is_other(which) ((which) != NONE && (other & BIT(which)))
#define fits(which, item) (!is_other(which) == !(SWITCH & BIT(item)))
#else
#define fits(which, item) true
#endif
/* Bit sets of what has left, for the properties: messages; indices of each session. */
byte left, used[NS];
/* The sender's memory. */
byte next;    /* of cur */
byte ack_due; /* bit set of receipts to acknowledge after the next sync */
mtype state = DOWN;
byte from_item, question, questions, answers, r_next[NS];
bool resending;

/* The cloud's disk. */
byte q[3], q_n, q_d[3]; /* mailbox in order of acceptance; what the copies have become */
byte q_h[M];            /* the digest that is stored beside a package */
byte rc[M];             /* receipt that is kept: 8 * status + digest */
byte c_next[NS], neg, neg_state;
#if KEEP
byte kept; /* bit set of messages */
#endif
/* The cloud's memory: the sender's connection and stream, the receiver's connection. */
chan todo = [STORE + 3] of { mtype, byte, byte, byte }; /* the last: conn_no, stream_no */
chan done = [STORE + 3] of { mtype, byte, byte, byte };
byte conn_no, stream_no, gate;
bool stopped, behind;
byte sent, box, box_d[M], box_row; /* bit sets of messages */
byte hand;                         /* handed over on this connection and not written yet */
byte overtaken[M];                 /* receipt that came before its package was written */
byte packages, unhanded;           /* in the store; those not handed over on this connection */

/* The receiver's state.db. */
bool has[NS];
byte n_next[NS], skipped[NS];
byte seen[M]; /* 1 + digest */
byte inbox;   /* bit set of messages */
byte last;    /* 1 + highest message shown */

#define in_queue(m) \
    (q_n > 0 && q[0] == (m) || q_n > 1 && q[1] == (m) || q_n > 2 && q[2] == (m))

/* ---- connections: what is on its way dies with them ---- */

inline drain(to)
{
    do
    :: nempty(to) -> to?_,_,_
    :: empty(to) -> break
    od
}

inline cut_sender()
{
    s_conn = 0;
    conn_no++;
    stream_no = (stream_no + 1) % 4;
    gate = gate & ~BIT(stream_no);
    stopped = 0;
    attaching = 0;
    drain(s2c);
    drain(c2s);
    state = DOWN;
    resending = 0;
    from_item = 0;
    question = 0;
    questions = 0;
    answers = 0;
    ack_due = 0;
    clear_answers()
}

inline clear_answers()
{
    r_next[0] = 0;
    r_next[NS - 1] = 0
}

inline cut_receiver()
{
    r_conn = 0;
    behind = 0;
    sent = 0;
    box = 0;
    box_row = 0;
    hand = 0;
    unhanded = packages;
    box_d[0] = 0;
    box_d[1] = 0;
    box_d[M - 1] = 0;
    drain(c2r);
    drain(r2c)
}

/* A frame that is sent into a connection that is gone is gone. */
inline put(is_up, to, what, which, word)
{
    if
    :: is_up -> assert(nfull(to)); to!what,which,word
    :: else
    fi
}

/* ---- the sender ---- */

/* ---- what the disk has: sql_sync, and what a power cut takes ---- */

inline sync_item(which)
{
    k_st[which] = st[which];
    k_resends[which] = resends[which]
}

inline sync()
{
#if S_POWER > 0
    sync_item(0);
    sync_item(1);
    sync_item(M - 1);
    k_cur = cur;
    k_reserved = reserved;
    k_asked_for = asked_for;
#if SWITCH > 0
    k_aside = aside;
    k_aside_next = aside_next;
#endif
    synced = 1
#else
    skip
#endif
}

/* A line that was read and is not on the disk is read by nobody any more. */
inline lose_item(which)
{
    if
    :: k_st[which] == LINE && st[which] != LINE -> st[which] = DONE
    :: else -> st[which] = k_st[which]
    fi;
    resends[which] = k_resends[which]
}

inline lose_power()
{
    cut_sender();
    lose_item(0);
    lose_item(1);
    if
    :: M > 2 -> lose_item(M - 1)
    :: else
    fi;
    cur = k_cur;
    reserved = k_reserved;
    next = reserved;
    asked_for = k_asked_for;
#if SWITCH > 0
    aside = k_aside;
    aside_next = k_aside_next;
#endif
    sync()
}

inline changed()
{
#if S_POWER > 0
    synced = 0
#else
    skip
#endif
}

/* sender_settle */
inline settle()
{
#ifndef MUT_ACK_UNSYNCED
    sync();
#endif
    i = 0;
    do
    :: i < M ->
        if
        :: ack_due & BIT(i) -> put(s_conn, s2c, RECEIPT_ACK, i, 0)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    ack_due = 0
}

inline resend()
{
    do
    :: resending && from_item < M ->
        if
        :: st[from_item] == PACKED || st[from_item] == TAKEN &&
           (!(question & BIT(it_s[from_item])) ||
            it_n[from_item] >= r_next[it_s[from_item]]
#ifndef MUT_TRUST
            || resends[from_item] > 0
#endif
           ) -> put(s_conn, s2c, PACKAGE, from_item, it_d[from_item])
        :: else
        fi;
        from_item++
    :: else -> resending = 0; break
    od
}

inline go_on()
{
    from_item = 0;
    resending = 1;
    if
    :: cur != NONE -> state = READY
    :: else -> state = IDLE
    fi
}

inline ask(which)
{
    if
    :: !(question & BIT(which)) ->
        question = question | BIT(which);
        questions++;
        put(s_conn, s2c, RESUME, which, 0)
    :: else
    fi
}

inline begin()
{
    state = RESUMING;
    question = 0;
    questions = 0;
    answers = 0;
    clear_answers();
    if
    :: cur != NONE -> ask(cur)
    :: else
    fi;
    i = 0;
    do
    :: i < M ->
        if
        :: st[i] == PACKED || st[i] == TAKEN -> ask(it_s[i])
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    if
    :: questions == 0 -> go_on()
    :: else
    fi
}

inline end_item(which, status)
{
    st[which] = DONE;
    told[which] = status;
    /* What is told must be true. */
    if
    :: status == VERIFIED -> assert(inbox & BIT(which))
    :: status == REJECTED && FORGET == 0 -> assert(!(inbox & BIT(which)))
    :: else
    fi
}

inline retire(which)
{
    if
    :: cur == which -> cur = NONE; next = 0; reserved = 0
    :: else
    fi;
#if SWITCH > 0
    if
    :: aside == which -> aside = NONE; aside_next = 0
    :: else
    fi
#endif
}

/* verdict_on_receipt: y is 8 * status + digest. Sets again when bytes go out before the commit. */
inline judge(item, word)
{
    if
    :: st[item] == QUEUED || st[item] == DONE
    :: else ->
        if
        :: word == 8 * VERIFIED + it_d[item] -> end_item(item, VERIFIED)
        :: word / 8 == VERIFIED && word % 8 != it_d[item] ->
#ifdef MUT_IGNORE
            skip
#else
            end_item(item, VERIFIED)
#endif
        :: word == 8 * REJECTED + it_d[item] -> end_item(item, REJECTED)
        :: word == 8 * UNVERIFIABLE + it_d[item] -> retire(it_s[item]); end_item(item, REJECTED)
        :: word / 8 == EXPIRED -> end_item(item, EXPIRED)
        :: else ->
            if
            :: resends[item] >= RESENDS -> end_item(item, REJECTED)
            :: else -> again = 1
            fi
        fi
    fi
}

/* Without a commit, the transaction's own view of the item is used for what goes out. */
inline send_again(item)
{
    before = st[item];
    st[item] = PACKED;
    if
    :: from_item > item -> from_item = item
    :: else
    fi;
    resending = 1;
    resend();
    st[item] = before;
    before = 0
}

/* What a crash between a commit and the frames that follow it would lose, a crash right after the
 * frames loses as well: so a commit and what is sent after it are one step. Two steps are needed
 * where a frame leaves first. */

inline take_resumed()
{
    if
    :: state == RESUMING && (question & BIT(x)) ->
        r_next[x] = y;
        assert(x != cur || y <= reserved); /* nothing was rolled back that had left */
        answers++;
        if
        :: answers == questions -> go_on()
        :: else
        fi
    :: else
    fi
}

/* out_session_put: the new session x retires one of its profile, and sets another aside. */
inline take_place_of()
{
#if SWITCH > 0
    if
    :: cur != NONE && !is_other(cur) != !is_other(x) -> aside = cur; aside_next = reserved
    :: aside != NONE && !is_other(aside) == !is_other(x) -> aside = NONE; aside_next = 0
    :: else
    fi
#else
    skip
#endif
}

inline take_result()
{
    if
    :: asked_for == x + 1 ->
        take_place_of();
        cur = x;
        next = 0;
        reserved = 0;
        asked_for = 0;
        sync();
        if
        :: state == ASKED || state == IDLE || state == READY -> state = READY
        :: else
        fi
    :: else
    fi
}

inline take_receipt()
{
#ifdef MUT_ACK_EARLY
    put(s_conn, s2c, RECEIPT_ACK, x, y);
    again = 1
#else
    judge(x, y);
    changed();
    if
    :: again -> send_again(x)
    :: else -> ack_due = ack_due | BIT(x)
    fi
#endif
}

/* on_message: what one frame does. */
inline take_frame()
{
    if
    :: type == RECEIPT -> take_receipt()
    :: type == ACCEPTED && st[x] == PACKED -> st[x] = TAKEN; changed()
    :: type == REFUSED -> state = WAITING
#ifndef MUT_STUCK
    :: type == STOPPED && state == READY -> state = WAITING
#endif
    :: type == CONFLICT && (st[x] == PACKED || st[x] == TAKEN) ->
        retire(it_s[x]);
        end_item(x, REJECTED);
        changed()
    :: type == ATTACHED -> begin()
    :: type == RESUMED -> take_resumed()
    :: type == NEG_RESULT -> take_result()
    :: else
    fi
}

/* The commit of a transaction whose frames left before it. */
inline commit_receipt()
{
    changed();
#ifdef MUT_ACK_EARLY
    judge(x, y)
#else
    st[x] = PACKED;
    resends[x]++;
    ack_due = ack_due | BIT(x)
#endif
}

/* x is the message. */
inline pack()
{
    assert(fits(cur, x));                /* by the profile it was given */
    assert(!(left & BIT(x)));            /* a message leaves under one index */
    assert(!(used[cur] & BIT(next)));    /* an index is used once */
    left = left | BIT(x);
    used[cur] = used[cur] | BIT(next);
    it_s[x] = cur;
    it_n[x] = next;
#ifdef MUT_SEND_EARLY
    again = 1
#else
    save_packed()
#endif
    ;
    put(s_conn, s2c, PACKAGE, x, it_d[x])
}

inline first_unpacked()
{
    x = 0;
    do
    :: st[x] != QUEUED && st[x] != LINE -> x++
    :: else -> break
    od
}

/* stream_add of a line, or pack_batch: only what was QUEUED, or reserves, waits for the disk. */
inline save_packed()
{
    changed();
    if
    :: next == reserved ->
        reserved = reserved + BLOCK;
        st[x] = PACKED;
#ifndef MUT_NO_BLOCK
        sync()
#endif
    :: next < reserved && st[x] == QUEUED ->
        st[x] = PACKED;
#ifndef MUT_PACK_UNSYNCED
        sync()
#endif
    :: else -> st[x] = PACKED
    fi;
    next++;
    from_item = x + 1
}

/* A line that cannot leave now. */
inline read_line()
{
    x = 0;
    do
    :: st[x] != LINE -> x++
    :: else -> break
    od;
    st[x] = QUEUED;
    changed();
    x = 0
}

/* For message x. */
inline initiate()
{
    if
    :: asked_for == 0 || !fits(asked_for - 1, x) ->
        assert(made < NS);
        made++;
        asked_for = made;
#if SWITCH > 0
        if
        :: SWITCH & BIT(x) -> other = other | BIT(asked_for - 1)
        :: else
        fi;
#endif
        changed();
        sync()
    :: else
    fi;
    put(s_conn, s2c, NEG_REQUEST, asked_for - 1, 0);
    state = ASKED
}

#ifdef MUT_SWITCH_INDEX
#define GIVEN_BACK 0
#else
#define GIVEN_BACK next
#endif

/* stream_next_session, for message x: one that was set aside, or a new one. */
inline next_session()
{
#if SWITCH > 0
    if
    :: aside != NONE && fits(aside, x) ->
        i = aside;
        y = aside_next;
        aside = cur;
        aside_next = GIVEN_BACK;
        cur = i;
        next = y;
        reserved = y;
        changed();
        sync();
        i = 0;
        y = 0;
        begin()
    :: else ->
        if
        :: cur != NONE ->
            aside = cur;
            aside_next = GIVEN_BACK;
            cur = NONE;
            next = 0;
            reserved = 0;
            changed();
            sync()
        :: else
        fi;
        initiate()
    fi
#else
    initiate()
#endif
}

#ifdef MUT_SWITCH_NOT
#define serves(which, item) true
#else
#define serves(which, item) fits(which, item)
#endif

inline pack_next()
{
    first_unpacked();
    if
    :: cur != NONE && serves(cur, x) -> pack()
    :: else -> next_session()
    fi
}

#define can_crash_sender (faults && s_crash > 0)
#define is_pumping (s_conn && (state == READY || state == IDLE))
#define can_read (st[M - 1] == LINE)
#define waits(i)    (st[i] == QUEUED || st[i] == LINE)
#define is_unpacked (waits(0) || waits(1) || waits(M - 1))
#define can_pack (is_pumping && !resending && is_unpacked && len(s2c) < WINDOW)

proctype sender()
{
    byte x, y, i;
    mtype type, before;
    bool again; /* frames are out, the commit is due */

end:
    do
    :: d_step {
           !again && !s_conn && !attaching && has_store ->
           attaching = 1;
           todo!ATTACH,0,0,conn_no * 16
       }
    :: d_step { !again && s_conn && state == WAITING -> begin(); skip }
    :: d_step {
           !again && s_conn && nempty(c2s) -> c2s?type,x,y; take_frame();
           type = 0;
           if
           :: !again -> x = 0; y = 0
           :: else
           fi
       }
    :: d_step { !again && is_pumping && resending && len(s2c) < WINDOW -> resend(); skip }
    :: d_step {
           !again && can_pack -> pack_next();
           if
           :: !again -> x = 0
           :: else
           fi
       }
    :: d_step {
           again ->
#ifdef MUT_SEND_EARLY
           if
           :: st[x] == QUEUED -> save_packed()
           :: else -> commit_receipt()
           fi;
#else
           commit_receipt();
#endif
           again = 0; x = 0; y = 0
       }
    :: d_step {
           again && can_crash_sender ->
           s_crash--;
           cut_sender();
#ifdef MUT_SEND_EARLY
           it_d[x] = SECOND;
#endif
           next = reserved;
           again = 0; x = 0; y = 0
       }
    :: d_step { !again && can_crash_sender && s_conn -> s_crash--; cut_sender(); next = reserved }
    :: d_step { !again && ack_due != 0 -> settle(); skip }
    :: d_step { !again && can_read -> read_line(); skip }
    /* the disk may have anything sooner than it has to */
    :: d_step { !again && s_power > 0 && !synced -> sync(); skip }
    :: d_step { s_power > 0 && faults -> s_power--; lose_power(); again = 0; x = 0; y = 0 }
    :: d_step {
           !again && faults && worn > 0 && is_pumping && cur != NONE ->
           worn--;
           cur = NONE;
           next = 0;
           reserved = 0;
           changed()
       }
    od
}

/* ---- the cloud ---- */

inline dequeue(which)
{
    if
    :: q[0] == which -> q[0] = q[1]; q[1] = q[2]; q_d[0] = q_d[1]; q_d[1] = q_d[2]
    :: else ->
        if
        :: q[1] == which -> q[1] = q[2]; q_d[1] = q_d[2]
        :: else
        fi
    fi;
    q_n--;
    q[q_n] = 0;
    q_d[q_n] = 0;
    q_h[which] = 0
}

inline raise(which)
{
    if
    :: c_next[it_s[which]] <= it_n[which] -> c_next[it_s[which]] = it_n[which] + 1
    :: else
    fi
}

/* Nothing but another VERIFIED replaces VERIFIED. */
inline keep(which, word)
{
    if
#ifndef MUT_NO_KEEP
    :: rc[which] / 8 != VERIFIED || word / 8 == VERIFIED -> rc[which] = word
#endif
    :: else
    fi
}

/* store_kept_add */
inline retain(which, word)
{
#if KEEP
    if
    :: word / 8 == VERIFIED -> kept = kept | BIT(which)
    :: else
    fi
#else
    skip
#endif
}

/* store_enqueue, all but the case of no room. */
inline enqueue(item, copy)
{
    if
    :: in_queue(item) && q_h[item] == copy -> type = KNOWN
    :: in_queue(item) && q_h[item] != copy -> type = CONFLICT
    :: !in_queue(item) && rc[item] != 0 && rc[item] % 8 == copy -> type = KNOWN; z = z + 8
    :: !in_queue(item) && rc[item] / 8 == VERIFIED && rc[item] % 8 != copy -> type = CONFLICT
    :: else ->
        raise(item);
        if
        :: overtaken[item] != 0 ->
            keep(item, overtaken[item]);
            retain(item, overtaken[item]);
            type = ELIDED
        :: else ->
            q[q_n] = item;
            q_d[q_n] = copy;
            q_h[item] = copy;
            q_n++;
            type = ACCEPTED;
            sent = sent & ~BIT(item);
            if
            :: hand & BIT(item) -> sent = sent | BIT(item)
            :: else
            fi
        fi
    fi
}

/* store_receipt; a package without a row (z & 1) was never written. */
inline put_receipt(item, said)
{
    if
    :: z & 1 -> raise(item); keep(item, said)
    :: !(z & 1) && in_queue(item) -> dequeue(item); keep(item, said); retain(item, said)
    :: else -> type = NOTHING
    fi
}

/* The writer: one operation, as its commit leaves it. */
inline write()
{
    if
    :: type == PACKAGE ->
        if
        :: gate & BIT(z & 3) -> type = STOPPED
        :: else -> enqueue(x, y)
        fi
    :: type == RECEIPT -> put_receipt(x, y)
    :: type == RECEIPT_ACK -> rc[x] = 0
    :: type == RESUME -> y = c_next[x]
    :: type == LIST -> x = rc[0]; y = rc[1]; z = rc[M - 1]
    :: type == NEG_REQUEST ->
        if
        :: neg != x + 1 -> neg = x + 1; neg_state = 1
        :: else
        fi;
        y = neg_state
    :: type == NEG_ANSWER && neg == x + 1 -> neg_state = 2
    :: else
    fi
}

#define is_same_conn (z / 16 == conn_no)

inline stop_stream()
{
    if
    :: (z & 3) == stream_no -> stopped = 1
    :: else
    fi
}

/* mailbox_written */
inline written()
{
    packages--;
    if
    :: !(z & 4) || !(hand & BIT(x)) -> unhanded--
    :: else
    fi;
    if
    :: (z & 4) && overtaken[x] != 0 ->
#if KEEP
        put(s_conn, c2s, RECEIPT, x, overtaken[x]);
#endif
        if
        :: type == ACCEPTED || type == KNOWN && !(z & 8) -> todo!RECEIPT,x,overtaken[x],0
        :: type == FULL || type == STOPPED || type == CONFLICT -> todo!RECEIPT,x,overtaken[x],1
        :: else
        fi;
        overtaken[x] = 0
    :: (z & 4) && overtaken[x] == 0 && (hand & BIT(x)) ->
        if
        :: type == ACCEPTED || type == KNOWN && !(z & 8) -> box_row = box_row | BIT(x)
        :: else
        fi
    :: else ->
        if
        :: r_conn && type == ACCEPTED -> behind = 1
        :: else
        fi
    fi;
    if
    :: z & 4 -> hand = hand & ~BIT(x)
    :: else
    fi
}

/* ACCEPTED, which promises that the cloud has the package or the sender its receipt. */
inline accept()
{
    assert(in_queue(x) || rc[x] != 0 || st[x] == DONE);
    put(is_same_conn, c2s, ACCEPTED, x, 0)
}

/* The loop hears of a commit. */
inline complete()
{
    if
    :: type == ACCEPTED || type == KNOWN || type == ELIDED ->
#ifndef MUT_ACCEPT_EARLY
        accept();
#endif
        if
        :: (z & 12) == 8 -> put(s_conn, c2s, RECEIPT, x, rc[x])
        :: else
        fi;
        written()
    :: type == FULL -> stop_stream(); put(is_same_conn, c2s, REFUSED, x, 0); written()
    :: type == STOPPED -> stop_stream(); put(is_same_conn, c2s, STOPPED, x, 0); written()
    :: type == CONFLICT -> put(is_same_conn, c2s, CONFLICT, x, 0); written()
    :: type == RECEIPT && !EARLY -> put(s_conn, c2s, RECEIPT, x, y)
    :: type == RESUME -> put(is_same_conn, c2s, RESUMED, x, y)
    :: type == ATTACH && is_same_conn ->
        attaching = 0;
        s_conn = 1;
        put(s_conn, c2s, ATTACHED, 0, 0);
        todo!LIST,0,0,0
    :: type == LIST -> list()
    :: type == NEG_REQUEST && y == 1 -> put(r_conn, c2r, NEG_FORWARD, x, 0)
    :: type == NEG_REQUEST && y == 2 -> put(is_same_conn, c2s, NEG_RESULT, x, 0)
    :: type == NEG_ANSWER && neg == x + 1 -> put(s_conn, c2s, NEG_RESULT, x, 0)
    :: else
    fi
}

#define all_sent \
    (!((q_n > 0 && !(sent & BIT(q[0]))) || (q_n > 1 && !(sent & BIT(q[1]))) || \
       (q_n > 2 && !(sent & BIT(q[2])))))

/* handle_package */
inline take_package()
{
    z = conn_no * 16 + stream_no;
    if
    :: EARLY && r_conn && !behind && !(box & BIT(x)) && len(c2r) < WINDOW ->
        z = z + 4;
        hand = hand | BIT(x);
        box = box | BIT(x);
        box_d[x] = y;
        box_row = box_row & ~BIT(x);
        put(r_conn, c2r, PACKAGE, x, y)
    :: else ->
        unhanded++;
        if
        :: r_conn -> behind = 1
        :: else
        fi
    fi;
#ifdef MUT_ACCEPT_EARLY
    accept();
#endif
    packages++;
    todo!PACKAGE,x,y,z
}

inline take_from_sender()
{
    if
    :: type == PACKAGE && stopped -> put(s_conn, c2s, STOPPED, x, 0)
    :: type == PACKAGE && !stopped -> take_package()
    :: type == RESUME ->
        if
        :: stopped ->
            stopped = 0;
            stream_no = (stream_no + 1) % 4;
            gate = gate & ~BIT(stream_no)
        :: else
        fi;
        todo!RESUME,x,0,conn_no * 16
    :: else -> todo!type,x,y,conn_no * 16
    fi
}

/* The sender would not send again what it has a receipt for. */
#if KEEP && !defined(MUT_TELL_EARLY)
#define tells_now(which) (!(hand & BIT(which)))
#else
#define tells_now(which) true
#endif

/* mailbox_receipt */
inline take_from_receiver()
{
    if
    :: type == RECEIPT && (box & BIT(x)) && box_d[x] == y % 8 ->
        box = box & ~BIT(x);
        box_d[x] = 0;
        if
        :: EARLY && tells_now(x) -> put(s_conn, c2s, RECEIPT, x, y)
        :: else
        fi;
        if
        :: hand & BIT(x) -> overtaken[x] = y
        :: else ->
            if
            :: box_row & BIT(x) -> todo!RECEIPT,x,y,0
            :: else -> todo!RECEIPT,x,y,1
            fi
        fi;
        box_row = box_row & ~BIT(x)
    :: type == NEG_ANSWER -> todo!NEG_ANSWER,x,0,0
    :: else
    fi
}

/* Hand out the mailbox's package at place i. */
inline hand_out(place)
{
    x = q[place];
    sent = sent | BIT(x);
    box = box | BIT(x);
    box_row = box_row | BIT(x);
    box_d[x] = q_d[place];
    put(r_conn, c2r, PACKAGE, x, q_d[place]);
    x = 0
}

/* All receipts that wait are one page. A list for an earlier connection is sent twice. */
inline list()
{
    put(s_conn && x != 0, c2s, RECEIPT, 0, x);
    put(s_conn && y != 0 && M > 1, c2s, RECEIPT, 1, y);
    put(s_conn && z != 0 && M > 2, c2s, RECEIPT, 2, z);
    put(s_conn && neg_state == 2, c2s, NEG_RESULT, neg - 1, 0)
}

inline crash_cloud()
{
    cut_sender();
    cut_receiver();
    do
    :: nempty(todo) -> todo?_,_,_,_
    :: empty(todo) -> break
    od;
    do
    :: nempty(done) -> done?_,_,_,_
    :: empty(done) -> break
    od;
    packages = 0;
    unhanded = 0;
    overtaken[0] = 0;
    overtaken[1] = 0;
    overtaken[M - 1] = 0
}

inline expire_at(place)
{
    x = q[place];
    y = q_h[x];
    dequeue(x);
    keep(x, 8 * EXPIRED + y);
    if
    :: s_conn -> todo!LIST,0,0,0
    :: else
    fi;
    x = 0;
    y = 0
}

#define is_unsent(i) (q_n > i && !(sent & BIT(q[i])))
#define can_deliver (r_conn && len(c2r) < WINDOW)

proctype cloud()
{
    byte x, y, z;
    mtype type;

end:
    do
    :: d_step {
           s_conn && nempty(s2c) && has_store -> s2c?type,x,y; take_from_sender();
           type = 0; x = 0; y = 0; z = 0
       }
    :: d_step {
           r_conn && nempty(r2c) && has_store -> r2c?type,x,y; take_from_receiver();
           type = 0; x = 0; y = 0
       }
    :: d_step {
           nempty(todo) -> todo?type,x,y,z; write(); done!type,x,y,z;
           type = 0; x = 0; y = 0; z = 0
       }
    :: d_step {
           faults && refusals > 0 && todo?[PACKAGE,_,_,_] -> todo?type,x,y,z;
           refusals--;
#ifndef MUT_NO_STOP
           gate = gate | BIT(z & 3);
#endif
           done!FULL,x,y,z;
           type = 0; x = 0; y = 0; z = 0
       }
    :: d_step {
           nempty(done) -> done?type,x,y,z; complete();
           type = 0; x = 0; y = 0; z = 0
       }
    :: d_step { can_deliver && is_unsent(0) -> hand_out(0) }
    :: d_step { can_deliver && !is_unsent(0) && is_unsent(1) -> hand_out(1) }
    :: d_step { can_deliver && !is_unsent(0) && !is_unsent(1) && is_unsent(2) -> hand_out(2) }
    :: d_step { r_conn && behind && all_sent && unhanded == 0 -> behind = 0 }
    /* what a cloud should not do */
    :: d_step { faults && c_crash > 0 -> c_crash--; crash_cloud(); skip }
    :: d_step { faults && broken > 0 && q_n > 0 && q_d[0] == OURS -> broken--; q_d[0] = BROKEN }
    :: d_step { faults && broken > 0 && q_n > 1 && q_d[1] == OURS -> broken--; q_d[1] = BROKEN }
    :: d_step { faults && touched > 0 && q_n > 0 && q_d[0] == OURS -> touched--; q_d[0] = TOUCHED }
    :: d_step { faults && touched > 0 && q_n > 1 && q_d[1] == OURS -> touched--; q_d[1] = TOUCHED }
    :: d_step { faults && reorder > 0 && can_deliver && is_unsent(1) -> reorder--; hand_out(1) }
    :: d_step { faults && expire > 0 && has_store && q_n > 0 -> expire--; expire_at(0) }
    :: d_step { faults && expire > 0 && has_store && q_n > 1 -> expire--; expire_at(1) }
    od
}

/* ---- the receiver ---- */

/* deliver: z is the status. Nothing is written for a package that fails. */
inline verify()
{
    if
    :: !has[it_s[x]] -> z = UNVERIFIABLE
    :: has[it_s[x]] && seen[x] == y + 1 -> z = VERIFIED
    :: has[it_s[x]] && seen[x] != 0 && seen[x] != y + 1 -> z = REJECTED
    :: else ->
        if
        :: it_n[x] < n_next[it_s[x]] && !(skipped[it_s[x]] & BIT(it_n[x])) -> z = UNVERIFIABLE
        :: else ->
            if
            :: y == BROKEN -> z = REJECTED
            :: else -> z = VERIFIED; is_new = 1
            fi
        fi
    fi
}

/* put_message, with what must hold of the inbox */
inline put_message()
{
    assert(!(inbox & BIT(x)));
    assert(x >= last || !HONEST);
    inbox = inbox | BIT(x);
    if
    :: x >= last -> last = x + 1
    :: else /* late */
    fi
}

/* update_session */
inline update_session()
{
    if
    :: it_n[x] < n_next[it_s[x]] -> skipped[it_s[x]] = skipped[it_s[x]] & ~BIT(it_n[x])
    :: else ->
        do
        :: n_next[it_s[x]] < it_n[x] ->
            skipped[it_s[x]] = skipped[it_s[x]] | BIT(n_next[it_s[x]]);
            n_next[it_s[x]]++
        :: else -> break
        od;
        n_next[it_s[x]]++
    fi;
#ifndef MUT_NO_REPLAY
    seen[x] = y + 1
#endif
}

inline take_at_receiver()
{
    if
    :: type == NEG_FORWARD -> has[x] = 1; put(r_conn, r2c, NEG_ANSWER, x, 0)
    :: else ->
        verify();
#ifdef MUT_SPLIT
        if
        :: is_new -> put_message()
        :: else -> put(r_conn, r2c, RECEIPT, x, 8 * z + y)
        fi
#else
#ifndef MUT_RECEIPT_EARLY
        if
        :: is_new -> put_message(); update_session(); is_new = 0
        :: else
        fi;
#endif
        put(r_conn, r2c, RECEIPT, x, 8 * z + y)
#endif
    fi
}

/* What a mutation puts off to a second step. */
inline put_off()
{
#ifdef MUT_SPLIT
    update_session();
    put(r_conn, r2c, RECEIPT, x, 8 * z + y)
#else
    put_message();
    update_session()
#endif
}

proctype receiver()
{
    byte x, y, z;
    mtype type;
    bool is_new; /* the second step of a mutation is due */

end:
    do
    :: d_step {
           !is_new && !r_conn -> r_conn = 1;
           behind = 1;
           put(neg_state == 1, c2r, NEG_FORWARD, neg - 1, 0)
       }
    :: d_step {
           !is_new && r_conn && nempty(c2r) -> c2r?type,x,y; take_at_receiver();
           type = 0;
           if
           :: !is_new -> x = 0; y = 0; z = 0
           :: else
           fi
       }
    :: d_step { is_new -> put_off(); is_new = 0; x = 0; y = 0; z = 0 }
    :: d_step {
           is_new && faults && r_crash > 0 -> r_crash--; cut_receiver();
           is_new = 0; x = 0; y = 0; z = 0
       }
    :: d_step { !is_new && faults && r_crash > 0 && r_conn -> r_crash--; cut_receiver(); skip }
    :: d_step { !is_new && faults && forget > 0 && has[0] -> forget--; has[0] = 0 }
    od
}

/* ---- the world ---- */

proctype network()
{
end:
    do
    :: d_step { faults && s_cut > 0 && s_conn -> s_cut--; cut_sender(); skip }
    :: d_step { faults && r_cut > 0 && r_conn -> r_cut--; cut_receiver(); skip }
    /* At some time nothing goes wrong any more. */
    :: d_step { faults -> faults = 0 }
    od
}

#define all_told (st[0] == DONE && st[1] == DONE && st[M - 1] == DONE)

#define is_kept(which) (told[which] != VERIFIED || (kept & BIT(which)))

/* When nothing can happen any more, every message has its end, and the cloud has forgotten it, or
 * keeps it. */
proctype judgement()
{
    timeout;
    assert(all_told);
    assert(q_n == 0);
#if KEEP
    assert(is_kept(0) && is_kept(1) && is_kept(M - 1));
#endif
    assert(EARLY || rc[0] == 0 && rc[1] == 0 && rc[M - 1] == 0)
}

inline set_line(which)
{
    if
    :: LINES & BIT(which) -> st[which] = LINE; k_st[which] = LINE
    :: else
    fi
}

init {
    atomic {
        has[0] = 1;
        cur = 0;
        set_line(0);
        set_line(1);
        set_line(M - 1);
        run sender();
        run cloud();
        run receiver();
        run network();
        run judgement()
    }
}

ltl settled { <> [] all_told }

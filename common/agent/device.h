/*
 * device.h - what every command of a device does first and last: open the home and its state, apply
 * --cloud, --suites and --peer-key, make an event base that ends on SIGTERM and SIGINT.
 */
#ifndef INKPOST_AGENT_DEVICE_H
#define INKPOST_AGENT_DEVICE_H

#include <event2/event.h>

#include "common/agent/options.h"
#include "common/agent/state.h"
#include "common/offer.h"

struct device {
    struct home home;
    struct sql *db;
    struct event_base *base;
    int is_beside; /* the event base and the signals are another's */
    struct event *signals[2];
    struct offer offer;
    void (*stop)(void *arg); /* what a signal calls */
    void *arg;
};

/*
 * Open; role 0 for commands without a connection (then there is no event base). Prints what is
 * wrong and returns an exit code, or 0. device_close() is due either way.
 */
int device_open(struct device *d, const struct device_options *o, enum conn_role role);
/*
 * Open the device of `first` in its other role too, with a lock, a state handle and an offer of its
 * own, on the event base of `first`, which is closed last. As device_open().
 */
int device_open_beside(struct device *d, const struct device *first, enum conn_role role,
                       const struct device_options *o);
/* Remember --cloud and --suites: due once the command is known to make sense, for one that is
 * refused changes nothing. Prints what is wrong and returns an exit code, or 0. */
int device_remember(struct device *d);
/* Call stop(arg) at SIGTERM or SIGINT. */
void device_on_stop(struct device *d, void (*stop)(void *arg), void *arg);
/* The last of a program: from here on it hears neither signal. */
void device_close(struct device *d);

/* An event base that also takes plain files (stdin may be one), with the two signals bound. */
struct event_base *device_base(void);

#endif

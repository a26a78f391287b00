# inkpost: cloudd, sds and sdr over one core.   make help lists the targets.
#
# Every source file is found by its folder, so adding a file needs no edit here:
#   proto/ common/ common/sql/ common/net/ -> libcore.a     common/agent/ -> libagent.a
#   cloudd/ less main.c          -> libcloudd.a   tests/unit/test_*.c -> one program each
#   tests/integration/: each .c file but cloud_peer.c, and each folder with a main.c -> one driver
# B names the kind of build (plain, asan, fuzz); each has its own object folder.

B       ?= plain
O       := build/$(B)
CC      ?= cc
PREFIX  ?= /usr/local
OPT     ?= -O2 -g

WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes \
        -Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wswitch-enum
ifeq ($(WERROR),1)
WARN += -Werror
endif
HARD := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
SAN  :=
ifeq ($(B),asan)
SAN  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HARD := -fPIE
endif
ifeq ($(B),fuzz)
CC   := clang
SAN  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
HARD := -fPIE
endif
ifeq ($(B),coverage)
SAN  := --coverage
OPT  := -O0 -g
HARD := -fPIE
endif

CPPFLAGS += -D_GNU_SOURCE -I.
CFLAGS   += -std=c11 $(OPT) $(WARN) $(HARD) $(SAN) -MMD -MP
LDFLAGS  += -pie -Wl,-z,relro,-z,now $(SAN)
CORE_LIBS  := -lsodium -lcrypto -lm
AGENT_LIBS := -levent_core -lsqlite3
CLOUD_LIBS := -levent_core -lsqlite3 -lseccomp -lpthread

src  = $(foreach d,$(1),$(wildcard $(d)/*.c))
objs = $(patsubst %.c,$(O)/%.o,$(1))

TOOLS      := proto/table_dump.c
CORE_SRC   := $(filter-out $(TOOLS),$(call src,proto common common/sql common/net))
AGENT_SRC  := $(call src,common/agent)
CLOUD_SRC  := $(filter-out cloudd/main.c,$(call src,cloudd))
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_HELP  := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC  := $(wildcard tests/bench/bench_*.c)
DRIVE_HELP := tests/integration/cloud_peer.c
DRIVE_SRC  := $(filter-out $(DRIVE_HELP),$(wildcard tests/integration/*.c))
DRIVE_DIRS := $(patsubst %/main.c,%,$(wildcard tests/integration/*/main.c))
ATTACK_HELP := tests/attack/words.c
ATTACK_SRC := $(filter-out $(ATTACK_HELP),$(wildcard tests/attack/*.c))
TABLE_SRC  := $(wildcard tests/reproduce/table_*.c)
TABLE_HELP := $(filter-out $(TABLE_SRC),$(wildcard tests/reproduce/*.c))

LIBS     := $(O)/libcloudd.a $(O)/libagent.a $(O)/libcore.a
PROGRAMS := build/cloudd build/sds build/sdr
UNITS    := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_SRC))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(FUZZ_SRC))
BENCHES  := $(patsubst tests/bench/%.c,$(O)/bench/%,$(BENCH_SRC))
DRIVERS  := $(patsubst tests/integration/%,$(O)/drivers/%,$(DRIVE_SRC:.c=) $(DRIVE_DIRS))
ATTACKS  := $(patsubst tests/attack/%.c,$(O)/attack/%,$(ATTACK_SRC))
TABLES   := $(patsubst tests/reproduce/%.c,$(O)/reproduce/%,$(TABLE_SRC))

.PHONY: all programs units drivers attacks tables help check check-attack check-unit \
        check-integration check-source fuzz check-fuzz check-model asan valgrind coverage torture bench \
        bench-peers install clean format
.SECONDARY:

all: programs

programs: $(addprefix $(O)/,cloudd/cloudd sds/sds sdr/sdr) $(O)/proto/table_dump
ifeq ($(B),plain)
	@ln -sf plain/cloudd/cloudd build/cloudd
	@ln -sf plain/sds/sds build/sds
	@ln -sf plain/sdr/sdr build/sdr
endif

$(O)/libcore.a:   $(call objs,$(CORE_SRC))
$(O)/libagent.a:  $(call objs,$(AGENT_SRC))
$(O)/libcloudd.a: $(call objs,$(CLOUD_SRC))
$(O)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The decoders of stb are other people's code: not held to our warnings.
$(O)/common/stb.o: WARN := -w

$(O)/cloudd/cloudd: $(O)/cloudd/main.o $(O)/libcloudd.a $(O)/libcore.a
	$(CC) $(LDFLAGS) -o $@ $^ $(CLOUD_LIBS) $(CORE_LIBS)
$(O)/sds/sds: $(call objs,$(call src,sds)) $(O)/libagent.a $(O)/libcore.a
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(CORE_LIBS)
$(O)/sdr/sdr: $(call objs,$(call src,sdr)) $(O)/libagent.a $(O)/libcore.a
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(CORE_LIBS)
$(O)/proto/table_dump: $(O)/proto/table_dump.o $(O)/libcore.a
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)
$(O)/unit/%: $(O)/tests/unit/%.o $(call objs,$(UNIT_HELP)) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CLOUD_LIBS) $(CORE_LIBS)
$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(if $(filter fuzz,$(B)),-fsanitize=fuzzer) -o $@ $^ $(CLOUD_LIBS) $(CORE_LIBS)
$(O)/bench/%: $(O)/tests/bench/%.o $(call objs,$(DRIVE_HELP)) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CLOUD_LIBS) $(CORE_LIBS)
.SECONDEXPANSION: # so that a driver's name leads to its file, or to the files of its folder
$(O)/drivers/%: $$(call objs,$$(wildcard tests/integration/$$*.c tests/integration/$$*/*.c)) \
                $(call objs,$(DRIVE_HELP)) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CLOUD_LIBS) $(CORE_LIBS)
$(O)/attack/%: $(O)/tests/attack/%.o $(call objs,$(ATTACK_HELP)) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CLOUD_LIBS) $(CORE_LIBS)
$(O)/reproduce/%: $(O)/tests/reproduce/%.o $(call objs,$(TABLE_HELP)) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CLOUD_LIBS) $(CORE_LIBS)

units: $(UNITS)
drivers: $(DRIVERS)
attacks: $(ATTACKS)
tables: $(TABLES)

help:
	@sed -n 's/^## //p' Makefile

## check              the six below that begin with check-, and asan
check: check-source check-unit check-integration check-attack check-fuzz check-model asan
## check-unit         unit tests (cmocka)
check-unit: $(UNITS)
	@tests/run-units $(O)/unit
## check-integration  the three programs over real sockets
check-integration: all drivers
	@tests/run-integration
## check-source       include rules, docs against tables, style
check-source: $(O)/proto/table_dump
	@tests/check-source $(O)/proto/table_dump
## check-model        spin searches the model of delivery
check-model:
	@tests/model/run
## check-attack       the attack suite against the matrix that is expected of it
check-attack:
	@scripts/attack --short --check
## check-fuzz         replay the fuzz seeds
check-fuzz:
	$(MAKE) B=fuzz fuzzers
	@tests/fuzz/replay build/fuzz/fuzz
.PHONY: fuzzers
fuzzers: $(FUZZERS)
## fuzz               fuzz every decoder, 60 s each (SECONDS_EACH=n)
fuzz:
	$(MAKE) B=fuzz fuzzers
	@tests/fuzz/run build/fuzz/fuzz
## asan               unit tests under ASan and UBSan
asan:
	$(MAKE) B=asan units
	@tests/run-units build/asan/unit
## valgrind           unit tests and the three programs under valgrind memcheck: ten minutes and more
valgrind: all $(UNITS)
	@WRAP="valgrind -q --error-exitcode=99 --leak-check=full" tests/run-units $(O)/unit
	@tests/run-valgrind
## coverage           line coverage of the unit tests, by gcov
coverage:
	$(MAKE) B=coverage units
	@tests/run-units build/coverage/unit
	@lcov -q -c -d build/coverage -o build/coverage/lcov.info && lcov -q -r build/coverage/lcov.info '/usr/*' '*/tests/*' -o build/coverage/lcov.info && lcov --summary build/coverage/lcov.info
## torture            kill -9, a bad network, full disks, clock steps, until interrupted
torture: all
	@python3 -B tests/integration/kill_rounds.py --faults all --rounds 100000
## bench              medians and ratios; never part of check
bench: all $(BENCHES)
	@tests/bench/run $(O)
## bench-peers        the same jobs beside mosquitto, which it installs (QUICK=1: in two minutes)
bench-peers: all
	@tests/bench/peers/run $(if $(QUICK),--quick) $(O)
## install            to $(PREFIX)
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install $(O)/cloudd/cloudd $(O)/sds/sds $(O)/sdr/sdr $(DESTDIR)$(PREFIX)/bin
	install -m 644 docs/cloudd.1 docs/sds.1 docs/sdr.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|' scripts/cloudd.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/cloudd.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/cloudd.service
## format             clang-format the tree
format:
	clang-format -i $(filter-out common/stb.c,$(CORE_SRC) $(AGENT_SRC) $(CLOUD_SRC))
clean:
	rm -rf build

-include $(shell find $(O) -name '*.d' 2>/dev/null)

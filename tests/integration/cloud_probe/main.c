/*
 * cloud_probe - devices played by hand against a running cloudd, one scenario a run: what good
 * devices do step by step, and what bad ones try. Here: the table of scenarios.
 *
 *     cloud_probe HOST:PORT CLOUD_KEY SCENARIO [ARGUMENT...]
 *
 * It prints "ok SCENARIO" and exits 0, or says which line failed and exits 1. Device keys follow
 * from the id, so that separate runs play the same devices.
 */
#include "tests/integration/cloud_probe/cloud_probe.h"

static const struct {
    const char *name;
    int arguments;
    void (*run)(char **arg);
} scenarios[] = {
    {"enrol", 3, scenario_enrol},
    {"enrol-fails", 4, scenario_enrol_fails},
    {"enrol-blank", 2, scenario_enrol_blank},
    {"flow", 2, scenario_flow},
    {"negotiation", 2, scenario_negotiation},
    {"repeats", 3, scenario_repeats},
    {"full", 2, scenario_full},
    {"lies", 2, scenario_lies},
    {"sets", 2, scenario_sets},
    {"preauth", 0, scenario_preauth},
    {"no-open", 0, scenario_no_open},
    {"postauth", 1, scenario_postauth},
    {"silent", 0, scenario_silent},
    {"crowd", 1, scenario_crowd},
    {"put", 2, scenario_put},
    {"altered", 2, scenario_altered},
    {"revoked", 2, scenario_revoked},
    {"flood", 3, scenario_flood},
    {"term", 1, scenario_term},
};

int main(int argc, char **argv)
{
    CHECK(argc >= 4 && sodium_init() >= 0);
    CHECK(text_unhex(cloud_key, KEY_BYTES, argv[2]) == 0);
    reach(argv[1]);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(scenarios[i].name, argv[3]) != 0)
            continue;
        CHECK(argc - 4 >= scenarios[i].arguments);
        scenarios[i].run(argv + 4);
        printf("ok %s\n", argv[3]);
        return 0;
    }
    fprintf(stderr, "not ok: no scenario %s\n", argv[3]);
    return 1;
}

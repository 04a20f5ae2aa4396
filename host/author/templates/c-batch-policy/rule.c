// Cuts after a number of envelopes, and never mixes two organisations in a block.
#include "raddle-guest/guest.h"

// An instance lives for one batch, and so do these.
static uint64_t count = 100;
static bool is_read;
static raddle_string_t organisation;

// Reads the settings, for each batch anew. What is wrong with them is told to whoever installs the module.
bool rg_check_settings(raddle_string_t *error) {
    static const char *const known[] = {"count"};
    is_read = true;
    return rg_only(known, 1, error) && rg_number("count", &count, error);
}

static raddle_string_t organisation_of(const rg_envelope_t *envelope) {
    raddle_string_t msp_id;
    return raddle_rules_creators_msp_id(envelope->creator, &msp_id) ? msp_id : RG_TEXT("");
}

// May the envelope join the batch? Never asked of a batch's first one.
bool rg_fits(rg_envelope_t *envelope, rg_pending_t *pending) {
    (void)pending;
    raddle_string_t other = organisation_of(envelope);
    bool is_same = rg_equal(organisation, other);
    raddle_string_free(&other);
    return is_same;
}

// The envelope joins; is the batch full? All orderers must say the same: there is no clock, and nothing random.
bool rg_add(rg_envelope_t *envelope, rg_pending_t *pending) {
    raddle_string_t error;
    if (!is_read) rg_check_settings(&error);
    raddle_string_free(&organisation);
    organisation = organisation_of(envelope);
    return pending->count + 1 >= count;
}
